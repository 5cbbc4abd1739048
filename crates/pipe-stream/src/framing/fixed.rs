//! Records of one width.

use crate::framing::{Cursor, Framing, NotARecord, Rest};
use pipe_core::Flow;
use std::num::NonZeroUsize;

/// Each record has the same number of bytes, with nothing in between: sensor logs, columns of old. The input must end with a whole one.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::{FixedWidth, Lines};
/// use std::num::NonZeroUsize;
///
/// let sensors: &[u8] = &[1, 0, 0, 2, 255, 255];
/// let width = FixedWidth::new(NonZeroUsize::new(2).unwrap());
/// let values = Lines::from_reader(sensors).framed(width).pipeline().map(|b: &[u8]| i16::from_le_bytes([b[0], b[1]]));
/// assert_eq!(values.collect().run_on(&Inline)?.value, [1, 512, -1]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedWidth {
    width: NonZeroUsize,
}

impl FixedWidth {
    /// Records of `width` bytes.
    pub fn new(width: NonZeroUsize) -> Self {
        FixedWidth { width }
    }
}

impl Framing for FixedWidth {
    type Record = &'static [u8];

    fn whole(&self, block: &[u8], _: usize, rest: Rest) -> Result<usize, NotARecord> {
        let over = block.len() % self.width;
        if over > 0 && rest == Rest::Nothing {
            return Err(NotARecord {
                at: block.len() - over,
                why: "the input ends in the middle of a record",
            });
        }
        Ok(block.len() - over)
    }

    #[inline(always)]
    fn drive(
        &self,
        window: &[u8],
        mut cursor: Cursor<'_>,
        mut each: impl for<'a> FnMut(usize, &'a [u8]) -> Flow,
    ) {
        for record in window[cursor.next()..].chunks_exact(self.width.get()) {
            let start = cursor.next();
            cursor.step(start + record.len());
            if each(start, record).is_break() {
                break;
            }
        }
    }

    fn seeks(&self) -> bool {
        true
    }

    fn start(&self, block: &[u8], at: usize, offset: u64) -> Option<usize> {
        let over = ((offset + at as u64) % self.width.get() as u64) as usize;
        let start = if over == 0 { at } else { at + (self.width.get() - over) };
        (start <= block.len()).then_some(start)
    }
}
