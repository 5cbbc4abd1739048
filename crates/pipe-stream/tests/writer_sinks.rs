//! Writers: a run that says `Ok` has written everything, through short, interrupted and refused writes.

mod common;

use common::stream_error;
use pipe_core::{Inline, from_iter};
use pipe_stream::{AsLines, Encode, FileSink, StreamErrorKind, WriterSink};
use std::fs;
use std::io::{self, ErrorKind, Write};

/// Takes at most `step` bytes at once and `most` in all, and is interrupted every other time.
struct Slow {
    taken: Vec<u8>,
    step: usize,
    most: usize,
    calls: usize,
    full: ErrorKind,
}

impl Slow {
    fn new(step: usize, most: usize, full: ErrorKind) -> Self {
        Slow { taken: Vec::new(), step, most, calls: 0, full }
    }
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(2) {
            return Err(ErrorKind::Interrupted.into());
        }
        let take = bytes.len().min(self.step).min(self.most - self.taken.len());
        if take == 0 && self.full != ErrorKind::WriteZero {
            return Err(self.full.into());
        }
        self.taken.extend_from_slice(&bytes[..take]);
        Ok(take)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_of_all_lengths_arrive_whole_through_short_and_interrupted_writes() {
    let held = 256 << 10;
    for lengths in [&[0, 1, 0][..], &[held - 2, held - 1, held, held + 1], &[3, held, 5, 2 * held + 7, 0]] {
        let lines: Vec<Vec<u8>> =
            lengths.iter().enumerate().map(|(index, len)| vec![b'a' + index as u8; *len]).collect();
        let expected: Vec<u8> = lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
        let mut slow = Slow::new(100_000, usize::MAX, ErrorKind::Other);
        let report = from_iter(lines).to(WriterSink::new(&mut slow)).run_on(&Inline).unwrap();
        assert_eq!(report.value, expected.len() as u64);
        assert!(slow.taken == expected, "{lengths:?}");
    }
}

#[test]
fn a_write_error_names_the_byte_and_its_kind() {
    for (full, words) in [(ErrorKind::StorageFull, "no storage space"), (ErrorKind::WriteZero, "write zero")]
    {
        for most in [0, 10, 999_999] {
            let mut slow = Slow::new(1_000, most, full);
            let lines = from_iter(0..200_000).map(|n| format!("{n:09}"));
            let failed = lines.to(WriterSink::new(&mut slow)).run_on(&Inline).unwrap_err();
            let error = stream_error(&failed);
            assert_eq!((error.kind(), error.offset()), (StreamErrorKind::Io(full), Some(most as u64)));
            assert_eq!(error.to_string(), format!("write the output at byte {most}: {words}"));
        }
    }
}

#[test]
fn a_failed_flush_of_the_writer_is_an_error() {
    struct NeverFlushes;
    impl Write for NeverFlushes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::Error::other("lost"))
        }
    }
    let failed = from_iter(["one"]).to(WriterSink::new(NeverFlushes)).run_on(&Inline).unwrap_err();
    assert_eq!(failed.to_string(), "sink, after 1 items: write the output at byte 4: lost");
}

#[test]
fn an_abandoned_run_writes_nothing_more() {
    let mut out = Vec::new();
    let number = |text: &str| text.parse::<u32>().map(|number| number.to_string());
    from_iter(["1", "x"]).try_map(number).to(WriterSink::new(&mut out)).run_on(&Inline).unwrap_err();
    assert!(out.is_empty());
}

#[test]
fn a_reader_that_has_gone_is_a_typed_error() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let failed = from_iter(["one"]).to(WriterSink::new(writer)).run_on(&Inline).unwrap_err();
    assert_eq!(stream_error(&failed).kind(), StreamErrorKind::Io(ErrorKind::BrokenPipe));
}

#[test]
fn blocks_meet_the_same_errors_as_lines() {
    let many = || from_iter(0..200_000).map(|n| format!("{n:09}")).encode(AsLines);
    for full in [ErrorKind::StorageFull, ErrorKind::WriteZero] {
        let mut slow = Slow::new(1_000, 999_999, full);
        let failed = many().to(WriterSink::new(&mut slow)).run_on(&Inline).unwrap_err();
        let error = stream_error(&failed);
        assert_eq!((error.kind(), error.offset()), (StreamErrorKind::Io(full), Some(999_999)));
    }
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let failed = many().to(WriterSink::new(writer)).run_on(&Inline).unwrap_err();
    assert_eq!(stream_error(&failed).kind(), StreamErrorKind::Io(ErrorKind::BrokenPipe));
    if cfg!(target_os = "linux") {
        for few in [1, 200_000] {
            let lines = from_iter(0..few).map(|n| n.to_string()).encode(AsLines);
            let failed = lines.to(FileSink::create("/dev/full").unwrap()).run_on(&Inline).unwrap_err();
            assert_eq!(stream_error(&failed).kind(), StreamErrorKind::Io(ErrorKind::StorageFull));
        }
    }
}

#[test]
fn a_writer_that_claims_more_than_it_got_is_an_error() {
    struct Boasts;
    impl Write for Boasts {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len() + 1)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let failed = from_iter(["one"]).to(WriterSink::new(Boasts)).run_on(&Inline).unwrap_err();
    assert_eq!(stream_error(&failed).kind(), StreamErrorKind::Io(ErrorKind::Other));
}

/// The part of the test below that runs in a process of its own, whose standard output is open for reading.
#[cfg(unix)]
#[test]
fn in_a_process_that_cannot_write_to_standard_output() {
    if std::env::var_os("PIPE_STREAM_NO_STDOUT").is_none() {
        return;
    }
    let error = WriterSink::stdout().expect_err("what is written would be lost");
    assert_eq!((error.operation(), error.path()), ("open", None));
    assert!(error.to_string().starts_with("open standard output: Bad file descriptor"), "{error}");
}

#[cfg(unix)]
#[test]
fn standard_output_that_cannot_be_written_to_is_a_typed_error() {
    let run = |stdout: std::process::Stdio| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "in_a_process_that_cannot_write_to_standard_output"])
            .env("PIPE_STREAM_NO_STDOUT", "")
            .stdout(stdout)
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap()
    };
    assert!(run(fs::File::open("/dev/null").unwrap().into()).success(), "open for reading");
    assert!(
        !run(fs::File::create("/dev/null").unwrap().into()).success(),
        "open for writing: there is no error"
    );
}

#[test]
fn a_header_of_any_length_stands_in_front() {
    for length in [0, 1, 20_000, 300_000, 1_000_000] {
        let (header, mut out) = (vec![b'h'; length], Vec::new());
        let sink = WriterSink::new(&mut out).header(&header).header(b"!\n");
        let report = from_iter(["one"]).to(sink).run_on(&Inline).unwrap();
        assert_eq!(report.value, length as u64 + 6);
        assert!(out == [&header[..], b"!\none\n"].concat(), "{length}");
    }
}
