//! Encoded by many workers, the bytes are those that one loop would write.

use pipe_core::testing::{Fuzz, LetterLog, laws};
use pipe_core::{BlockingExecutor, BoxError, Cancel, Inline, RunError, exponential, from_iter, skip};
use pipe_stream::{
    AsCsv, AsLines, AsNdjson, Block, Csv, Encode, Encoder, FileSink, LengthPrefixed, Lines, PrefixBytes,
    Text, TooLongForItsPrefix, WriterSink,
};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// Runs with different batches and workers.
fn on_all(law: impl Fn(&dyn BlockingExecutor<'static, Async = std::convert::Infallible>)) {
    law(&Inline);
    for seed in 0..60 {
        law(&Fuzz::new(seed));
    }
}

/// What came into a sink, as bytes.
fn joined(blocks: &[Block]) -> Vec<u8> {
    blocks.iter().flat_map(Block::bytes).copied().collect()
}

fn numbered(lines: usize) -> Vec<u8> {
    (0..lines).flat_map(|n| format!("{n} {}\n", "x".repeat(n % 97)).into_bytes()).collect()
}

#[test]
fn blocks_in_their_order_are_the_bytes_of_one_loop() {
    let text = numbered(20_000);
    let kept = |line: &[u8]| !line.ends_with(b"xxxx");
    let expected: Vec<u8> = text
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| kept(&line[..line.len() - 1]))
        .flatten()
        .copied()
        .collect();
    on_all(|executor| {
        let blocks =
            Text::new(text.clone()).pipeline().filter(move |line| kept(line)).encode(AsLines).collect();
        let report = blocks.run_on(executor).unwrap();
        assert!(joined(&report.value) == expected);
        let records = report.value.iter().map(Block::records).sum::<usize>();
        assert_eq!(records, expected.iter().filter(|byte| **byte == b'\n').count());
        assert_eq!(
            report.segments.last().unwrap().emitted,
            report.value.len() as u64,
            "blocks are what is emitted"
        );
    });
}

#[test]
fn an_item_that_explodes_gives_bounded_blocks_in_order() {
    on_all(|executor| {
        let lines = from_iter([0u32, 1]).flat_map(|n| (0..60_000).map(move |m| format!("{n}:{m}")));
        let blocks = lines.encode(AsLines).collect().run_on(executor).unwrap().value;
        let expected: Vec<u8> = (0..2)
            .flat_map(|n| (0..60_000).map(move |m| format!("{n}:{m}\n")))
            .flat_map(String::into_bytes)
            .collect();
        assert!(joined(&blocks) == expected);
        assert!(blocks.iter().all(|block| block.bytes().len() < (256 << 10) + 8 && block.records() > 0));
    });
}

#[test]
fn an_attempt_that_failed_leaves_no_bytes() {
    on_all(|executor| {
        let calls = AtomicU32::new(0);
        // Of each record two lines; the second fails now and then, and for 7 always.
        let flaky = move |n: u32| match n {
            14 => Err("always"),
            n if n % 2 == 0 && calls.fetch_add(1, Relaxed).is_multiple_of(3) => Err("busy"),
            n => Ok(n.to_string()),
        };
        let log = LetterLog::new();
        let blocks = from_iter(0..200u32)
            .flat_map(|n| [n * 2 + 1, n * 2])
            .try_map(flaky)
            .retry(exponential(9).first(Duration::ZERO))
            .on_error(log.policy())
            .encode(AsLines)
            .collect();
        let report = blocks.run_on(executor).unwrap();
        let expected: String =
            (0..200).filter(|n| *n != 7).map(|n| format!("{}\n{}\n", n * 2 + 1, n * 2)).collect();
        assert_eq!(String::from_utf8(joined(&report.value)).unwrap(), expected);
        assert_eq!(log.letters().len(), 1);
    });
}

#[test]
fn what_was_taken_before_the_end_is_written() {
    on_all(|executor| {
        let first = Text::new(numbered(5_000)).pipeline().map(<[u8]>::to_vec).take(1_234);
        let blocks = first.encode(AsLines).collect().run_on(executor).unwrap();
        assert!(joined(&blocks.value) == numbered(1_234));
    });
}

