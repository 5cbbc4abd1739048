//! The frame: how a batch of items looks as the payload of a message.
//!
//! ```text
//! "PIPB"  version  codec  0 0   schema     count      length     items
//!  4 B      1 B     1 B    2 B  8 B        4 B        4 B        `length` bytes: one after the other, in the codec
//! ```
//!
//! Numbers are little-endian. Everything in front of the items is checked before the first of them is decoded, so that what a stranger sends
//! costs a comparison.

mod error;
mod limits;

use super::schema::Schema;
pub use error::FrameError;
pub use limits::FrameLimits;
use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

const MAGIC: [u8; 4] = *b"PIPB";
const VERSION: u8 = 1;
/// The format of postcard 1, which its authors keep stable. The next codec gets the next number.
const POSTCARD: u8 = 0;
const HEADER: usize = 24;

/// A frame that is being filled.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    schema: Schema,
    limits: FrameLimits,
    /// With room for the header in front, which is written at the end.
    bytes: Vec<u8>,
    count: u32,
    /// Bytes that a frame is begun with: as many as the one before had. All that it may get would be a thousand times what one item needs.
    room: usize,
}

impl FrameWriter {
    pub(crate) fn new(schema: Schema, limits: FrameLimits) -> Self {
        FrameWriter { schema, limits, bytes: Vec::new(), count: 0, room: 0 }
    }

    /// With room for a frame that is expected to have this many bytes.
    pub(crate) fn expecting(self, bytes: usize) -> Self {
        FrameWriter { room: bytes.min(HEADER + self.limits.target_bytes), ..self }
    }

    /// Adds an item. `false`: the frame has no room for it, but an empty one may have.
    ///
    /// # Errors
    /// No frame is large enough for it, or it cannot be serialized. What was added before stays.
    pub(crate) fn push<T: Serialize>(&mut self, item: &T) -> Result<bool, FrameError> {
        if self.bytes.is_empty() {
            self.bytes.reserve(self.room.max(2 * HEADER));
            self.bytes.resize(HEADER, 0);
        }
        let before = self.bytes.len();
        let into = Bounded { bytes: &mut self.bytes, limit: self.limits.max_bytes };
        match postcard::serialize_with_flavor::<T, _, ()>(item, into) {
            Ok(()) => {
                self.count += 1;
                Ok(true)
            }
            Err(why) => {
                self.bytes.truncate(before);
                match (why, self.count) {
                    (postcard::Error::SerializeBufferFull, 0) => {
                        let limit = self.limits.max_bytes;
                        Err(FrameError::TooLarge { bytes: limit + 1, limit })
                    }
                    (postcard::Error::SerializeBufferFull, _) => Ok(false),
                    (why, index) => Err(FrameError::Item { index, why: why.to_string() }),
                }
            }
        }
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn is_full(&self) -> bool {
        let items = self.limits.items.min(self.limits.max_items);
        self.count >= items || self.bytes.len() >= HEADER + self.limits.target_bytes
    }

    /// The frame, if it has an item; the writer is empty again.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        if self.count == 0 {
            return None;
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        self.room = bytes.len();
        let length = (bytes.len() - HEADER) as u32;
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5] = POSTCARD;
        bytes[8..16].copy_from_slice(&self.schema.raw().to_le_bytes());
        bytes[16..20].copy_from_slice(&self.count.to_le_bytes());
        bytes[20..24].copy_from_slice(&length.to_le_bytes());
        self.count = 0;
        Some(bytes)
    }
}

/// Where the codec writes: refuses what exceeds the limit.
struct Bounded<'a> {
    bytes: &'a mut Vec<u8>,
    limit: usize,
}

