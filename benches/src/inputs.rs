//! The input files: made once, the same on every machine, kept under `target/bench/inputs`.
//!
//! A file is made of blocks with seeds of their own, so that blocks can be made in parallel while the file is the same
//! for any number of threads. What makes a file also knows the right answer, from the values before they became text; it
//! is kept beside the file. A file gets its name when it is complete, so an interrupted run leaves nothing that is wrong.

pub(crate) mod access_log;
pub(crate) mod compressed;
pub(crate) mod events;
pub(crate) mod number_lines;
pub(crate) mod sales;
pub(crate) mod stations;
pub(crate) mod text;

use crate::measure::BoxError;
use crate::rng::Rng;
use compressed::{Codec, Compressed};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Part of the file names, together with the version: a change of a generator must not meet an old file.
const SEED: u64 = 1;
const VERSION: u32 = 1;

/// Which file a workload reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Stations,
    AccessLog,
    Text(Asked),
    Sales,
    Events,
    TextGzip,
    TextZstd,
    NumberLines,
}

/// What a workload wants to know of a text, in the order of the lines in its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Lines,
    LinesWordsBytes,
    RareLiteral,
    CommonLiteral,
    Bytes,
}

/// A file that is ready, and the answer that every contender must give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prepared {
    pub(crate) path: PathBuf,
    pub(crate) expected: String,
}

/// What makes the rows of a file.
pub(crate) trait Generator: Sync {
    /// What is known of the rows of a block, or of many.
    type Known: Default + Send;

    /// What the file begins with.
    fn head(&self) -> &'static [u8] {
        b""
    }

    /// Appends `rows` rows to `text`.
    fn block(&self, rng: &mut Rng, rows: u64, text: &mut Vec<u8>) -> Self::Known;

    /// Takes what is known of the next block; blocks come in their order.
    fn merge(&self, all: &mut Self::Known, block: Self::Known);

    /// One line for each question that can be asked of the file.
    fn answer(&self, known: &Self::Known) -> String;
}

impl Input {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Input::Stations => "stations",
            Input::AccessLog => "access-log",
            Input::Text(_) => "text",
            Input::Sales => "sales",
            Input::Events => "events",
            Input::TextGzip => "text-gzip",
            Input::TextZstd => "text-zstd",
            Input::NumberLines => "number-lines",
        }
    }

    /// Rounded up: enough to tell whether a file fits.
    pub(crate) fn bytes_per_row(self) -> u64 {
        match self {
            Input::Stations => 15,
            Input::AccessLog => 165,
            Input::Text(_) => 78,
            Input::Sales => 99,
            Input::Events => 201,
            Input::TextGzip | Input::TextZstd => 30,
            Input::NumberLines => 28,
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Input::Stations | Input::AccessLog | Input::Text(_) => "txt",
            Input::Sales | Input::NumberLines => "csv",
            Input::Events => "ndjson",
            Input::TextGzip => "gz",
            Input::TextZstd => "zst",
        }
    }

    /// Which line of the answers is its own.
    fn question(self) -> usize {
        match self {
            Input::Text(asked) => asked as usize,
            _ => 0,
        }
    }

    /// Blocks of about 16 MiB.
    fn rows_per_block(self) -> u64 {
        (16 << 20) / self.bytes_per_row()
    }

    fn path(self, rows: u64, folder: &Path) -> PathBuf {
        folder.join(format!("{}-{rows}-seed{SEED}-v{VERSION}.{}", self.name(), self.extension()))
    }

    /// Whether the file is there already.
    pub(crate) fn is_cached(self, rows: u64, folder: &Path) -> bool {
        self.path(rows, folder).exists()
    }

    /// The file with so many rows; made, if it is not there yet, on `workers` threads.
    pub(crate) fn prepare(self, rows: u64, folder: &Path, workers: usize) -> Result<Prepared, BoxError> {
        let path = self.path(rows, folder);
        let shape = Shape { rows, rows_per_block: self.rows_per_block(), workers };
        let all = match self {
            Input::Stations => cached(&stations::Stations::new(), path, shape),
            Input::AccessLog => cached(&access_log::AccessLog::new(), path, shape),
            Input::Text(_) => cached(&text::Text::new(), path, shape),
            Input::Sales => cached(&sales::Sales, path, shape),
            Input::Events => cached(&events::Events, path, shape),
            Input::TextGzip => cached(&Compressed::new(Codec::Gzip), path, shape),
            Input::TextZstd => cached(&Compressed::new(Codec::Zstd), path, shape),
            Input::NumberLines => cached(&number_lines::NumberLines, path, shape),
        }?;
        let expected = all.expected.lines().nth(self.question()).unwrap_or_default().to_owned();
        Ok(Prepared { expected, ..all })
    }
}