#[test]
fn a_record_that_cannot_be_encoded_is_a_failure_of_the_stage_and_leaves_nothing() {
    let framing = LengthPrefixed::little_endian(PrefixBytes::One);
    let records = || from_iter([1usize, 255, 256, 0, 300]).map(|len| vec![b'r'; len]);
    let report = records().encode(framing).on_error(skip()).collect().run_on(&Inline).unwrap();
    let expected = [&b"\x01r\xff"[..], &[b'r'; 255], b"\0"].concat();
    assert_eq!((joined(&report.value), report.skipped()), (expected, 2));
    let failed = records().encode(framing).collect().run_on(&Inline).unwrap_err();
    assert!(matches!(failed, RunError::Stage { .. }), "{failed}");
    let error: &TooLongForItsPrefix = failed.stage_error().unwrap();
    assert_eq!((error.length, error.limit), (256, 255));

    struct Half;
    impl Encoder<u8> for Half {
        fn encode(&self, n: u8, into: &mut Vec<u8>) -> Result<(), BoxError> {
            into.push(n);
            if n.is_multiple_of(2) { Ok(()) } else { Err("odd".into()) }
        }
    }
    let even = from_iter(0..6u8).encode(Half).on_error(skip()).collect().run_on(&Inline).unwrap();
    assert_eq!(joined(&even.value), [0, 2, 4]);
}

#[test]
fn every_prefix_reads_back() {
    for bytes in [PrefixBytes::One, PrefixBytes::Two, PrefixBytes::Four, PrefixBytes::Eight] {
        for framing in [LengthPrefixed::big_endian(bytes), LengthPrefixed::little_endian(bytes)] {
            let records: Vec<Vec<u8>> = (0..600).map(|n: usize| vec![n as u8; n % 256]).collect();
            let mut out = Vec::new();
            from_iter(records.clone()).encode(framing).to(WriterSink::new(&mut out)).run_on(&Inline).unwrap();
            let read = Lines::from_reader(&*out).framed(framing).pipeline().map(<[u8]>::to_vec);
            assert!(read.collect().run_on(&Inline).unwrap().value == records);
        }
    }
}

