//! [`Source`].

use super::Digest;
use super::generator::Generator;
use super::row::{self, Damage, Row};
use flate2::bufread::MultiGzDecoder;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

/// What a compressed file begins with.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

const BUFFER_BYTES: usize = 256 * 1024;

/// Where a log comes from. It is read twice, for its digest and for its rows, and never held in memory as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A CSV file, compressed or not.
    File(PathBuf),
    /// A log of the same shape that is made while it is read; the same numbers make the same log.
    Generated { applications: u64, seed: u64 },
}

impl Source {
    /// The digest and the number of rows, damaged ones included.
    ///
    /// # Errors
    /// When the log cannot be read to its end.
    pub fn digest(&self) -> io::Result<(Digest, u64)> {
        let (digest, lines) = Digest::of(self.open()?)?;
        Ok((digest, lines.saturating_sub(1)))
    }

    /// The rows, whole or damaged, with their line numbers.
    ///
    /// # Errors
    /// When the log cannot be read, or is none.
    pub fn rows(&self) -> io::Result<impl Iterator<Item = io::Result<(u64, Result<Row, Damage>)>> + use<>> {
        row::rows(self.open()?)
    }

    /// The text.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Generated { applications, seed } => Ok(Box::new(Generator::new(*applications, *seed))),
            Self::File(path) => {
                let file = File::open(path)?;
                if !file.metadata()?.is_file() {
                    return Err(io::Error::other("it is no file, and a log is read twice"));
                }
                let mut text = BufReader::with_capacity(BUFFER_BYTES, file);
                if text.fill_buf()?.starts_with(&GZIP_MAGIC) {
                    Ok(Box::new(MultiGzDecoder::new(text)))
                } else {
                    Ok(Box::new(text))
                }
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Generated { applications, seed } => {
                write!(f, "the generated log of {applications} applications, seed {seed}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn a_log_is_the_same_compressed_or_not_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let generated = Source::Generated { applications: 20, seed: 1 };
        let mut text = Vec::new();
        generated.open().unwrap().read_to_end(&mut text).unwrap();
        let plain = folder.path().join("a");
        std::fs::write(&plain, &text).unwrap();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&text).unwrap();
        let compressed = folder.path().join("b");
        std::fs::write(&compressed, gzip.finish().unwrap()).unwrap();

        let digest = generated.digest().unwrap();
        assert_eq!(Source::File(plain).digest().unwrap(), digest);
        assert_eq!(Source::File(compressed).digest().unwrap(), digest);
        assert_eq!(generated.rows().unwrap().count() as u64, digest.1);
    }

    #[test]
    fn a_file_that_is_cut_off_and_a_folder_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&[b'a'; 10_000]).unwrap();
        let whole = gzip.finish().unwrap();
        let path = folder.path().join("cut.csv.gz");
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(Source::File(path).digest().is_err());
        assert!(Source::File(folder.path().to_owned()).digest().is_err());
        assert!(Source::File(folder.path().join("none")).digest().is_err());
    }
}
