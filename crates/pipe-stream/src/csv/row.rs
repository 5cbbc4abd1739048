//! A row of a table, and its fields.

use crate::csv::framing::Quotes;
use crate::csv::header::Column;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// One row, as it stands in the buffer. Its fields are found already; what they hold is looked at where it is asked for.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// Without the line feed.
    bytes: &'a [u8],
    /// Where each field ends, and on the same scale where the row starts.
    ends: &'a [u32],
    start: u32,
    quotes: Quotes,
}

pipe_core::rows!(Row);

impl<'a> Row<'a> {
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8], ends: &'a [u32], start: u32, quotes: Quotes) -> Self {
        Row { bytes, ends, start, quotes }
    }

    /// How many fields it has: one at least.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a row has a field")]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field at this index.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Field<'a>> {
        let place = |end: &u32| (end - self.start) as usize;
        let end = self.ends.get(index).map(place)?;
        let start = if index == 0 { 0 } else { place(&self.ends[index - 1]) + 1 };
        // A carriage return behind the last field was counted to it.
        let raw = self.bytes.get(start..end.min(self.bytes.len()))?;
        Some(Field { raw, quotes: self.quotes })
    }

    /// The field in this column.
    ///
    /// # Errors
    /// The row is shorter.
    #[inline]
    pub fn field(&self, column: Column) -> Result<Field<'a>, BadField> {
        self.get(column.index()).ok_or(BadField { column, why: Why::Missing { fields: self.len() } })
    }

    /// All fields, from the first on.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'a>> + use<'a> {
        let row = *self;
        (0..self.len()).map(move |index| row.get(index).expect("within the row"))
    }

    /// The row as it stands in the input, without its line feed.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields()).finish()
    }
}

/// One field.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    raw: &'a [u8],
    quotes: Quotes,
}

impl<'a> Field<'a> {
    /// As it stands in the input, with the quotes around it.
    #[inline]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// What it holds: borrowed, unless quotes in it have to be undoubled.
    #[inline]
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        match (self.quotes, self.raw) {
            (Quotes::Enclose, [b'"', inner @ ..]) => unquoted(inner),
            _ => Cow::Borrowed(self.raw),
        }
    }

    /// What it holds, as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self) -> Result<Cow<'a, str>, std::str::Utf8Error> {
        Ok(match self.bytes() {
            Cow::Borrowed(bytes) => Cow::Borrowed(str::from_utf8(bytes)?),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).map_err(|error| error.utf8_error())?),
        })
    }
}

/// What stands between quotes, of which the first was taken off. Anything behind the last one stays, so nothing is lost.
fn unquoted(inner: &[u8]) -> Cow<'_, [u8]> {
    match memchr::memchr(b'"', inner) {
        Some(end) if end + 1 == inner.len() => return Cow::Borrowed(&inner[..end]),
        None => return Cow::Borrowed(inner),
        Some(_) => {}
    }
    let (mut held, mut rest) = (Vec::with_capacity(inner.len()), inner);
    while let Some(quote) = memchr::memchr(b'"', rest) {
        held.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        if let [b'"', behind @ ..] = rest {
            held.push(b'"');
            rest = behind;
        }
    }
    held.extend_from_slice(rest);
    Cow::Owned(held)
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.bytes()), f)
    }
}

/// A field is not what was asked for. Which row it was, the run's error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadField {
    column: Column,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Missing { fields: usize },
}

impl BadField {
    /// The column that was asked for.
    pub fn column(&self) -> Column {
        self.column
    }
}

impl fmt::Display for BadField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::Missing { fields } => write!(f, "no field {}: the row has {fields}", self.column.index()),
        }
    }
}

impl Error for BadField {}
