//! All sinks, each with what it makes of records.

use pipe_core::{BoxError, Cancel, Inline, RunError, from_iter};
use pipe_stream::{AsLines, Encode, FileSink, Fsync, PerKeySink, RollingSink, StreamError, WriterSink};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::num::NonZeroU64;
use std::path::Path;

/// A key, and a line.
pub(crate) type Record = (String, Vec<u8>);

/// The files below a path, by their name in it; that of the path itself is empty.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Asked for each record, by its index, before it is written.
pub(crate) type Look<'l> = &'l (dyn Fn(usize) -> Result<(), &'static str> + Sync);

pub(crate) struct SinkUnderTest {
    pub(crate) name: &'static str,
    /// A run of the records into a new sink; returns how many bytes it says it has written.
    pub(crate) run: fn(&Path, Vec<Record>, Look<'_>, &Cancel) -> Result<u64, RunError>,
    /// The oracle: what a run that went well leaves.
    pub(crate) expected: fn(&[Record]) -> Files,
    /// What somebody sees who looks now.
    pub(crate) visible: fn(&Path) -> Option<Files>,
    /// What may be there before.
    pub(crate) put_old: fn(&Path),
    /// What was written is to be seen after the commit only.
    pub(crate) atomic: bool,
    /// Its files are small.
    pub(crate) rolls: bool,
}

pub(crate) const SINKS: &[SinkUnderTest] = &[
    SinkUnderTest { name: "file, lines", run: file_of_lines, ..FILE },
    SinkUnderTest { name: "file, blocks", run: file_of_blocks, ..FILE },
    SinkUnderTest { name: "writer, lines", run: writer_of_lines, atomic: false, ..FILE },
    SinkUnderTest { name: "writer, blocks", run: writer_of_blocks, atomic: false, ..FILE },
    SinkUnderTest { name: "per key, pairs", run: per_key_of_pairs, ..PER_KEY },
    SinkUnderTest { name: "per key, blocks", run: per_key_of_blocks, ..PER_KEY },
    SinkUnderTest { name: "rolling, lines", run: rolling_of_lines, ..ROLLING },
    SinkUnderTest { name: "rolling, blocks", run: rolling_of_blocks, ..ROLLING },
];

const FILE: SinkUnderTest = SinkUnderTest {
    name: "",
    run: file_of_lines,
    expected: |records| BTreeMap::from([(String::new(), records.iter().fold(HEADER.to_vec(), add))]),
    visible,
    put_old: |at| fs::write(at, "old\n").unwrap(),
    atomic: true,
    rolls: false,
};

const PER_KEY: SinkUnderTest = SinkUnderTest {
    run: per_key_of_pairs,
    expected: |records| {
        let mut files = Files::new();
        for record in records {
            let file = files.remove(&record.0).unwrap_or(HEADER.to_vec());
            files.insert(record.0.clone(), add(file, record));
        }
        files
    },
    put_old: |at| fs::create_dir(at).unwrap(),
    ..FILE
};

const ROLLING: SinkUnderTest = SinkUnderTest {
    run: rolling_of_lines,
    expected: |records| {
        let mut files = vec![(HEADER.to_vec(), 0)];
        for record in records {
            let (file, held) = files.last().expect("there is one");
            if *held > 0 && (file.len() + record.1.len() + 1 > ROLL_AT || *held == RECORDS) {
                files.push((HEADER.to_vec(), 0));
            }
            let (file, held) = files.last_mut().expect("there is one");
            *file = add(std::mem::take(file), record);
            *held += 1;
        }
        files.into_iter().zip(1..).map(|((file, _), number)| (format!("{number:06}.txt"), file)).collect()
    },
    rolls: true,
    ..PER_KEY
};

const HEADER: &[u8] = b"header\n";
const ROLL_AT: usize = 100_000;
const RECORDS: usize = 2_500;

fn add(mut file: Vec<u8>, (_, line): &Record) -> Vec<u8> {
    file.extend_from_slice(line);
    file.push(b'\n');
    file
}

fn file_of_lines(at: &Path, records: Vec<Record>, look: Look<'_>, cancel: &Cancel) -> Result<u64, RunError> {
    let every = Fsync::EveryBytes(NonZeroU64::new(300_000).unwrap());
    let sink = FileSink::create(at).unwrap().fsync(every).header(HEADER);
    let looked = from_iter(records.into_iter().enumerate()).try_map(|(index, it)| look(index).map(|()| it.1));
    Ok(looked.to(sink).cancelled_by(cancel).run_on(&Inline)?.value)
}

fn file_of_blocks(at: &Path, records: Vec<Record>, look: Look<'_>, cancel: &Cancel) -> Result<u64, RunError> {
    let sink = FileSink::create(at).unwrap().header(HEADER);
    let looked = from_iter(records.into_iter().enumerate()).try_map(|(index, it)| look(index).map(|()| it.1));
    Ok(looked.encode(AsLines).to(sink).cancelled_by(cancel).run_on(&Inline)?.value)
}

/// Standard output of a shell that writes it into a file.
fn writer(at: &Path) -> WriterSink<File> {
    WriterSink::new(File::create(at).unwrap()).header(HEADER)
}

fn writer_of_lines(
    at: &Path,
    records: Vec<Record>,
    look: Look<'_>,
    cancel: &Cancel,
) -> Result<u64, RunError> {
    let looked = from_iter(records.into_iter().enumerate()).try_map(|(index, it)| look(index).map(|()| it.1));
    Ok(looked.to(writer(at)).cancelled_by(cancel).run_on(&Inline)?.value)
}

fn writer_of_blocks(
    at: &Path,
    records: Vec<Record>,
    look: Look<'_>,
    cancel: &Cancel,
) -> Result<u64, RunError> {
    let looked = from_iter(records.into_iter().enumerate()).try_map(|(index, it)| look(index).map(|()| it.1));
    Ok(looked.encode(AsLines).to(writer(at)).cancelled_by(cancel).run_on(&Inline)?.value)
}

fn per_key_of_pairs(
    at: &Path,
    records: Vec<Record>,
    look: Look<'_>,
    cancel: &Cancel,
) -> Result<u64, RunError> {
    let sink = PerKeySink::create(at).unwrap().max_open(3).unwrap().header(HEADER);
    let looked = from_iter(records.into_iter().enumerate()).try_map(|(index, it)| look(index).map(|()| it));
    Ok(looked.to(sink).cancelled_by(cancel).run_on(&Inline)?.value.bytes)
}

fn per_key_of_blocks(
    at: &Path,
    records: Vec<Record>,
    look: Look<'_>,
    cancel: &Cancel,
) -> Result<u64, RunError> {
    struct Line;
    impl pipe_stream::Encoder<Record> for Line {
        fn encode(&self, (_, line): Record, into: &mut Vec<u8>) -> Result<(), BoxError> {
            AsLines.encode(line, into)
        }
    }
    let every = Fsync::EveryBytes(NonZeroU64::new(100_000).unwrap());
    let sink = PerKeySink::create(at).unwrap().max_open(1).unwrap().fsync(every).header(HEADER);
    let looked = from_iter(records.into_iter().enumerate()).try_map(|(index, it)| look(index).map(|()| it));
    let key = |record: &Record, name: &mut Vec<u8>| {
        name.extend_from_slice(record.0.as_bytes());
        Ok(())
    };
    Ok(looked.encode_by(key, Line).to(sink).cancelled_by(cancel).run_on(&Inline)?.value.bytes)
}

fn rolling(at: &Path) -> RollingSink {
    let sink = RollingSink::create(at, ROLL_AT as u64).unwrap().max_records(RECORDS as u64).unwrap();
    sink.extension("txt").unwrap().header(HEADER).fsync(Fsync::AtCommit)
}

fn rolling_of_lines(
    at: &Path,
    records: Vec<Record>,
    look: Look<'_>,
    cancel: &Cancel,
) -> Result<u64, RunError> {
    let looked = from_iter(records.into_iter().enumerate()).try_map(|(index, it)| look(index).map(|()| it.1));
    Ok(looked.to(rolling(at)).cancelled_by(cancel).run_on(&Inline)?.value.bytes)
}

fn rolling_of_blocks(
    at: &Path,
    records: Vec<Record>,
    look: Look<'_>,
    cancel: &Cancel,
) -> Result<u64, RunError> {
    let looked = from_iter(records.into_iter().enumerate()).try_map(|(index, it)| look(index).map(|()| it.1));
    Ok(looked.encode(AsLines).to(rolling(at)).cancelled_by(cancel).run_on(&Inline)?.value.bytes)
}

fn visible(at: &Path) -> Option<Files> {
    if !at.is_dir() {
        return Some(Files::from([(String::new(), fs::read(at).ok()?)]));
    }
    let files = names(at).into_iter().map(|name| {
        let bytes = fs::read(at.join(&name)).unwrap();
        (name, bytes)
    });
    Some(files.collect())
}

/// What is in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn stream_error(error: &RunError) -> &StreamError {
    error.stage_error().expect("a StreamError")
}
