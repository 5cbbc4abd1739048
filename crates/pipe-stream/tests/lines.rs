//! What goes in as bytes comes out as lines, whatever the reads look like; and what goes wrong has a name.

mod common;

use common::{WANT, drain, naive};
use pipe_core::{Batch, Flow, Inline, RunError, Source, Want};
use pipe_stream::{Lines, StreamError, StreamErrorKind};
use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read, Seek, Write};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

fn table() -> Vec<Vec<u8>> {
    let long = [b"x".repeat(200), b"\n".to_vec(), b"y".repeat(130)].concat();
    let words = (0..40).map(|n| "w".repeat(n * 7 % 23)).collect::<Vec<_>>().join("\n").into_bytes();
    let mut table: Vec<Vec<u8>> = [
        &b""[..],
        b"a",
        b"\n",
        b"\n\n\n\n\n",
        b"one\ntwo\n",
        b"one\ntwo",
        b"one\r\ntwo\r\n",
        b"\r",
        b"\r\n",
        b"a\rb\n\rc",
        b"\0\n\0\0",
        b"\xef\xbb\xbfbom\n",
        b"\xff\xfe\n\xf0\x9f\x98",
        "grüße\n日本語\n😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀\n".as_bytes(),
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    table.extend([long, words]);
    // A line feed on, before and behind the edge of every buffer in the test.
    table.extend((0..=66).map(|len| [b"z".repeat(len), b"\nrest\n".to_vec()].concat()));
    table
}

/// Gives at most so many bytes at once, in turn; a zero is an interruption.
struct Stutter<'a> {
    rest: &'a [u8],
    reads: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl<'a> Stutter<'a> {
    fn new(rest: &'a [u8], reads: &'a [usize]) -> Self {
        Stutter { rest, reads: reads.iter().cycle() }
    }
}

impl Read for Stutter<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let most = *self.reads.next().unwrap();
        if most == 0 {
            return Err(ErrorKind::Interrupted.into());
        }
        let len = room.len().min(most);
        self.rest.read(&mut room[..len])
    }
}

/// Then fails.
fn then_fails(text: &[u8]) -> impl Read + Send {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    text.chain(Fails)
}

#[test]
fn every_buffer_size_gives_the_lines_that_split_gives() {
    for text in table() {
        let expected = naive(&text);
        for buffer in (1..=65).chain([1 << 16]) {
            let lines = Lines::from_reader(&text[..]).buffer(buffer);
            assert_eq!(drain(lines, WANT).0, expected, "buffer of {buffer}, {text:?}");
            let want = Want { items: 1, bytes: buffer };
            assert_eq!(drain(Lines::from_reader(&text[..]), want).0, expected, "want {buffer}, {text:?}");
        }
    }
}

#[test]
fn short_and_interrupted_reads_change_nothing() {
    for text in table() {
        for reads in [&[1][..], &[0, 1], &[0, 0, 7, 1, 64], &[3, 1, 200]] {
            for buffer in [1, 2, 5, 64, 1 << 16] {
                let lines = Lines::from_reader(Stutter::new(&text, reads)).buffer(buffer);
                assert_eq!(drain(lines, WANT).0, naive(&text), "reads of {reads:?}, {text:?}");
            }
        }
    }
}

#[test]
fn a_run_sees_the_same_lines() {
    for text in table() {
        let lines = Lines::from_reader(&text[..]).buffer(7).pipeline().map(<[u8]>::to_vec).collect();
        let report = lines.run_on(&Inline).unwrap();
        let expected: Vec<_> = naive(&text).into_iter().map(|(_, line)| line).collect();
        assert_eq!((report.taken(), report.value), (expected.len() as u64, expected));
    }
}

#[test]
fn positioned_lines_are_the_same_lines_at_their_positions() {
    for text in table() {
        for buffer in [1, 7, 1 << 16] {
            let lines = Lines::from_reader(&text[..]).buffer(buffer).positioned().pipeline();
            let seen =
                lines.map(|line| (line.at, line.bytes.to_vec())).collect().run_on(&Inline).unwrap().value;
            assert_eq!(seen, naive(&text));
        }
    }
    let mut lines = Lines::from_reader(&b"one\ntwo\nthree\n"[..]).positioned();
    let mut front = lines.pull(WANT).unwrap().unwrap();
    let whole = Batch::bytes(&front);
    let mut back = front.split().unwrap();
    assert_eq!(Batch::bytes(&front) + Batch::bytes(&back), whole);
    assert_eq!(front.drive(9, |_, _| Flow::Continue(())) + back.drive(9, |_, _| Flow::Continue(())), 3);
    assert_eq!((front.position(), back.position()), (4, 8));
}

