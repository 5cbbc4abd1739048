//! All ways to read an input: from a reader that brings a little at a time, in parts of a file, from memory, split, and read again.

use super::Settings;
use super::oracle::Expected;
use pipe_core::testing::Rng;
use pipe_core::{Batch, BoxError, Flow, Item, Reread, Source, Want};
use pipe_stream::{Chunk, Csv, Framing, Lines, Row, StreamError, StreamErrorKind, Table, Text};
use std::cell::RefCell;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

type Seen = Vec<(u64, Vec<Vec<u8>>)>;

pub(crate) fn raw(record: &[u8]) -> Vec<Vec<u8>> {
    vec![record.to_vec()]
}

pub(crate) fn fields(row: Row<'_>) -> Vec<Vec<u8>> {
    row.fields().map(|field| field.bytes().into_owned()).collect()
}

/// Brings at most so many bytes a read, and is interrupted before each.
struct Slow<'i> {
    input: &'i [u8],
    brings: usize,
    interrupts: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.interrupts = !self.interrupts;
        if self.interrupts {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = room.len().min(self.brings);
        self.input.read(&mut room[..most])
    }
}

/// Reads it in all ways.
pub(crate) fn check<F: Framing>(
    settings: &Settings,
    input: &[u8],
    framing: &F,
    expected: &Expected,
    own: impl for<'a> Fn(<F::Record as Item>::Of<'a>) -> Vec<Vec<u8>> + Copy,
    joined: bool,
) {
    let mut judge = Judge { expected, joined, input, limit: settings.max_record, way: "" };
    let mut rng = Rng::new(settings.splits.into());
    // A reader has to make the buffer that it is asked for; a file knows how much it needs.
    let small = settings.buffer.min(1 << 16);

    judge.way = "a reader";
    let reader = Slow { input, brings: settings.brings, interrupts: false };
    let reader =
        Lines::from_reader(reader).framed(framing.clone()).max_record(settings.max_record).buffer(small);
    judge.ends(drain(reader, settings.want, &mut rng, own));

    judge.way = "a file";
    with_file(input, |path| {
        // An empty file is read like a reader.
        let buffer = if framing.seeks() && !input.is_empty() { settings.buffer } else { small };
        let file = Lines::open(path).unwrap().framed(framing.clone());
        let file = file.max_record(settings.max_record).buffer(buffer);
        judge.ends(drain(file, settings.want, &mut rng, own));
    });

    judge.way = "a text";
    judge.limit = usize::MAX;
    judge.ends(drain(Text::new(input.to_vec()).framed(framing.clone()), settings.want, &mut rng, own));
}

/// Reads it as a table with a header.
pub(crate) fn check_table(settings: &Settings, input: &[u8], csv: Csv, expected: &Expected) {
    let judge = Judge { expected, joined: false, input, limit: settings.max_record, way: "a table" };
    let mut rng = Rng::new(settings.splits.into());
    let small = settings.buffer.min(1 << 16);
    let reader = Slow { input, brings: settings.brings, interrupts: false };
    let reader = Lines::from_reader(reader).framed(csv).max_record(settings.max_record).buffer(small);
    judge.table(Table::new(reader), settings.want, &mut rng);
    with_file(input, |path| {
        let file = Lines::open(path).unwrap().framed(csv).max_record(settings.max_record).buffer(small);
        judge.table(Table::new(file), settings.want, &mut rng);
    });
}

/// The input as a file, the same one for all cases of a thread.
fn with_file(input: &[u8], read: impl FnOnce(&Path)) {
    thread_local!(static FILE: RefCell<tempfile::NamedTempFile> = RefCell::new(tempfile::NamedTempFile::new().unwrap()));
    FILE.with_borrow(|file| {
        fs::write(file.path(), input).unwrap();
        read(file.path());
    });
}

/// Pulls to the end, splits what comes at random, and lends all of it.
fn drain<R: Item, F: Framing<Record = R>>(
    mut source: impl Source<Item = R, Batch = Chunk<F>>,
    want: usize,
    rng: &mut Rng,
    own: impl for<'a> Fn(R::Of<'a>) -> Vec<Vec<u8>> + Copy,
) -> (Seen, Option<BoxError>) {
    let mut seen = Seen::new();
    loop {
        match source.pull(Want { items: 1, bytes: want }) {
            Err(error) => return (seen, Some(error)),
            Ok(None) => return (seen, None),
            Ok(Some(chunk)) => {
                if let Err(error) = lend(chunk, rng, own, &mut seen) {
                    return (seen, Some(error));
                }
            }
        }
    }
}

