//! [`Packed`]: what is read of many events, in few pieces of memory.

use bytes::{Bytes, BytesMut};
use es_core::{EventNames, Payload};

/// How large the first piece is. Each further one is twice as large.
const PIECE_BYTES_MIN: usize = 1024;
/// How large a piece becomes: a payload that somebody keeps holds on to all of its piece.
const PIECE_BYTES_MAX: usize = 64 * 1024;
/// From how many bytes on a payload is a piece of its own.
const OWN_BYTES_MIN: usize = 4 * 1024;

/// Puts payloads one behind the other, so that the memory that they were received in is free at once, and does not look for a
/// name twice. One reader allocates what another thread frees, and that is the dearest part of an event.
#[derive(Default)]
pub(crate) struct Packed {
    pub(crate) names: EventNames,
    piece: BytesMut,
    piece_bytes: usize,
}

impl Packed {
    /// A payload of these bytes; what is large is made by `own`.
    pub(crate) fn payload(&mut self, bytes: &[u8], own: impl FnOnce() -> Bytes) -> Payload {
        if bytes.len() >= OWN_BYTES_MIN {
            return Payload::new(own());
        }
        if self.piece.capacity() < bytes.len() {
            self.piece_bytes = (self.piece_bytes * 2).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX);
            self.piece = BytesMut::with_capacity(self.piece_bytes.max(bytes.len()));
        }
        self.piece.extend_from_slice(bytes);
        Payload::new(self.piece.split().freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_stay_as_they_were_whatever_comes_behind_them() {
        let mut packed = Packed::default();
        let own = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
        let texts: Vec<_> = (0..2_000).map(|n| vec![n as u8; n * 7 % 5_000]).collect();
        let payloads: Vec<_> = texts.iter().map(|text| packed.payload(text, || own(text))).collect();
        for (text, payload) in texts.iter().zip(&payloads) {
            assert_eq!(payload.as_bytes(), text);
        }
    }

    #[test]
    fn small_payloads_follow_each_other_in_memory() {
        let mut packed = Packed::default();
        let mut place = |text: &[u8]| {
            let payload = packed.payload(text, || unreachable!("it is small"));
            let begin = payload.as_bytes().as_ptr() as usize;
            (payload, begin)
        };
        let ((_first, one), (_second, two)) = (place(b"{}"), place(b"[]"));
        assert_eq!(two - one, 2);
    }
}
