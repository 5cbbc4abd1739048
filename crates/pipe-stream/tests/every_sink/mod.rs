//! All sinks, each with what it makes of records.

use crate::common::names;
use pipe_core::{BoxError, Cancel, Inline, RunError, Sink, from_iter};
use pipe_stream::{AsLines, Block, Encode, Encoder, FileSink, Fsync, PerKeySink, RollingSink, WriterSink};
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

/// What a sink is given to write.
struct Given<'g> {
    records: Vec<Record>,
    look: Look<'g>,
    cancel: &'g Cancel,
}

pub(crate) struct SinkUnderTest {
    pub(crate) name: &'static str,
    write: fn(&Path, Given<'_>) -> Result<u64, RunError>,
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

impl SinkUnderTest {
    /// A run of the records into a new sink; returns how many bytes it says it has written.
    pub(crate) fn run(
        &self,
        at: &Path,
        records: Vec<Record>,
        look: Look<'_>,
        cancel: &Cancel,
    ) -> Result<u64, RunError> {
        (self.write)(at, Given { records, look, cancel })
    }
}

pub(crate) const SINKS: &[SinkUnderTest] = &[
    SinkUnderTest { name: "file, lines", write: |at, it| lines(synced_file(at), it), ..FILE },
    SinkUnderTest { name: "file, blocks", write: |at, it| blocks(file(at), it), ..FILE },
    SinkUnderTest { name: "writer, lines", write: |at, it| lines(writer(at), it), atomic: false, ..FILE },
    SinkUnderTest { name: "writer, blocks", write: |at, it| blocks(writer(at), it), atomic: false, ..FILE },
    SinkUnderTest { name: "per key, pairs", write: |at, it| pairs(per_key(at), it), ..PER_KEY },
    SinkUnderTest {
        name: "per key, blocks",
        write: |at, it| keyed_blocks(synced_per_key(at), it),
        ..PER_KEY
    },
    SinkUnderTest { name: "rolling, lines", write: |at, it| Ok(lines(rolling(at), it)?.bytes), ..ROLLING },
    SinkUnderTest { name: "rolling, blocks", write: |at, it| Ok(blocks(rolling(at), it)?.bytes), ..ROLLING },
];

const FILE: SinkUnderTest = SinkUnderTest {
    name: "",
    write: |at, it| lines(file(at), it),
    expected: |records| BTreeMap::from([(String::new(), records.iter().fold(HEADER.to_vec(), add))]),
    visible,
    put_old: |at| fs::write(at, "old\n").unwrap(),
    atomic: true,
    rolls: false,
};

const PER_KEY: SinkUnderTest = SinkUnderTest {
    write: |at, it| pairs(per_key(at), it),
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
    write: |at, it| Ok(lines(rolling(at), it)?.bytes),
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

fn file(at: &Path) -> FileSink {
    FileSink::create(at).unwrap().header(HEADER)
}

fn synced_file(at: &Path) -> FileSink {
    file(at).fsync(Fsync::EveryBytes(NonZeroU64::new(300_000).unwrap()))
}

/// Standard output of a shell that writes it into a file.
fn writer(at: &Path) -> WriterSink<File> {
    WriterSink::new(File::create(at).unwrap()).header(HEADER)
}

fn per_key(at: &Path) -> PerKeySink {
    PerKeySink::create(at).unwrap().max_open(3).header(HEADER)
}

fn synced_per_key(at: &Path) -> PerKeySink {
    per_key(at).max_open(1).fsync(Fsync::EveryBytes(NonZeroU64::new(100_000).unwrap()))
}

fn rolling(at: &Path) -> RollingSink {
    let sink = RollingSink::create(at, ROLL_AT as u64).unwrap().max_records(RECORDS as u64);
    sink.extension("txt").unwrap().header(HEADER).fsync(Fsync::AtCommit)
}

/// A run of the lines of the records.
fn lines<S: Sink<Vec<u8>>>(sink: S, it: Given<'_>) -> Result<S::Done, RunError> {
    let looked = from_iter(it.records.into_iter().enumerate())
        .try_map(|(index, (_, line))| (it.look)(index).map(|()| line));
    Ok(looked.to(sink).cancelled_by(it.cancel).run_on(&Inline)?.value)
}

fn blocks<S: Sink<Block>>(sink: S, it: Given<'_>) -> Result<S::Done, RunError> {
    let looked = from_iter(it.records.into_iter().enumerate())
        .try_map(|(index, (_, line))| (it.look)(index).map(|()| line));
    Ok(looked.encode(AsLines).to(sink).cancelled_by(it.cancel).run_on(&Inline)?.value)
}

/// A run of the records with their keys.
fn pairs(sink: PerKeySink, it: Given<'_>) -> Result<u64, RunError> {
    let looked = from_iter(it.records.into_iter().enumerate())
        .try_map(|(index, record)| (it.look)(index).map(|()| record));
    Ok(looked.to(sink).cancelled_by(it.cancel).run_on(&Inline)?.value.bytes)
}

fn keyed_blocks(sink: PerKeySink, it: Given<'_>) -> Result<u64, RunError> {
    struct Line;
    impl Encoder<Record> for Line {
        fn encode(&self, (_, line): Record, into: &mut Vec<u8>) -> Result<(), BoxError> {
            AsLines.encode(line, into)
        }
    }
    let key = |record: &Record, name: &mut Vec<u8>| {
        name.extend_from_slice(record.0.as_bytes());
        Ok(())
    };
    let looked = from_iter(it.records.into_iter().enumerate())
        .try_map(|(index, record)| (it.look)(index).map(|()| record));
    Ok(looked.encode_by(key, Line).to(sink).cancelled_by(it.cancel).run_on(&Inline)?.value.bytes)
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
