//! Where records begin and end.

mod blocks;
mod containing;
mod cursor;
mod custom;
mod delimited;
mod fixed;
mod newline;
mod prefixed;

use crate::error::{StreamError, StreamErrorKind, Subject};
pub use blocks::Blocks;
pub use containing::{Containing, NotInALine};
pub use cursor::Cursor;
pub(crate) use cursor::Place;
pub use custom::Custom;
pub use delimited::{Delimited, NoDelimiter};
pub use fixed::FixedWidth;
pub use newline::Newline;
use pipe_core::{Flow, Item};
pub use prefixed::{LengthPrefixed, PrefixBytes};

/// A way to cut bytes into records: lines, fields of a fixed width, messages with their length in front.
///
/// Two methods are needed. [`whole`](Framing::whole) is asked by whoever reads, where the bytes that are there may be cut;
/// [`drive`](Framing::drive) lends the records of a window that is known to be whole. A framing that can tell a record's start from the bytes
/// around it ([`start`](Framing::start)), or from those and the quotes before ([`quote`](Framing::quote)), lets several workers read one
/// file at once; for the others one reads, and all work.
///
/// Laws: `drive` over any window of whole records lends each once, in order, and moves the cursor behind it, also when `each` breaks or
/// panics; the records of a window do not depend on what stood before it or stands behind; `start` names no place but starts.
///
/// For a framing of your own, [`Custom`] makes one from a function.
pub trait Framing: Clone + Send + Sync + 'static {
    /// What it lends, named by its `'static` form: `&'static [u8]`, or a row that borrows from its window.
    type Record: Item;

    /// How many bytes at the head of `block`, which begins where a record begins, are whole records; zero if not even the first is. The
    /// first `seen` bytes were asked about before, and were not.
    ///
    /// # Errors
    /// What stands there is no record, however it goes on. At the input's end: what is left there is none.
    fn whole(&self, block: &[u8], seen: usize, rest: Rest) -> Result<usize, NotARecord>;

    /// How many bytes the record at the head of `block` has, if that stands in them: so that a reader makes room at once, or refuses.
    fn needs(&self, block: &[u8]) -> Option<usize> {
        let _ = block;
        None
    }

    /// Lends the records of `window` from `cursor` on, each with its place in the window, until `each` breaks or the window ends.
    ///
    /// The window holds whole records and nothing else.
    fn drive(
        &self,
        window: &[u8],
        cursor: Cursor<'_>,
        each: impl for<'a> FnMut(usize, <Self::Record as Item>::Of<'a>) -> Flow,
    );

    /// Whether [`start`](Framing::start) can tell.
    fn seeks(&self) -> bool {
        false
    }

    /// The first place at or behind `at` where a record starts, or where the records of `block` end with its last byte. `block` stood at
    /// `offset` in the input, and has at least [`margin`](Framing::margin) bytes before `at`. `None`: not in this block.
    ///
    /// Asked only where [`seeks`](Framing::seeks) says so.
    fn start(&self, block: &[u8], at: usize, offset: u64) -> Option<usize> {
        let _ = (block, at, offset);
        None
    }

    /// The byte that stands before and behind what may hold ends of records that are none: a quote. Where there is one, a place is inside if
    /// their number before it is odd, and a file is read in parts by [`start_quoted`](Framing::start_quoted). Asked only where the framing
    /// does not [seek](Framing::seeks).
    fn quote(&self) -> Option<u8> {
        None
    }

    /// As [`start`](Framing::start), where `open` says whether the number of quotes before `at`, in all of the input, is odd.
    fn start_quoted(&self, block: &[u8], at: usize, open: bool) -> Option<usize> {
        let _ = (block, at, open);
        None
    }

    /// How many bytes belong to a record beside its own: a delimiter, a length. Of a framing that is read in parts as many before
    /// a place tell whether a record starts there.
    fn margin(&self) -> usize {
        0
    }

    /// What stands before the first record of an input that begins with `head`: a byte order mark, say. At most 64 bytes.
    fn preamble(&self, head: &[u8]) -> Preamble {
        let _ = head;
        Preamble::Bytes(0)
    }

    /// The bytes of the record lent at `start`, of a window of whole records: for dead letters. Of records that are bytes those that are lent,
    /// so that a replay gives a stage what it was given before. All from there to the next record, unless the framing says otherwise.
    fn record<'w>(&self, window: &'w [u8], start: usize) -> &'w [u8] {
        let mut place = Place::at(start);
        self.drive(window, Cursor::new(&mut place), |_, _| Flow::Break(()));
        &window[start..place.next]
    }

    /// Where the first record starts that has more than `limit` bytes, in a window of whole records that has one at `from`.
    fn too_long(&self, window: &[u8], from: usize, limit: usize) -> Option<usize> {
        let mut place = Place::at(from);
        let mut long = None;
        self.drive(window, Cursor::new(&mut place), |start, _| {
            if self.record(window, start).len() <= limit {
                return Flow::Continue(());
            }
            long = Some(start);
            Flow::Break(())
        });
        long
    }

    /// The most bytes that a record may have for this framing to lend it. A higher [`max_record`](crate::Records::max_record) is refused.
    fn longest(&self) -> usize {
        usize::MAX
    }

    /// Where the first record starts that has more fields than [`widest`](Framing::widest), in a window of whole records that has one at
    /// `from`. For framings whose records take memory for each field while they are lent.
    fn too_wide(&self, window: &[u8], from: usize) -> Option<usize> {
        let _ = (window, from);
        None
    }

    /// The most fields that a record may have.
    fn widest(&self) -> usize {
        usize::MAX
    }

    /// The first record that starts at or behind `middle` in a window of whole records that has one at `from < middle`; the window's end
    /// if there is none. The window stood at `offset` in the input. Found by lending all in between, unless the framing
    /// [seeks](Framing::seeks).
    fn cut(&self, window: &[u8], from: usize, middle: usize, offset: u64) -> usize {
        if self.seeks() {
            let middle = middle.max(from + self.margin()).min(window.len());
            return self.start(window, middle, offset).unwrap_or(window.len());
        }
        let (mut place, mut cut) = (Place::at(from), window.len());
        self.drive(window, Cursor::new(&mut place), |start, _| {
            if start < middle {
                return Flow::Continue(());
            }
            cut = start;
            Flow::Break(())
        });
        cut
    }
}

