//! Reads the rows that `COPY … (FORMAT binary)` gives, and writes those that it takes.

use crate::errors::corrupt;
use crate::event_row::{self, Columns};
use crate::packed::Packed;
use bytes::Bytes;
use es_core::{Payload, Recorded, StoreError, StreamId, ViewWrite};

/// What every copy begins with; flags and the length of what may follow them end its head.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Where a row would say how many columns it has, behind the last one.
const END: i16 = -1;

/// Where the first row begins, in the first piece of a copy.
pub(crate) fn behind_the_head(piece: &[u8]) -> Result<usize, StoreError> {
    if !piece.starts_with(SIGNATURE) {
        return Err(corrupt("a copy begins without its signature"));
    }
    let mut head = Fields { bytes: piece, at: SIGNATURE.len() + 4 };
    let more = i32::from_be_bytes(head.array()?);
    Ok(head.at + usize::try_from(more).map_err(corrupt)?)
}

/// The event in the row at `at` of a piece, with the columns that [`event_row::recorded`] names; nothing at the end of the
/// copy. A large payload shares the bytes.
pub(crate) fn recorded(
    piece: &Bytes,
    at: usize,
    stream: Option<&StreamId>,
    packed: &mut Packed,
) -> Result<Option<Recorded<Payload>>, StoreError> {
    let mut row = Fields { bytes: piece, at };
    match (i16::from_be_bytes(row.array()?), stream) {
        (END, _) => return Ok(None),
        (10, Some(_)) | (11, None) => (),
        (found, _) => return Err(corrupt(format_args!("a row of the log came with {found} columns"))),
    }
    let event = event_row::recorded(&mut row, stream, packed, |bytes| piece.slice_ref(bytes))?;
    if row.at != piece.len() {
        return Err(corrupt("a piece of a copy is not one row of the log"));
    }
    Ok(Some(event))
}

/// Reads one field after the other.
struct Fields<'p> {
    bytes: &'p [u8],
    at: usize,
}

impl<'p> Fields<'p> {
    fn take(&mut self, count: usize) -> Result<&'p [u8], StoreError> {
        let taken = self.bytes.get(self.at..self.at.saturating_add(count));
        self.at += count;
        taken.ok_or_else(|| corrupt("a row of a copy ends too early"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        self.take(N)?.try_into().map_err(corrupt)
    }
}

impl<'p> Columns<'p> for Fields<'p> {
    fn column(&mut self) -> Result<Option<&'p [u8]>, StoreError> {
        match i32::from_be_bytes(self.array()?) {
            -1 => Ok(None),
            length => self.take(usize::try_from(length).map_err(corrupt)?).map(Some),
        }
    }
}

/// The rows of views, in pieces of about `piece_bytes`; keys and views are two columns of text.
pub(crate) fn view_pieces(writes: &[ViewWrite], piece_bytes: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut writes = writes.iter();
    let mut piece = SIGNATURE.to_vec();
    piece.extend([0; 8]);
    let mut is_over = false;
    std::iter::from_fn(move || {
        while !is_over && piece.len() < piece_bytes {
            match writes.next() {
                Some(ViewWrite { key, view }) => {
                    piece.extend(2_i16.to_be_bytes());
                    for text in [key.as_str(), view.as_deref().unwrap_or_default()] {
                        // PostgreSQL refuses what is longer, as it does any text.
                        piece.extend(i32::try_from(text.len()).unwrap_or(i32::MAX).to_be_bytes());
                        piece.extend(text.as_bytes());
                    }
                }
                None => {
                    piece.extend(END.to_be_bytes());
                    is_over = true;
                }
            }
        }
        Some(std::mem::take(&mut piece)).filter(|piece| !piece.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use es_core::{Position, Version};
    use uuid::Uuid;

    fn recorded(piece: &Bytes, at: usize) -> Result<Option<Recorded<Payload>>, StoreError> {
        super::recorded(piece, at, None, &mut Packed::default())
    }

    fn row(fields: [Option<&[u8]>; 11]) -> Bytes {
        let mut row = 11_i16.to_be_bytes().to_vec();
        for field in fields {
            row.extend(field.map_or(-1, |field| field.len() as i32).to_be_bytes());
            row.extend(field.unwrap_or_default());
        }
        row.into()
    }

    #[test]
    fn a_row_that_is_cut_or_too_long_is_corrupt_and_never_a_panic() {
        let one = 1_i64.to_be_bytes();
        let number = Some(&one[..]);
        let id = Some(&[7; 16][..]);
        let text = Some(&b"account.opened"[..]);
        let stream = Some(&b"account-1"[..]);
        let whole = row([number, id, number, text, number, number, None, id, None, Some(b"{}"), stream]);
        let event = recorded(&whole, 0).unwrap().unwrap();
        assert_eq!((event.position, event.version), (Position::new(1), Version::new(1)));
        assert_eq!((&*event.name, event.data.as_bytes()), ("account.opened", &b"{}"[..]));
        assert_eq!(event.recorded_at.to_rfc3339(), "2000-01-01T00:00:00.000001+00:00");
        assert_eq!(event.metadata.causation_id, Some(Uuid::from_bytes([7; 16])));
        for end in 0..whole.len() {
            assert!(recorded(&whole.slice(..end), 0).is_err(), "{end}");
        }
        let longer: Bytes = [&whole[..], &[0]].concat().into();
        assert!(recorded(&longer, 0).is_err());
        let nulls = row([number, None, number, text, number, number, None, None, None, Some(b"{}"), stream]);
        assert!(recorded(&nulls, 0).is_err());
        assert!(recorded(&Bytes::from_static(&[0xff, 0xff]), 0).unwrap().is_none());
        assert!(behind_the_head(b"PGCOPY").is_err());
    }

    #[test]
    fn views_are_copied_in_pieces() {
        let writes: Vec<_> =
            (0..10).map(|n| ViewWrite { key: format!("k{n}"), view: Some("{}".to_owned()) }).collect();
        let whole: Vec<u8> = view_pieces(&writes, usize::MAX).flatten().collect();
        let pieces: Vec<_> = view_pieces(&writes, 20).collect();
        assert!(pieces.len() > 5);
        assert_eq!(pieces.concat(), whole);
        assert_eq!(behind_the_head(&whole).unwrap(), 19);
        assert_eq!(whole.len(), 19 + 10 * (2 + 4 + 2 + 4 + 2) + 2);
    }
}
