//! [`Digest`].

use es_core::CommandId;
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write};
use std::io::{self, Read};

/// What the text of a log is known by: the same bytes give the same digest, wherever they lie and however they are
/// compressed.
///
/// Each line is a command, and its id is this digest with the number of the line. So a log can be imported twice, or
/// go on where it was killed, and each line has one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(String);

/// Of the 32 bytes of SHA-256, as many as two logs need to never meet by chance.
const DIGEST_BYTES: usize = 16;

impl Digest {
    /// Reads `log` to its end; gives its digest and the number of its lines.
    ///
    /// # Errors
    /// When the log cannot be read, for instance because it is cut off in the middle of its compression.
    pub fn of(mut log: impl Read) -> io::Result<(Self, u64)> {
        let mut hash = Sha256::new();
        let mut lines = 0;
        let mut last = b'\n';
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match log.read(&mut buffer) {
                Ok(0) => break,
                Ok(bytes) => {
                    hash.update(&buffer[..bytes]);
                    lines += buffer[..bytes].iter().filter(|byte| **byte == b'\n').count() as u64;
                    last = buffer[bytes - 1];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
        let mut text = String::with_capacity(2 * DIGEST_BYTES);
        for byte in hash.finalize().iter().take(DIGEST_BYTES) {
            write!(text, "{byte:02x}").expect("a string takes any text");
        }
        Ok((Self(text), lines + u64::from(last != b'\n')))
    }

    /// The id of the command in this line.
    pub fn command_id(&self, line: u64) -> CommandId {
        format!("{}:{line}", self.0).parse().expect("a digest and a number make a command id")
    }

    /// Whether the command with this id is in a line of this log.
    pub fn has(&self, command_id: &CommandId) -> bool {
        command_id.as_str().strip_prefix(&self.0).is_some_and(|rest| rest.starts_with(':'))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_makes_another_log_and_the_last_line_needs_no_end() {
        let (digest, lines) = Digest::of(&b"a\nb\n"[..]).unwrap();
        assert_eq!((digest.to_string().len(), lines), (32, 2));
        let (other, lines) = Digest::of(&b"a\nb"[..]).unwrap();
        assert_eq!(lines, 2);
        assert_ne!(digest, other);
        assert!(digest.has(&digest.command_id(2)) && !digest.has(&other.command_id(2)));
    }
}