/// What is known of the bytes behind a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// There may be more.
    More,
    /// The input ends here.
    Nothing,
}

/// What stands before the first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preamble {
    /// So many bytes that are no record.
    Bytes(usize),
    /// That needs more of the input; where it ends, it has no preamble.
    Unknown,
}

impl Preamble {
    /// `mark`, if the input begins with it.
    pub fn of(mark: &[u8], head: &[u8]) -> Self {
        match head.len() < mark.len() && mark.starts_with(head) {
            true => Preamble::Unknown,
            false if head.starts_with(mark) => Preamble::Bytes(mark.len()),
            false => Preamble::Bytes(0),
        }
    }
}

/// What stands at a place of the input is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotARecord {
    /// Where, in the block that was looked at.
    pub at: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// No record of `window`, which stood at `offset` and has one at `first`, may have more fields than its framing allows. Called before any is
/// lent. Most windows have fewer bytes than a record may have fields.
pub(crate) fn check_widths<F: Framing>(
    framing: &F,
    window: &[u8],
    first: usize,
    subject: &Subject,
    offset: u64,
) -> Result<(), StreamError> {
    let limit = framing.widest();
    let wide = window.len() - first >= limit;
    match wide.then(|| framing.too_wide(window, first)).flatten() {
        None => Ok(()),
        Some(start) => {
            let kind = StreamErrorKind::TooManyFields { limit };
            Err(StreamError::read(kind, subject, offset + start as u64))
        }
    }
}

/// That a framing has no setting that makes no sense.
pub(crate) fn check_settings<F: Framing>(framing: &F, subject: &Subject) -> Result<(), StreamError> {
    match framing.widest() {
        0 => Err(StreamError::setting(subject, "max_fields", 0, "a row has a field")),
        _ => Ok(()),
    }
}

/// The last bytes of the input, which stood at `offset`, must be records.
pub(crate) fn end_of_input<F: Framing>(
    framing: &F,
    block: &[u8],
    subject: &Subject,
    offset: u64,
) -> Result<(), StreamError> {
    let why = "the input ends in the middle of a record";
    let no = match framing.whole(block, 0, Rest::Nothing) {
        Ok(whole) if whole == block.len() => return Ok(()),
        Ok(whole) => NotARecord { at: whole, why },
        Err(no) => no,
    };
    Err(StreamError::not_a_record(no, subject, offset))
}
