//! A table with quotes, read in parts by who comes when he comes, has the rows that one reader finds from its front.

use pipe_core::testing::Rng;
use pipe_core::{Batch, Flow, Source, Want};
use pipe_stream::{Chunk, Csv, Lines, StreamError, StreamErrorKind};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

type Row = (u64, Vec<Vec<u8>>);

fn lend(chunk: &mut Chunk<Csv>) -> Vec<Row> {
    let mut rows = Vec::new();
    chunk.drive(usize::MAX, |at, row| {
        rows.push((at, row.fields().map(|field| field.bytes().into_owned()).collect()));
        Flow::Continue(())
    });
    rows
}

/// The oracle: from the front, a read at a time.
fn sequential(text: &[u8]) -> Result<Vec<Row>, StreamErrorKind> {
    let mut records = Lines::from_reader(text).framed(Csv::new());
    let mut rows = Vec::new();
    loop {
        match records.pull(Want::MOST) {
            Ok(Some(mut chunk)) => rows.extend(lend(&mut chunk)),
            Ok(None) => return Ok(rows),
            Err(error) => return Err(error.downcast::<StreamError>().unwrap().kind()),
        }
    }
}

fn chunks(path: &Path, bytes: usize) -> Vec<Chunk<Csv>> {
    let mut records = Lines::open(path).unwrap().framed(Csv::new()).buffer(bytes);
    std::iter::from_fn(|| records.pull(Want::MOST).unwrap()).collect()
}

/// Loads and lends the chunks in another order than that of the file, some in halves, and puts the rows in order again.
fn shuffled(mut chunks: Vec<Chunk<Csv>>, rng: &mut Rng) -> Result<Vec<Row>, StreamError> {
    let (mut rows, mut failed) = (Vec::new(), None::<StreamError>);
    while !chunks.is_empty() {
        let mut chunk = chunks.swap_remove(rng.below(chunks.len() as u64) as usize);
        if rng.below(3) == 0
            && let Some(back) = chunk.split()
        {
            chunks.push(back);
        }
        match chunk.load() {
            Ok(()) => rows.extend(lend(&mut chunk)),
            Err(error) => {
                // The lowest position wins, as in a run.
                let error = *error.downcast::<StreamError>().unwrap();
                let first = failed.take().filter(|failed| failed.offset() <= error.offset());
                failed = Some(first.unwrap_or(error));
            }
        }
    }
    rows.sort();
    failed.map_or(Ok(rows), Err)
}

/// What is hard: quotes at every seam, fields of nothing but quotes and line feeds, rows over many parts, parts without a quote.
fn table(rng: &mut Rng) -> Vec<u8> {
    let alphabet: &[&[u8]] = match rng.below(5) {
        0 => &[b"\"\"", b"\"\n\"", b"\n", b","],
        1 => &[b"\"\"\"\"", b"\"\"\"\n\"\"\"", b",", b"\n"],
        2 => &[b"\"a,\nb\"", b"c", b",", b"\r\n"],
        3 => &[b"\"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\"", b"\n", b","],
        _ => &[b"plain", b",", b"\n"],
    };
    let mut text = if rng.below(4) == 0 { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
    let mut quoted = false;
    for _ in 0..rng.below(120) {
        let mut piece = alphabet[rng.below(alphabet.len() as u64) as usize];
        // A field has one piece: two quoted ones side by side would be a quote in the middle.
        if quoted && !piece.starts_with(b",") && !piece.ends_with(b"\n") {
            piece = b",";
        }
        quoted = piece.ends_with(b"\"") || piece == b"c";
        text.extend_from_slice(if piece == b"\r\n" { b"\r\n" } else { piece });
    }
    text
}

#[test]
fn parts_in_any_order_have_the_rows_of_one_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let mut rng = Rng::new(91);
    let mut with_rows = 0;
    for _ in 0..120 {
        let text = table(&mut rng);
        fs::write(&path, &text).unwrap();
        let Ok(expected) = sequential(&text) else { continue };
        with_rows += usize::from(expected.len() > 3);
        for bytes in [1, 2, 3, 5, 16, 63, 64, 65, 4_096] {
            let shown = String::from_utf8_lossy(&text);
            let rows = shuffled(chunks(&path, bytes), &mut rng).unwrap();
            assert_eq!(rows, expected, "parts of {bytes}: {shown:?}");
            // Some are dropped unread, as when a run has enough.
            let mut few = chunks(&path, bytes);
            few.retain(|_| rng.below(2) == 0);
            let rows = shuffled(few, &mut rng).unwrap();
            assert!(rows.iter().all(|row| expected.contains(row)), "parts of {bytes}: {shown:?}");
        }
    }
    assert!(with_rows > 40, "{with_rows} tables with rows");
}

#[test]
fn every_text_of_quotes_and_line_feeds_is_read_as_from_its_front_or_refused_as_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let mut rng = Rng::new(92);
    for number in 0..4_u32.pow(5) {
        let text: Vec<u8> = (0..5).map(|digit| b"\"\n,a"[(number / 4_u32.pow(digit) % 4) as usize]).collect();
        fs::write(&path, &text).unwrap();
        let expected = sequential(&text);
        for bytes in [1, 2, 4] {
            let rows = shuffled(chunks(&path, bytes), &mut rng).map_err(|error| error.kind());
            assert_eq!(rows, expected, "parts of {bytes}: {:?}", String::from_utf8_lossy(&text));
        }
    }
}

#[test]
fn several_threads_lend_each_row_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let text: String =
        (0..40_000).map(|n| format!("{n},\"{}\n\"\"{n}\"\"\"\n", "\"\"\n".repeat(n % 90))).collect();
    fs::write(&path, &text).unwrap();
    let expected = sequential(text.as_bytes()).unwrap();
    for bytes in [1_000, 64 << 10] {
        let records = Mutex::new(Lines::open(&path).unwrap().framed(Csv::new()).buffer(bytes));
        let work = || {
            let mut rows = Vec::new();
            loop {
                let pulled = records.lock().unwrap().pull(Want::MOST).unwrap();
                let Some(mut chunk) = pulled else { return rows };
                chunk.load().unwrap();
                rows.extend(lend(&mut chunk));
            }
        };
        let mut rows = thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        rows.sort();
        assert!(rows == expected, "parts of {bytes}");
    }
}
