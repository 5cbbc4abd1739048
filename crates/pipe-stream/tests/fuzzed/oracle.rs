//! The obvious loops: one byte after the other, all of it in memory.

/// What an input is.
pub(crate) struct Expected {
    pub(crate) records: Vec<Record>,
    /// Something in it, or its end, is no record.
    pub(crate) bad: bool,
}

pub(crate) struct Record {
    pub(crate) at: u64,
    /// Its bytes, or its fields.
    pub(crate) fields: Vec<Vec<u8>>,
    /// How long it is for `max_record`; of what is not lent too.
    pub(crate) len: usize,
    /// An empty line, or one without the literal.
    pub(crate) lent: bool,
}

impl Record {
    fn whole(at: usize, bytes: &[u8]) -> Self {
        Record { at: at as u64, fields: vec![bytes.to_vec()], len: bytes.len(), lent: true }
    }
}

pub(crate) fn delimited(input: &[u8], delimiter: &[u8]) -> Expected {
    let (mut records, mut at) = (Vec::new(), 0);
    while at < input.len() {
        let rest = &input[at..];
        let len = (0..rest.len()).find(|from| rest[*from..].starts_with(delimiter)).unwrap_or(rest.len());
        records.push(Record::whole(at, &rest[..len]));
        at += (len + delimiter.len()).min(rest.len());
    }
    Expected { records, bad: false }
}

pub(crate) fn lines(input: &[u8], crlf: bool, skip_empty: bool) -> Expected {
    let mut expected = delimited(input, b"\n");
    for record in &mut expected.records {
        let line = &mut record.fields[0];
        if crlf && line.last() == Some(&b'\r') {
            line.pop();
        }
        record.lent = !(skip_empty && line.is_empty());
    }
    expected
}

pub(crate) fn containing(input: &[u8], literal: &[u8]) -> Expected {
    let mut expected = delimited(input, b"\n");
    for record in &mut expected.records {
        record.lent = record.fields[0].windows(literal.len()).any(|part| part == literal);
    }
    expected
}

pub(crate) fn fixed(input: &[u8], width: usize) -> Expected {
    let records = input.chunks_exact(width).enumerate();
    let records = records.map(|(index, record)| Record::whole(index * width, record)).collect();
    Expected { records, bad: !input.len().is_multiple_of(width) }
}

pub(crate) fn prefixed(input: &[u8], prefix: usize, big: bool) -> Expected {
    let (mut records, mut at) = (Vec::new(), 0);
    while at < input.len() {
        let Some(head) = input.get(at..at + prefix) else { return Expected { records, bad: true } };
        let digit = |value: u128, byte: &u8| value * 256 + u128::from(*byte);
        let len = if big { head.iter().fold(0, digit) } else { head.iter().rev().fold(0, digit) };
        let behind = &input[at + prefix..];
        if len > behind.len() as u128 {
            // Only its length is there, which may be beyond the limit.
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            records.push(Record { at: at as u64, fields: Vec::new(), len, lent: true });
            return Expected { records, bad: true };
        }
        records.push(Record::whole(at, &behind[..len as usize]));
        at += prefix + len as usize;
    }
    Expected { records, bad: false }
}

pub(crate) fn custom(input: &[u8], cut: fn(&[u8]) -> Option<usize>) -> Expected {
    let (mut records, mut at) = (Vec::new(), 0);
    while at < input.len() {
        let rest = &input[at..];
        let len = cut(rest).unwrap_or(rest.len());
        if len == 0 || len > rest.len() {
            return Expected { records, bad: true };
        }
        records.push(Record::whole(at, &rest[..len]));
        at += len;
    }
    Expected { records, bad: false }
}

/// Rows, byte by byte: a quote that is not between quotes must begin a field, or follow one that ended there.
pub(crate) fn rows(input: &[u8], delimiter: u8, quoting: bool) -> Expected {
    let begin = if input.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let (mut records, mut bad) = (Vec::new(), false);
    let (mut start, mut quoted) = (begin, false);
    let mut cuts = Vec::new();
    for at in begin..=input.len() {
        let byte = input.get(at).copied();
        if quoting && byte == Some(b'"') {
            let before = (at > start).then(|| input[at - 1]);
            let begins = before.is_none_or(|before| before == delimiter || before == b'"');
            bad |= !quoted && !begins;
            quoted = !quoted;
        }
        if byte.is_some() && (quoted || byte != Some(b'\n') && byte != Some(delimiter)) {
            continue;
        }
        cuts.push(at);
        if byte == Some(delimiter) {
            continue;
        }
        let line = &input[start..at];
        let row = line.strip_suffix(b"\r").unwrap_or(line);
        let mut from = start;
        let fields = cuts.drain(..).map(|end| {
            let field = &input[from..end.min(start + row.len())];
            from = end + 1;
            if quoting { unquoted(field) } else { field.to_vec() }
        });
        let fields = fields.collect();
        if byte.is_some() || !line.is_empty() {
            records.push(Record { at: start as u64, fields, len: line.len(), lent: !row.is_empty() });
        }
        start = at + 1;
    }
    Expected { records, bad: bad || quoted }
}

/// The first quote and the one that closes it go; two in between are one.
fn unquoted(field: &[u8]) -> Vec<u8> {
    if field.first() != Some(&b'"') {
        return field.to_vec();
    }
    let (mut held, mut at) = (Vec::new(), 1);
    while at < field.len() {
        if field[at] != b'"' {
            held.push(field[at]);
        } else if field.get(at + 1) == Some(&b'"') {
            held.push(b'"');
            at += 1;
        }
        at += 1;
    }
    held
}