impl Flavor for Bounded<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, more: &[u8]) -> postcard::Result<()> {
        if self.bytes.len() + more.len() > self.limit {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// The items of a frame, after its header was checked. Ends after the first item that cannot be decoded.
#[derive(Debug)]
pub(crate) struct FrameReader<'a> {
    left: &'a [u8],
    count: u32,
    next: u32,
}

impl<'a> FrameReader<'a> {
    /// # Errors
    /// All but [`FrameError::Item`] and [`FrameError::Trailing`].
    pub(crate) fn new(bytes: &'a [u8], schema: Schema, limits: FrameLimits) -> Result<Self, FrameError> {
        if bytes.len() > limits.max_bytes {
            return Err(FrameError::TooLarge { bytes: bytes.len(), limit: limits.max_bytes });
        }
        let Some((header, items)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(FrameError::Length { bytes: bytes.len(), expected: HEADER });
        };
        let (&version, &codec) = (&header[4], &header[5]);
        let found = Schema::from_raw(u64::from_le_bytes(field(header, 8)));
        let count = u32::from_le_bytes(field(header, 16));
        let length = u32::from_le_bytes(field(header, 20)) as usize;
        if header[..4] != MAGIC {
            return Err(FrameError::NoFrame);
        }
        if version != VERSION || codec != POSTCARD || header[6..8] != [0, 0] {
            return Err(FrameError::Unknown { version, codec });
        }
        if length != items.len() {
            return Err(FrameError::Length { bytes: bytes.len(), expected: HEADER.saturating_add(length) });
        }
        if found != schema {
            return Err(FrameError::Schema { found, expected: schema });
        }
        if count > limits.max_items {
            return Err(FrameError::Count { count, limit: limits.max_items });
        }
        Ok(FrameReader { left: items, count, next: 0 })
    }

