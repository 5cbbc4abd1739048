//! What goes in as bytes comes out as lines, whatever the reads look like; and what goes wrong has a name.

mod common;

use common::{WANT, drain, naive};
use pipe_core::{Batch, Flow, Inline, RunError, Source, Want};
use pipe_stream::{Lines, StreamError, StreamErrorKind, lines};
use std::fs::{self, File};
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
fn files_that_cannot_be_opened_say_which_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let check = |path: &std::path::Path, kind: ErrorKind| {
        let error = Lines::open(path).err().unwrap();
        assert_eq!((error.kind(), error.path()), (StreamErrorKind::Io(kind), Some(path)));
        assert!(error.to_string().starts_with(&format!("open {path:?}: ")), "{error}");
    };
    check(&missing, ErrorKind::NotFound);
    check(folder.path(), ErrorKind::IsADirectory);
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let expected = format!("open {:?}: Is a directory (os error 21)", folder.path());
        #[cfg(target_os = "linux")]
        assert_eq!(lines(folder.path()).err().unwrap().to_string(), expected);
        let dangling = folder.path().join("dangling");
        std::os::unix::fs::symlink(&missing, &dangling).unwrap();
        check(&dangling, ErrorKind::NotFound);
        check(&folder.path().join(std::ffi::OsStr::from_bytes(b"no\xfftext\n")), ErrorKind::NotFound);
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "one\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_ok() {
        return skip("a_file_without_permission_says_so", "this user may read everything");
    }
    let error = Lines::open(&path).err().unwrap();
    assert_eq!(error.to_string(), format!("open {path:?}: Permission denied (os error 13)"));
}

/// Not `println!`, which the test harness keeps to itself. On a line of its own, where `cargo xtask ci` counts it.
fn skip(test: &str, why: &str) {
    io::stdout().write_all(format!("\nSKIP {test}: {why}\n").as_bytes()).unwrap();
}

