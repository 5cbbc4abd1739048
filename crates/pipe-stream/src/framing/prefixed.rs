//! Records with their length in front.

use crate::framing::{Cursor, Framing, NotARecord, Place, Rest};
use pipe_core::Flow;

/// Each record has its length in front, as a number of fixed size; the length counts the bytes behind it, and is not lent. The usual
/// framing of binary logs and protocol buffers on disk.
///
/// A length above [`max_record`](crate::Records::max_record) ends the run before anything is reserved for it. What is no message of this kind
/// reads as lengths at random, so it is found out soon.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::{LengthPrefixed, Lines, PrefixBytes};
///
/// let messages: &[u8] = b"\0\0\0\x03one\0\0\0\0\0\0\0\x05three";
/// let framing = LengthPrefixed::big_endian(PrefixBytes::Four);
/// let lengths = Lines::from_reader(messages).framed(framing).pipeline().map(<[u8]>::len);
/// assert_eq!(lengths.collect().run_on(&Inline)?.value, [3, 0, 5]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthPrefixed {
    bytes: PrefixBytes,
    order: Endian,
}

/// How many bytes a length has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixBytes {
    /// Up to 255.
    One,
    /// Up to 65,535.
    Two,
    /// Up to 4 GiB.
    Four,
    /// Up to what the machine can address.
    Eight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endian {
    Big,
    Little,
}

impl LengthPrefixed {
    /// Lengths with the highest byte first, as on networks.
    pub fn big_endian(bytes: PrefixBytes) -> Self {
        LengthPrefixed { bytes, order: Endian::Big }
    }

    /// Lengths with the lowest byte first, as most machines write them.
    pub fn little_endian(bytes: PrefixBytes) -> Self {
        LengthPrefixed { bytes, order: Endian::Little }
    }

    fn prefix(&self) -> usize {
        match self.bytes {
            PrefixBytes::One => 1,
            PrefixBytes::Two => 2,
            PrefixBytes::Four => 4,
            PrefixBytes::Eight => 8,
        }
    }

    /// Appends the prefix of a record.
    ///
    /// # Errors
    /// The longest record that this prefix can say, if that is shorter.
    #[inline]
    pub(crate) fn put_length(&self, length: usize, into: &mut Vec<u8>) -> Result<(), u64> {
        let (length, prefix) = (length as u64, self.prefix());
        let limit = u64::MAX >> (64 - 8 * prefix);
        if length > limit {
            return Err(limit);
        }
        match self.order {
            Endian::Little => into.extend_from_slice(&length.to_le_bytes()[..prefix]),
            Endian::Big => into.extend_from_slice(&length.to_be_bytes()[8 - prefix..]),
        }
        Ok(())
    }

    /// Where the record at `start` ends, if its length is there; saturated, so that a length of nonsense is beyond every window.
    #[inline(always)]
    fn end(&self, window: &[u8], start: usize) -> Option<usize> {
        let prefix = self.prefix();
        let bytes = window.get(start..start + prefix)?;
        let mut number = [0; 8];
        match self.order {
            Endian::Little => number[..prefix].copy_from_slice(bytes),
            Endian::Big => number[8 - prefix..].copy_from_slice(bytes),
        }
        let length = match self.order {
            Endian::Little => u64::from_le_bytes(number),
            Endian::Big => u64::from_be_bytes(number),
        };
        Some((start + prefix).saturating_add(usize::try_from(length).unwrap_or(usize::MAX)))
    }
}

impl Framing for LengthPrefixed {
    type Record = &'static [u8];

    fn whole(&self, block: &[u8], _: usize, rest: Rest) -> Result<usize, NotARecord> {
        let mut whole = 0;
        while let Some(end) = self.end(block, whole).filter(|end| *end <= block.len()) {
            whole = end;
        }
        if whole < block.len() && rest == Rest::Nothing {
            return Err(NotARecord { at: whole, why: "the input ends in the middle of a record" });
        }
        Ok(whole)
    }

    fn margin(&self) -> usize {
        self.prefix()
    }

    fn too_long(&self, window: &[u8], from: usize, limit: usize) -> Option<usize> {
        let mut place = Place::at(from);
        let mut long = None;
        self.drive(window, Cursor::new(&mut place), |start, record| {
            long = (record.len() > limit).then_some(start);
            if long.is_some() { Flow::Break(()) } else { Flow::Continue(()) }
        });
        long
    }

    fn needs(&self, block: &[u8]) -> Option<usize> {
        self.end(block, 0)
    }

    /// Without its length, which no stage has seen.
    fn record<'w>(&self, window: &'w [u8], start: usize) -> &'w [u8] {
        let end = self.end(window, start).map_or(window.len(), |end| end.min(window.len()));
        window.get(start + self.prefix()..end).unwrap_or_default()
    }

    #[inline(always)]
    fn drive(
        &self,
        window: &[u8],
        mut cursor: Cursor<'_>,
        mut each: impl for<'a> FnMut(usize, &'a [u8]) -> Flow,
    ) {
        while let Some(end) = self.end(window, cursor.next()) {
            let start = cursor.next();
            let Some(record) = window.get(start + self.prefix()..end) else { break };
            cursor.step(end);
            if each(start, record).is_break() {
                break;
            }
        }
    }
}