    /// All items.
    ///
    /// # Errors
    /// [`FrameError::Item`] or [`FrameError::Trailing`].
    pub(crate) fn read<T: DeserializeOwned>(mut self) -> Result<Vec<T>, FrameError> {
        // Items that need no byte are the only ones of which there may be more than bytes; they need no memory either.
        let mut items = Vec::with_capacity((self.count as usize).min(self.left.len()));
        while self.next < self.count {
            let (item, left) = postcard::take_from_bytes(self.left)
                .map_err(|why| FrameError::Item { index: self.next, why: why.to_string() })?;
            self.left = left;
            self.next += 1;
            items.push(item);
        }
        match self.left.len() {
            0 => Ok(items),
            bytes => Err(FrameError::Trailing { bytes }),
        }
    }
}

/// `N` bytes of the header from `at` on.
fn field<const N: usize>(header: &[u8; HEADER], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&header[at..at + N]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter;

    type Item = (u64, String, Vec<u8>);

    const LIMITS: FrameLimits = FrameLimits {
        items: 1_000,
        target_bytes: 4 << 10,
        max_bytes: 8 << 10,
        max_items: 2_000,
        linger: None,
    };

    fn items(count: u64) -> Vec<Item> {
        (0..count).map(|n| (n, format!("item {n}"), vec![n as u8; n as usize % 7])).collect()
    }

    fn frame<T: Serialize + DeserializeOwned>(items: &[T]) -> Vec<u8> {
        let mut writer = FrameWriter::new(Schema::of::<T>(), LIMITS);
        for item in items {
            assert_eq!(writer.push(item), Ok(true));
        }
        writer.take().unwrap()
    }

    fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, FrameError> {
        FrameReader::new(bytes, Schema::of::<T>(), LIMITS)?.read()
    }

    /// Numbers that look random (Marsaglia, "Xorshift RNGs", 2003).
    fn random(seed: u64) -> impl Iterator<Item = u64> {
        iter::successors(Some(seed * 2 + 1), |x| {
            let x = x ^ (x << 13);
            let x = x ^ (x >> 7);
            Some(x ^ (x << 17))
        })
        .skip(8)
    }

    #[test]
    fn what_is_written_is_read_again() {
        for count in [1, 2, 99] {
            assert_eq!(read(&frame(&items(count))), Ok(items(count)));
        }
        assert_eq!(read(&frame(&[(); 50])), Ok(vec![(); 50]));
    }

    #[test]
    fn a_frame_is_full_at_its_items_or_its_bytes_and_never_larger_than_its_limit() {
        let mut writer = FrameWriter::new(Schema::of::<u8>(), LIMITS);
        while !writer.is_full() {
            assert_eq!(writer.push(&1u8), Ok(true));
        }
        assert_eq!(writer.take().unwrap().len(), HEADER + 1_000);

        let text = "x".repeat(3_000);
        let mut writer = FrameWriter::new(Schema::of::<String>(), LIMITS);
        assert_eq!((writer.push(&text), writer.is_full()), (Ok(true), false));
        assert_eq!((writer.push(&text), writer.is_full()), (Ok(true), true));
        assert_eq!((writer.push(&text), writer.count()), (Ok(false), 2), "a third is over the limit");
        assert_eq!(read::<String>(&writer.take().unwrap()).unwrap().len(), 2);
        assert_eq!(writer.take(), None);
    }

    #[test]
    fn an_item_that_no_frame_holds_is_an_error_and_the_next_one_is_not() {
        let mut writer = FrameWriter::new(Schema::of::<String>(), LIMITS);
        let error = writer.push(&"x".repeat(9_000)).unwrap_err();
        assert!(matches!(error, FrameError::TooLarge { limit: 8192, .. }), "{error}");
        assert_eq!(writer.take(), None);
        assert_eq!(writer.push(&"small".to_owned()), Ok(true));
        assert_eq!(read::<String>(&writer.take().unwrap()).unwrap(), ["small"]);
    }

    #[test]
    fn each_part_of_the_header_is_checked_before_an_item_is_decoded() {
        let good = frame(&items(3));
        let with = |at: usize, bytes: &[u8]| {
            let mut frame = good.clone();
            frame[at..at + bytes.len()].copy_from_slice(bytes);
            read::<Item>(&frame).unwrap_err()
        };
        assert_eq!(with(0, b"GET "), FrameError::NoFrame);
        assert_eq!(with(4, &[9]), FrameError::Unknown { version: 9, codec: 0 });
        assert_eq!(with(5, &[7]), FrameError::Unknown { version: 1, codec: 7 });
        assert_eq!(with(6, &[1]), FrameError::Unknown { version: 1, codec: 0 });
        assert!(matches!(with(8, &[0; 8]), FrameError::Schema { .. }));
        assert_eq!(with(16, &[0xff; 4]), FrameError::Count { count: u32::MAX, limit: 2_000 });
        assert!(matches!(with(20, &[0xff; 4]), FrameError::Length { .. }));
        assert!(matches!(with(16, &[4, 0, 0, 0]), FrameError::Item { index: 3, .. }));
        assert!(matches!(with(16, &[2, 0, 0, 0]), FrameError::Trailing { .. }));
        assert!(matches!(read::<(u64, u64)>(&good), Err(FrameError::Schema { .. })));
        assert!(matches!(
            read::<Item>(&vec![0; 8193]),
            Err(FrameError::TooLarge { bytes: 8193, limit: 8192 })
        ));
    }

    #[test]
    fn a_frame_cut_anywhere_is_an_error() {
        let good = frame(&items(20));
        for len in 0..good.len() {
            assert!(matches!(read::<Item>(&good[..len]), Err(FrameError::Length { .. })), "cut at {len}");
        }
    }

    #[test]
    fn random_bytes_and_flipped_bits_are_items_or_an_error_and_never_a_panic() {
        let good = frame(&items(20));
        let (mut read_well, mut refused) = (0, 0);
        for seed in 0..20_000u64 {
            let mut numbers = random(seed);
            let mut draw = |below: usize| (numbers.next().unwrap() % below as u64) as usize;
            let mut bytes = good.clone();
            for _ in 0..=draw(4) {
                // Half of the flips behind the header, or the codec is hardly reached.
                let at = if draw(2) == 0 { draw(bytes.len()) } else { HEADER + draw(bytes.len() - HEADER) };
                bytes[at] ^= 1 << draw(8);
            }
            if draw(8) == 0 {
                bytes[HEADER..].fill_with(|| draw(256) as u8);
            }
            match read::<Item>(&bytes) {
                Ok(items) => read_well += usize::from(items.len() == 20),
                Err(_) => refused += 1,
            }
        }
        assert!(read_well > 100 && refused > 10_000, "{read_well} read, {refused} refused");
    }

    #[test]
    fn a_length_inside_an_item_takes_no_more_memory_than_the_frame_has_bytes() {
        // A text of 2^56 bytes, says its length.
        let mut bytes = frame(&[String::new()]);
        bytes.truncate(HEADER);
        bytes.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        bytes[20..24].copy_from_slice(&8u32.to_le_bytes());
        assert!(matches!(read::<String>(&bytes), Err(FrameError::Item { index: 0, .. })));
        // Lists, whose elements the codec makes one by one.
        bytes[8..16].copy_from_slice(&Schema::of::<Vec<u64>>().raw().to_le_bytes());
        assert!(matches!(read::<Vec<u64>>(&bytes), Err(FrameError::Item { index: 0, .. })));
    }
}