#[test]
fn small_files_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    for text in [&b""[..], b"a", b"\n", b"\r\n", b"ab\n\nc"] {
        let path = folder.path().join("small");
        fs::write(&path, text).unwrap();
        assert_eq!(drain(Lines::open(&path).unwrap(), WANT).0, naive(text));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn files_without_an_honest_length_are_read_to_their_end() {
    for path in ["/proc/cpuinfo", "/sys/kernel/mm/transparent_hugepage/enabled"] {
        match fs::read(path) {
            Ok(text) => {
                let (seen, error) = drain(Lines::open(path).unwrap(), WANT);
                assert!(error.is_none(), "{path}: {error:?}");
                // Frequencies in it change; its lines do not.
                assert_eq!(seen.len(), naive(&text).len(), "{path}");
            }
            Err(error) => skip("files_without_an_honest_length", &format!("{path}: {error}")),
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_the_system_cannot_read_is_an_error_with_its_path() {
    // Nothing is mapped at address 0.
    let (_, error) = drain(Lines::open("/proc/self/mem").unwrap(), WANT);
    let expected = "read \"/proc/self/mem\" at byte 0: Input/output error (os error 5)";
    assert_eq!(error.unwrap().to_string(), expected);
}

#[cfg(unix)]
#[test]
fn a_fifo_is_read_until_its_writer_closes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        return skip("a_fifo_is_read_until_its_writer_closes_it", "no mkfifo");
    }
    let text = b"fourteen bytes\n".repeat(100_000);
    let writer = std::thread::spawn({
        let (path, text) = (path.clone(), text.clone());
        move || fs::write(path, text).unwrap()
    });
    assert_eq!(drain(Lines::open(&path).unwrap(), WANT).0, naive(&text));
    writer.join().unwrap();
}

#[test]
fn a_file_cut_while_it_is_read_is_an_error_after_the_parts_before_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    let text = b"0123456\n".repeat(1_000);
    for (cut, seen) in [(4_096, 512), (5_001, 512), (0, 512)] {
        fs::write(&path, &text).unwrap();
        let mut lines = Lines::open(&path).unwrap().buffer(4_096);
        let mut batch = lines.pull(WANT).unwrap().unwrap();
        batch.load().unwrap();
        assert_eq!(batch.drive(usize::MAX, |_, _| Flow::Continue(())), seen);
        File::options().write(true).open(&path).unwrap().set_len(cut).unwrap();
        let (rest, error) = drain(lines, WANT);
        let error = error.unwrap();
        assert_eq!(error.kind(), StreamErrorKind::Truncated { expected: 8_000, found: cut });
        let at = cut.max(4_096);
        assert_eq!(error.offset(), Some(at));
        assert_eq!(rest.len(), 0, "a part that was cut is not handed on");
        assert_eq!(
            error.to_string(),
            format!("read {path:?} at byte {at}: it was cut from 8000 to {cut} bytes meanwhile")
        );
    }
}

#[test]
fn a_file_that_grew_and_then_is_cut_while_it_is_read_is_an_error_that_names_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rotated");
    let want = Want { items: usize::MAX, bytes: 64 };
    for cut in [100, 101, 127, 128, 129, 300, 799] {
        fs::write(&path, b"0123456\n".repeat(10)).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        let mut parts: Vec<_> = (0..2).map(|_| lines.pull(want).unwrap().unwrap()).collect();
        File::options().append(true).open(&path).unwrap().write_all(&b"0123456\n".repeat(90)).unwrap();
        parts.extend((0..12).map_while(|_| lines.pull(want).unwrap()));
        assert_eq!(parts.len(), 14, "parts of what is new were handed out");
        File::options().write(true).open(&path).unwrap().set_len(cut).unwrap();
        let error = parts.iter_mut().find_map(|part| part.load().err()).expect("it was cut");
        let error = error.downcast_ref::<StreamError>().unwrap();
        assert_eq!(error.kind(), StreamErrorKind::Truncated { expected: 800, found: cut });
        assert!(error.offset().unwrap().abs_diff(cut) <= 64, "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_claims_more_than_it_has_may_be_read_in_parts_of_any_size() {
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    let Ok(text) = fs::read(path) else {
        return skip("a_file_that_claims_more_than_it_has", "no such file of the kernel");
    };
    for buffer in [1, 7, text.len(), 1_000] {
        let lines = Lines::open(path).unwrap().buffer(buffer);
        let (seen, error) = drain(lines, WANT);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(seen, naive(&text));
    }
}

#[test]
fn a_file_that_grows_or_is_removed_meanwhile_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grows");
    fs::write(&path, "one\ntwo\n").unwrap();
    let mut lines = Lines::open(&path).unwrap();
    let mut batch = lines.pull(WANT).unwrap().unwrap();
    batch.load().unwrap();
    assert_eq!(batch.drive(9, |_, _| Flow::Continue(())), 2);
    File::options().append(true).open(&path).unwrap().write_all(b"three\n").unwrap();
    if cfg!(unix) {
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(drain(lines, WANT).0, [(8, b"three".to_vec())]);
}

#[test]
fn a_last_line_that_was_lent_as_it_stood_is_not_continued_by_what_is_written_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grows");
    let grow = || File::options().append(true).open(&path).unwrap().write_all(b"ree\nfour\n").unwrap();
    // Met the end first: then the end is where it was.
    fs::write(&path, "one\nth").unwrap();
    let mut lines = Lines::open(&path).unwrap();
    let mut batch = lines.pull(WANT).unwrap().unwrap();
    batch.load().unwrap();
    grow();
    let mut seen = Vec::new();
    batch.drive(9, |_, line| {
        seen.push(line.to_vec());
        Flow::Continue(())
    });
    assert_eq!((seen, drain(lines, WANT).0), (vec![b"one".to_vec(), b"th".to_vec()], vec![]));
    // Grown before it was read: then the line is whole, and what is behind it comes too, once.
    fs::write(&path, "one\nth").unwrap();
    let mut lines = Lines::open(&path).unwrap();
    let mut first = lines.pull(WANT).unwrap().unwrap();
    grow();
    let mut second = lines.pull(WANT).unwrap().unwrap();
    assert!(lines.pull(WANT).unwrap().is_none());
    second.load().unwrap();
    first.load().unwrap();
    let mut seen = Vec::new();
    for batch in [&mut first, &mut second] {
        batch.drive(9, |_, line| {
            seen.push(line.to_vec());
            Flow::Continue(())
        });
    }
    assert_eq!(seen, [&b"one"[..], b"three", b"four"]);
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