#[test]
fn an_error_midway_names_the_byte_after_the_lines_before_it() {
    let text = b"one\ntwo\nthr";
    for buffer in [1, 2, 3, 4, 5, 100] {
        let (seen, error) = drain(Lines::from_reader(then_fails(text)).buffer(buffer), WANT);
        assert_eq!(seen, naive(b"one\ntwo\n"));
        let error = error.unwrap();
        assert_eq!(error.to_string(), "read the input at byte 11: the disk is gone");
        assert_eq!((error.kind(), error.offset()), (StreamErrorKind::Io(ErrorKind::Other), Some(11)));
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn a_failed_stage_names_the_byte_of_its_line() {
    let text: &[u8] = b"12\n345\nx\n6\n";
    let number = |line: &[u8]| str::from_utf8(line)?.parse::<u32>().map_err(pipe_core::BoxError::from);
    for buffer in [1, 4, 100] {
        let lines = Lines::from_reader(text).buffer(buffer).pipeline();
        let failed = lines.try_map(number).named("number").collect().run_on(&Inline).unwrap_err();
        assert_eq!(failed.to_string(), "stage number failed at 7: invalid digit found in string");
    }
}

#[test]
fn a_record_may_have_max_record_bytes_and_not_one_more_whatever_the_buffer() {
    for most in [1, 2, 7, 64] {
        let fits = [b"a\n".to_vec(), b"b".repeat(most), b"\n\n".to_vec(), b"c".repeat(most)].concat();
        for buffer in (1..=130).chain([1 << 16]) {
            let read = |text: &[u8]| drain(Lines::from_reader(text).buffer(buffer).max_record(most), WANT);
            let (seen, error) = read(&fits);
            assert!(error.is_none());
            assert_eq!(seen, naive(&fits));

            for ending in ["", "\n", "dd\nx"] {
                let start = b"a\n".len();
                let text = [b"a\n".to_vec(), b"b".repeat(most + 1), ending.as_bytes().to_vec()].concat();
                let (seen, error) = read(&text);
                assert_eq!(seen, naive(b"a\n"));
                let error = error.unwrap();
                assert_eq!(error.kind(), StreamErrorKind::RecordTooLong { limit: most });
                assert_eq!(error.offset(), Some(start as u64));
            }
        }
    }
}

#[test]
fn four_gibibytes_without_a_line_feed_fail_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse");
    File::create(&path).unwrap().set_len(4 << 30).unwrap();
    let started = Instant::now();
    let lines = Lines::open(&path).unwrap().max_record(1 << 20).pipeline();
    let failed = lines.map(|line| line.len()).collect().run_on(&Inline).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(2));
    let expected = format!("source: record at byte 0 of {path:?} is longer than 1048576 bytes");
    assert_eq!(failed.to_string(), expected);
}

#[test]
fn no_more_is_read_of_a_record_than_it_may_have() {
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.0 += room.len() as u64;
            assert!(self.0 <= 1_000_001, "{} bytes read", self.0);
            Ok(room.len())
        }
    }
    let (seen, error) = drain(Lines::from_reader(Endless(0)).max_record(1_000_000), WANT);
    assert!(seen.is_empty());
    assert_eq!(error.unwrap().kind(), StreamErrorKind::RecordTooLong { limit: 1_000_000 });
}

#[test]
fn a_batch_is_one_read_of_at_most_what_is_wanted() {
    let text = b"fourteen bytes\n".repeat(10_000);
    let mut lines = Lines::from_reader(&text[..]).buffer(64 << 10);
    let mut at = 0;
    for bytes in [4_096, 1_000, 1 << 20, 64 << 10, 1] {
        let batch = lines.pull(Want { items: 1, bytes }).unwrap().unwrap();
        let limit = bytes.clamp(15, 64 << 10);
        let whole = Batch::bytes(&batch);
        assert!((limit..=limit * 4).contains(&whole), "{whole} bytes kept alive, {bytes} wanted");
        let mut batch = batch;
        let mut taken = 0;
        batch.drive(usize::MAX, |position, line| {
            assert_eq!(position, at);
            at += line.len() as u64 + 1;
            taken += line.len() + 1;
            Flow::Continue(())
        });
        assert!(taken <= limit.max(30), "{taken} bytes lent, {bytes} wanted");
    }
}