/// Splits it, before it is read and behind, and lends it by and by; each record can be had again.
fn lend<R: Item, F: Framing<Record = R>>(
    mut chunk: Chunk<F>,
    rng: &mut Rng,
    own: impl for<'a> Fn(R::Of<'a>) -> Vec<Vec<u8>> + Copy,
    seen: &mut Seen,
) -> Result<(), BoxError> {
    let mut back = if rng.below(3) == 0 { chunk.split() } else { None };
    chunk.load()?;
    chunk.check()?;
    while !chunk.is_empty() {
        if rng.below(4) == 0
            && let Some(cut) = chunk.split()
        {
            assert!(!chunk.is_empty() && !cut.is_empty(), "both halves have a record");
            let first = seen.len();
            lend(chunk, rng, own, seen)?;
            assert!(seen.len() > first, "both halves have a record");
            chunk = cut;
            continue;
        }
        let again = chunk.reread();
        let from = seen.len();
        let limit = [1, 2, 7, usize::MAX][rng.below(4) as usize];
        let lent = chunk.drive(limit, |at, record| {
            seen.push((at, own(record)));
            Flow::Continue(())
        });
        assert_eq!(lent, seen.len() - from);
        if let Some((last, _)) = seen[from..].last() {
            assert_eq!(chunk.position(), *last);
        }
        for (at, _) in &seen[from..] {
            assert!(chunk.record(*at).is_some(), "the record at {at} was lent");
        }
        let first = seen.get(from).cloned();
        let read_again = again.and_then(|mut again| {
            let mut one = None;
            again.drive(usize::MAX, |at, record| {
                assert!(one.replace((at, own(record))).is_none(), "one record");
                Flow::Continue(())
            });
            one
        });
        assert_eq!(read_again, first, "the next record, read again");
    }
    match back.take() {
        Some(back) => lend(back, rng, own, seen),
        None => Ok(()),
    }
}

struct Judge<'e> {
    expected: &'e Expected,
    /// Records come one behind the other, as one.
    joined: bool,
    input: &'e [u8],
    limit: usize,
    way: &'static str,
}

impl Judge<'_> {
    /// What was lent is what was expected, up to an error of the kind that was.
    fn ends(&self, (seen, error): (Seen, Option<BoxError>)) {
        let error = error.map(|error| *error.downcast::<StreamError>().expect("a StreamError"));
        self.error_is_right(error.as_ref());
        match self.joined {
            true => self.blocks(&seen, error.is_some()),
            false => self.records(&seen, error.is_some()),
        }
    }

    fn error_is_right(&self, error: Option<&StreamError>) {
        let way = self.way;
        let long = self.expected.records.iter().any(|record| record.len > self.limit);
        let may = long || self.expected.bad;
        match error.map(StreamError::kind) {
            None => assert!(!may, "{way}: no error"),
            Some(StreamErrorKind::RecordTooLong { limit }) => {
                // An input that ends in the middle of a record may be found to be too long before its end is.
                assert!(may && limit == self.limit, "{way}: {error:?}");
                assert!(long || self.expected.bad && self.input.len() >= self.limit, "{way}: {error:?}");
            }
            Some(StreamErrorKind::NotARecord { .. }) => assert!(self.expected.bad, "{way}: {error:?}"),
            Some(_) => panic!("{way}: {error:?}"),
        }
    }

    fn records(&self, seen: &Seen, failed: bool) {
        let way = self.way;
        let lent = self.expected.records.iter().take_while(|record| record.len <= self.limit);
        let lent: Vec<_> =
            lent.filter(|record| record.lent).map(|record| (record.at, &record.fields)).collect();
        let seen: Vec<_> = seen.iter().map(|(at, fields)| (*at, fields)).collect();
        match failed {
            false => assert_eq!(seen, lent, "{way}"),
            true => assert!(lent.starts_with(&seen), "{way}: {seen:?} and not the head of {lent:?}"),
        }
    }

    fn blocks(&self, seen: &Seen, failed: bool) {
        let mut at = 0;
        for (start, block) in seen {
            assert_eq!(*start, at, "{}: blocks stand one behind the other", self.way);
            at += block[0].len() as u64;
            assert!(self.input[*start as usize..].starts_with(&block[0]));
            let starts = self.expected.records.iter().any(|record| record.at == at);
            assert!(starts || at == self.input.len() as u64, "{}: a block ends with a record", self.way);
        }
        assert!(failed || at == self.input.len() as u64);
        let long = self.expected.records.iter().find(|record| record.len > self.limit);
        assert!(
            long.is_none_or(|record| at <= record.at),
            "{}: a record that is too long was lent",
            self.way
        );
    }

    fn table<R: Read + Send>(&self, table: Result<Table<R>, StreamError>, want: usize, rng: &mut Rng) {
        let mut lent = self.expected.records.iter().filter(|record| record.lent);
        let header = lent.next().map_or(&[][..], |record| &record.fields[..]);
        match table {
            Err(error) => self.error_is_right(Some(&error)),
            Ok(table) => {
                let named: Vec<_> = header.iter().map(|name| String::from_utf8_lossy(name)).collect();
                assert_eq!(table.names(), named);
                let (mut seen, error) = drain(table, want, rng, fields);
                if let Some(first) = self.expected.records.iter().find(|record| record.lent) {
                    seen.insert(0, (first.at, first.fields.clone()));
                }
                self.ends((seen, error));
            }
        }
    }
}