#[test]
fn rows_are_quoted_where_needed_and_read_back_by_both_readers() {
    let alphabet = ["", "a", ",", "\"", "\n", "\r\n", "é", " ", "\r"];
    let rows: Vec<[String; 2]> = (0..81 * 9)
        .map(|n| [alphabet[n % 9].to_owned() + alphabet[n / 9 % 9], alphabet[n / 81].to_owned()])
        .collect();
    let mut out = Vec::new();
    from_iter(rows.clone()).encode(AsCsv).to(WriterSink::new(&mut out)).run_on(&Inline).unwrap();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&*out);
    let read: Vec<Vec<String>> =
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    assert!(read == rows, "the csv crate reads something else");
    let own = Lines::from_reader(&*out).framed(Csv::new()).pipeline().map(|row| {
        row.fields().map(|field| String::from_utf8(field.bytes().into_owned()).unwrap()).collect::<Vec<_>>()
    });
    assert!(own.collect().run_on(&Inline).unwrap().value == rows, "Csv::new() reads something else");

    let line = |row: (&str, &str)| {
        let mut out = Vec::new();
        AsCsv.encode(row, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(line(("plain text", "5")), "plain text,5\n");
    assert_eq!(line(("a,b", "say \"no\"")), "\"a,b\",\"say \"\"no\"\"\"\n");
    let mut one = Vec::new();
    AsCsv.encode([""], &mut one).unwrap();
    assert_eq!(one, b"\"\"\n", "an empty line would be no row");
}

#[test]
fn a_field_that_begins_with_a_byte_order_mark_keeps_it_at_the_head_of_a_file() {
    for rows in [[["\u{feff}a", "b"]], [["\u{feff}", "\u{feff}"]]] {
        let mut out = Vec::new();
        from_iter(rows).encode(AsCsv).to(WriterSink::new(&mut out)).run_on(&Inline).unwrap();
        let read = Lines::from_reader(&*out)
            .framed(Csv::new())
            .pipeline()
            .map(|row| row.fields().map(|field| field.text().unwrap().into_owned()).collect::<Vec<_>>());
        assert_eq!(read.collect().run_on(&Inline).unwrap().value, rows);
    }
}

#[test]
fn every_json_record_is_one_line() {
    let records = ["a\nb", "\"quoted\"", "\u{2028}é\0", ""];
    let mut out = Vec::new();
    from_iter(records)
        .map(str::to_owned)
        .encode(AsNdjson)
        .to(WriterSink::new(&mut out))
        .run_on(&Inline)
        .unwrap();
    let read: Vec<String> =
        str::from_utf8(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, records);
}

/// Takes as much as it likes of what it is given, now and then nothing because of a signal.
#[derive(Default)]
struct Picky {
    taken: Vec<u8>,
    calls: usize,
    most: Option<usize>,
}

impl Write for Picky {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.calls += 1;
        if self.most.is_some() && self.calls.is_multiple_of(2) {
            return Err(ErrorKind::Interrupted.into());
        }
        let before = self.taken.len();
        let most = self.most.unwrap_or(usize::MAX);
        parts.iter().for_each(|part| self.taken.extend_from_slice(part));
        self.taken.truncate(before.saturating_add(most));
        Ok(self.taken.len() - before)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn blocks_of_all_sizes_arrive_whole_through_short_and_interrupted_writes() {
    for most in [1_000, 16 << 10, 300_000] {
        let mut out = Picky { most: Some(most), ..Picky::default() };
        let expected: Vec<u8> =
            (0..60usize).flat_map(|n| [vec![n as u8; n * n * 100], vec![b'\n']].concat()).collect();
        let lines = from_iter(0..60usize).map(|n| vec![n as u8; n * n * 100]);
        let report =
            lines.encode(AsLines).to(WriterSink::new(&mut out)).run_on(&Fuzz::new(most as u64)).unwrap();
        assert_eq!(report.value, expected.len() as u64);
        assert!(out.taken == expected, "{most} bytes at a time");
    }
}

#[test]
fn at_most_one_write_in_twenty_is_not_256_kib() {
    let text = numbered(400_000);
    let mut out = Picky::default();
    let lines = Lines::from_reader(&*text).pipeline().filter(|line| line[0] % 2 == 0);
    let written = lines.encode(AsLines).to(WriterSink::new(&mut out)).run_on(&Inline).unwrap().value;
    let full = written.div_ceil(256 << 10);
    assert!(out.calls as f64 <= full as f64 * 1.05, "{} calls for {full} times 256 KiB", out.calls);
    assert!(full > 20);
}

#[test]
fn sinks_of_blocks_obey_the_laws() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let items = ["a\n", "bb\n", "ccc\n", "dddd\n"].map(|text| Text::new(text.as_bytes().to_vec()));
    let items =
        items.map(|text| text.pipeline().encode(AsLines).collect().run_on(&Inline).unwrap().value.remove(0));
    // Blocks are equal if their bytes are.
    #[derive(Clone, Debug)]
    struct Same(Block);
    impl PartialEq for Same {
        fn eq(&self, other: &Self) -> bool {
            self.0.bytes() == other.0.bytes()
        }
    }
    struct Blocks(FileSink);
    impl pipe_core::Sink<Same> for Blocks {
        type Done = u64;
        fn write(&mut self, item: Same) -> Result<(), BoxError> {
            self.0.write(item.0)
        }
        fn commit(self) -> Result<u64, BoxError> {
            pipe_core::Sink::<Block>::commit(self.0)
        }
    }
    let items = items.map(Same);
    let read = || {
        let text = std::fs::read(&path).unwrap();
        let lines = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec);
        lines.map(|line| items.iter().find(|item| item.0.bytes() == line).unwrap().clone()).collect()
    };
    laws::sink(|| Blocks(FileSink::create(&path).unwrap()), &items, read);
}

#[test]
fn a_cancelled_run_writes_no_block_twice_and_keeps_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let cancel = Cancel::new();
    let at = Mutex::new(cancel.clone());
    let lines = from_iter(0u64..).inspect(move |n| {
        if *n == 50_000 {
            at.lock().unwrap().cancel()
        }
    });
    let sink = FileSink::create(&path).unwrap();
    let failed = lines.map(|n| n.to_string()).encode(AsLines).to(sink).cancelled_by(&cancel).run_on(&Inline);
    assert!(matches!(failed, Err(RunError::Cancelled)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