#[test]
fn a_line_is_handed_on_before_the_next_one_is_written() {
    let (reader, mut writer) = io::pipe().unwrap();
    let (seen, saw) = channel::<Vec<u8>>();
    let run = std::thread::spawn(move || {
        let lines = Lines::from_reader(reader).pipeline().map(<[u8]>::to_vec);
        lines.for_each(|line| seen.send(line).unwrap()).run_on(&Inline)
    });
    for (written, line) in [("one\n", "one"), ("two\nthr", "two"), ("ee\n", "three")] {
        writer.write_all(written.as_bytes()).unwrap();
        assert_eq!(saw.recv_timeout(Duration::from_secs(20)).unwrap(), line.as_bytes());
    }
    drop(writer);
    assert_eq!(run.join().unwrap().unwrap().taken(), 3);
}

#[test]
fn an_end_is_not_asked_for_twice() {
    struct Ends(usize);
    impl Read for Ends {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => (&b"one\ntwo"[..]).read(room),
                2 => Ok(0),
                _ => panic!("asked again"),
            }
        }
    }
    assert_eq!(drain(Lines::from_reader(Ends(0)), WANT).0, naive(b"one\ntwo"));
}

#[test]
fn settings_of_zero_are_errors_before_anything_is_read() {
    struct Untouched;
    impl Read for Untouched {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("read")
        }
    }
    let check = |lines: Lines<Untouched>, expected: &str| {
        let failed = lines.pipeline().map(|line| line.len()).collect().run_on(&Inline).unwrap_err();
        assert_eq!(failed.to_string(), expected);
        let error: &StreamError = failed.stage_error().unwrap();
        assert!(matches!(error.kind(), StreamErrorKind::Setting { value: 0, .. }));
    };
    check(
        Lines::from_reader(Untouched).max_record(0),
        "source: max_record = 0: a record needs room for one byte",
    );
    check(Lines::from_reader(Untouched).buffer(0), "source: buffer = 0: a read needs room for one byte");
}

#[test]
fn settings_beyond_all_memory_are_errors_or_harmless() {
    let text: &[u8] = b"one\ntwo";
    assert_eq!(drain(Lines::from_reader(text).max_record(usize::MAX), WANT).0, naive(text));
    let (_, error) = drain(Lines::from_reader(text).buffer(usize::MAX).max_record(usize::MAX), WANT);
    assert_eq!(error.unwrap().kind(), StreamErrorKind::Io(ErrorKind::OutOfMemory));
}

#[test]
fn a_reader_need_not_start_at_its_beginning() {
    let mut reader = Cursor::new(b"skipped\none\n");
    reader.seek(io::SeekFrom::Start(8)).unwrap();
    assert_eq!(
        drain(Lines::from_reader(reader), WANT).0,
        naive(b"one\n"),
        "positions count from where it stood"
    );
}

#[test]
fn a_panicking_reader_ends_the_run_with_an_error() {
    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("boom")
        }
    }
    let failed = Lines::from_reader(Panics).pipeline().map(|line| line.len()).collect().run_on(&Inline);
    assert!(matches!(failed, Err(RunError::Panicked { stage, .. }) if stage == "source"));
}

/// The part of the test below that runs in a process of its own, whose standard input is open for writing.
#[cfg(unix)]
#[test]
fn in_a_process_that_cannot_read_standard_input() {
    if std::env::var_os("PIPE_STREAM_NO_STDIN").is_none() {
        return;
    }
    let (seen, error) = drain(Lines::stdin(), WANT);
    let error = error.expect("it is not empty: it cannot be read");
    assert_eq!((seen.len(), error.operation(), error.path()), (0, "read", None));
    assert!(error.to_string().contains("standard input at byte 0: Bad file descriptor"), "{error}");
}

#[cfg(unix)]
#[test]
fn standard_input_that_cannot_be_read_is_a_typed_error_and_not_an_empty_input() {
    let run = |stdin: File| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "in_a_process_that_cannot_read_standard_input"])
            .env("PIPE_STREAM_NO_STDIN", "")
            .stdin(stdin)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap()
    };
    assert!(run(File::create("/dev/null").unwrap()).success(), "open for writing");
    assert!(
        !run(File::open("/dev/null").unwrap()).success(),
        "open for reading: it is empty, and that is no error"
    );
}
