//! Rows of separated values.

use crate::encode::Encoder;
use memchr::{memchr, memchr3};
use pipe_core::BoxError;
use std::fmt::Display;
use std::io::{self, Write};

/// Rows as RFC 4180 has them: commas between fields, a line feed behind each row. A field stands in quotes if it has a comma, a quote or a
/// line break in it, or begins with a byte order mark, and quotes in it are doubled; other fields stay as they are.
///
/// Rows are tuples of up to eight fields, arrays and slices: see [`ToFields`]. What is written reads back with
/// [`Csv::new`](crate::Csv::new), field by field, with one exception that the format has: a row whose only field is empty is written
/// as `""`, since an empty line is no row.
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_stream::{AsCsv, Encode, WriterSink};
///
/// let mut out = Vec::new();
/// let sales = from_iter([("nail, long", 250), ("5\" pipe", 1999)]);
/// let sink = WriterSink::new(&mut out).header(&AsCsv.header(&["item", "cents"]));
/// sales.encode(AsCsv).to(sink).run_on(&Inline)?;
/// assert_eq!(out, b"item,cents\n\"nail, long\",250\n\"5\"\" pipe\",1999\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsCsv;

impl AsCsv {
    /// The row of column names, for the [`header`](crate::FileSink::header) of a sink.
    pub fn header(&self, names: &[&str]) -> Vec<u8> {
        let mut row = Vec::new();
        put_row(names, &mut row).expect("a vector takes every name");
        row
    }
}

impl<T: ToFields> Encoder<T> for AsCsv {
    #[inline]
    fn encode(&self, row: T, into: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(put_row(&row, into)?)
    }
}

/// A row: gives its fields, in order.
pub trait ToFields {
    /// Calls `each` with every field. Numbers and texts are fields through [`Display`]; it is the text that is written.
    fn fields(&self, each: impl FnMut(&dyn Display));
}

fn put_row<T: ToFields + ?Sized>(row: &T, into: &mut Vec<u8>) -> io::Result<()> {
    let before = into.len();
    let (mut fields, mut put) = (0, Ok(()));
    row.fields(|field| {
        if fields > 0 {
            into.push(b',');
        }
        fields += 1;
        if put.is_ok() {
            put = put_field(field, into);
        }
    });
    if fields == 1 && into.len() == before {
        into.extend_from_slice(b"\"\"");
    }
    into.push(b'\n');
    put
}

/// A byte order mark: at the head of a file it would be taken off, in quotes it is part of the field.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Fails if the field's own `Display` does.
fn put_field(field: &dyn Display, into: &mut Vec<u8>) -> io::Result<()> {
    let start = into.len();
    write!(into, "{field}")?;
    let text = &into[start..];
    if memchr3(b',', b'"', b'\n', text).or_else(|| memchr(b'\r', text)).is_some() || text.starts_with(MARK) {
        quote(into, start);
    }
    Ok(())
}

/// Puts what stands behind `start` in quotes, and doubles those in it.
#[cold]
fn quote(into: &mut Vec<u8>, start: usize) {
    let text = into.split_off(start);
    into.push(b'"');
    for byte in text {
        if byte == b'"' {
            into.push(b'"');
        }
        into.push(byte);
    }
    into.push(b'"');
}

impl<T: ToFields + ?Sized> ToFields for &T {
    fn fields(&self, each: impl FnMut(&dyn Display)) {
        (**self).fields(each);
    }
}

impl<T: Display> ToFields for [T] {
    fn fields(&self, mut each: impl FnMut(&dyn Display)) {
        self.iter().for_each(|field| each(field));
    }
}

impl<T: Display> ToFields for Vec<T> {
    fn fields(&self, each: impl FnMut(&dyn Display)) {
        self.as_slice().fields(each);
    }
}

impl<T: Display, const N: usize> ToFields for [T; N] {
    fn fields(&self, each: impl FnMut(&dyn Display)) {
        self.as_slice().fields(each);
    }
}

macro_rules! tuples {
    ($(($($t:ident $i:tt),+)),+ $(,)?) => { $(
        impl<$($t: Display),+> ToFields for ($($t,)+) {
            fn fields(&self, mut each: impl FnMut(&dyn Display)) { $( each(&self.$i); )+ }
        }
    )+ };
}
// For example: impl<A: Display> ToFields for (A,) { fn fields(&self, mut each: impl FnMut(&dyn Display)) { each(&self.0); } }
tuples!(
    (A 0), (A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3), (A 0, B 1, C 2, D 3, E 4), (A 0, B 1, C 2, D 3, E 4, F 5),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6), (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7),
);