#[derive(Clone, Copy)]
struct Shape {
    rows: u64,
    rows_per_block: u64,
    workers: usize,
}

fn cached<G: Generator>(generator: &G, path: PathBuf, shape: Shape) -> Result<Prepared, BoxError> {
    let (answer, part) = (path.with_extension("answer"), path.with_extension("part"));
    if let (true, Ok(expected)) = (path.exists(), fs::read_to_string(&answer)) {
        return Ok(Prepared { path, expected });
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // A second run that wants the same file waits here, and then finds it made.
    let mut file = File::options().create(true).truncate(false).write(true).open(&part)?;
    file.lock()?;
    if let (true, Ok(expected)) = (path.exists(), fs::read_to_string(&answer)) {
        return Ok(Prepared { path, expected });
    }
    file.set_len(0)?;
    let known = generate(generator, shape, &mut file)?;
    let expected = generator.answer(&known);
    fs::write(&answer, &expected)?;
    fs::rename(&part, &path)?;
    Ok(Prepared { path, expected })
}

fn generate<G: Generator>(generator: &G, shape: Shape, out: &mut impl Write) -> Result<G::Known, BoxError> {
    let blocks = shape.rows.div_ceil(shape.rows_per_block);
    let mut all = G::Known::default();
    out.write_all(generator.head())?;
    let make = |block: u64| {
        let rows = shape.rows_per_block.min(shape.rows - block * shape.rows_per_block);
        let mut text = Vec::with_capacity(20 << 20);
        let known = generator.block(&mut Rng::part(SEED, block), rows, &mut text);
        (text, known)
    };
    std::thread::scope(|threads| {
        let mut rest = (0..blocks).map(|block| threads.spawn(move || make(block)));
        let mut started: VecDeque<_> = rest.by_ref().take(shape.workers.max(1)).collect();
        while let Some(block) = started.pop_front() {
            let (text, known) = block.join().map_err(|_| "the generator panicked")?;
            // While this one is written, as many as before are made.
            started.extend(rest.next());
            out.write_all(&text)?;
            generator.merge(&mut all, known);
        }
        Ok(all)
    })
}

/// Appends a number in decimal; what `write!` does, without its cost in a loop over a hundred million rows.
fn push_decimal(text: &mut Vec<u8>, number: u64) {
    let mut digits = [0u8; 20];
    let (mut at, mut left) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::Job;
    use crate::contenders::{
        bufread, compressed, csv_sum, filtered_write, ndjson_errors, number_lines, text,
    };
    use crate::measure::Outcome;

    const ALL: [Input; 11] = [
        Input::Stations,
        Input::AccessLog,
        Input::Text(Asked::Lines),
        Input::Text(Asked::LinesWordsBytes),
        Input::Text(Asked::RareLiteral),
        Input::Text(Asked::CommonLiteral),
        Input::Sales,
        Input::Events,
        Input::TextGzip,
        Input::TextZstd,
        Input::NumberLines,
    ];

    fn oracle(input: Input, prepared: &Prepared, rows: u64) -> Outcome {
        let job =
            Job { size: rows, input: Some(prepared.path.clone()), instance: 0, parameter: 0, workers: 1 };
        let naive = match input {
            Input::Stations => bufread::stations,
            Input::AccessLog => bufread::access_log,
            Input::Text(Asked::Lines) => text::bufread_lines,
            Input::Text(Asked::LinesWordsBytes) => text::bufread_words,
            Input::Text(Asked::RareLiteral) => text::bufread_filter,
            Input::Text(Asked::CommonLiteral) => filtered_write::bufread,
            Input::Text(Asked::Bytes) => text::read_loop,
            Input::Sales => csv_sum::string_records,
            Input::Events => ndjson_errors::bufread,
            Input::TextGzip => compressed::gzip_bufread,
            Input::TextZstd => compressed::zstd_bufread,
            Input::NumberLines => number_lines::sequential,
        };
        naive(&job).unwrap()
    }

    #[test]
    fn the_generator_knows_the_answer_of_the_naive_program() {
        let folder = tempfile::tempdir().unwrap();
        for (input, rows) in ALL.into_iter().flat_map(|input| [(input, 1), (input, 5000)]) {
            let prepared = input.prepare(rows, folder.path(), 2).unwrap();
            assert_eq!(oracle(input, &prepared, rows).answer, prepared.expected, "{input:?} {rows}");
        }
    }

    #[test]
    fn a_compressed_file_does_not_depend_on_the_threads_either() {
        let made = |workers| {
            let (mut text, shape) = (Vec::new(), Shape { rows: 1000, rows_per_block: 96, workers });
            let generator = Compressed::new(Codec::Gzip);
            let known = generate(&generator, shape, &mut text).unwrap();
            (generator.answer(&known), text)
        };
        assert_eq!(made(1), made(3));
    }

    #[test]
    fn rows_take_about_as_many_bytes_as_is_said() {
        let folder = tempfile::tempdir().unwrap();
        for input in ALL {
            let bytes = fs::metadata(input.prepare(20_000, folder.path(), 2).unwrap().path).unwrap().len();
            let share = bytes as f64 / (20_000 * input.bytes_per_row()) as f64;
            assert!((0.7..=1.0).contains(&share), "{input:?} has {} bytes a row", bytes / 20_000);
        }
    }

    #[test]
    fn the_file_does_not_depend_on_the_threads_and_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let text = |workers| {
            let (mut text, shape) = (Vec::new(), Shape { rows: 1000, rows_per_block: 96, workers });
            let generator = stations::Stations::new();
            let known = generate(&generator, shape, &mut text).unwrap();
            (generator.answer(&known), text)
        };
        assert_eq!(text(1), text(3));
        let first = Input::Stations.prepare(100, folder.path(), 2).unwrap();
        let made = fs::metadata(&first.path).unwrap().modified().unwrap();
        assert_eq!(Input::Stations.prepare(100, folder.path(), 2).unwrap(), first);
        assert_eq!(fs::metadata(&first.path).unwrap().modified().unwrap(), made);
        assert!(!first.path.with_extension("part").exists());
    }

    #[test]
    fn an_unfinished_file_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let whole = Input::AccessLog.prepare(50, folder.path(), 1).unwrap();
        let text = fs::read(&whole.path).unwrap();
        fs::rename(&whole.path, whole.path.with_extension("part")).unwrap();
        assert_eq!(Input::AccessLog.prepare(50, folder.path(), 1).unwrap(), whole);
        assert_eq!(fs::read(&whole.path).unwrap(), text);
    }

    #[test]
    fn decimals_are_those_of_display() {
        for number in [0, 7, 10, 1234, u64::MAX] {
            let mut text = Vec::new();
            push_decimal(&mut text, number);
            assert_eq!(text, number.to_string().into_bytes());
        }
    }
}
