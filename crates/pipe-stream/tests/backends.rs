//! Files that are cut, grow, are written to or replaced while they are read: on each backend the run ends with an error that has a name, or
//! has read the old content. No signal ends the process, and nothing is zeros that was not.
//!
//! What might be ended by a signal runs in a process of its own.

#![cfg(all(feature = "mmap", target_os = "linux"))]
#![expect(unsafe_code, reason = "mappings that nothing but these tests can change")]

mod common;
mod lent_files;

use common::{WANT, skip};
use lent_files::{GUARDED, LEASED, LINE, alone, file_of, in_child, is_child, lines_of, open, shell};
use pipe_core::{Batch, Event, Flow, Inline, RunError, Source};
use pipe_stream::{
    Backend, Chunk, Custom, FileSink, LengthPrefixed, Lines, Mapping, Opened, PrefixBytes, StreamError,
    StreamErrorKind,
};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

// SAFETY: in a process of its own, which is meant to die of it.
const TRUSTED: Backend = Backend::Mapped(unsafe { Mapping::trusted() });
const BACKENDS: [Backend; 3] = [Backend::Auto, LEASED, GUARDED];

/// Lets a run of this file be mapped, or says why it is not.
fn is_mapped(test: &str, path: &Path, backend: Backend) -> bool {
    let mut lines = open(path, backend);
    drop(lines.pull(WANT));
    let taken = lines.taken().unwrap();
    if let Some(why) = &taken.why {
        skip(test, &format!("{backend} is not to be had: {why}"));
    }
    taken.why.is_none()
}

/// The lines that are left, and the error that ended them.
fn rest(lines: &mut Lines<Opened>, line: &[u8]) -> (usize, Option<StreamError>) {
    let mut count = 0;
    loop {
        let read = match lines.pull(WANT) {
            Ok(None) => return (count, None),
            Ok(Some(mut chunk)) => match chunk.load() {
                Ok(()) => lines_of(&mut chunk, line),
                Err(error) => Err(*error.downcast::<StreamError>().unwrap()),
            },
            Err(error) => Err(*error.downcast::<StreamError>().unwrap()),
        };
        match read {
            Ok(lines) => count += lines,
            Err(error) => return (count, Some(error)),
        }
    }
}

/// Two chunks are there when the file changes, one of them not read yet.
fn two_chunks(lines: &mut Lines<Opened>) -> (Chunk, Chunk) {
    let mut first = lines.pull(WANT).unwrap().unwrap();
    first.load().unwrap();
    (first, lines.pull(WANT).unwrap().unwrap())
}

#[test]
fn a_file_cut_while_it_is_lent_is_an_error_or_its_old_content() {
    alone("a_file_cut_while_it_is_lent_is_an_error_or_its_old_content", || {
        let folder = tempfile::tempdir().unwrap();
        for backend in BACKENDS {
            // Nothing is left; the cut is in the middle of a page of the first chunk; of the second one; behind both.
            for left in [0, 100_001, 300_000, 600_000] {
                let path = file_of(folder.path(), 50_000);
                let all = 50_000 * (LINE.len() as u64 + 1);
                let mut lines = open(&path, backend).buffer(256 << 10);
                let (mut first, mut second) = two_chunks(&mut lines);
                // Not `truncate`, which does not wait for a lease.
                shell(&format!("dd if=/dev/null of=\"$1\" bs=1 seek={left} 2> /dev/null"), &path);
                let cut = StreamErrorKind::Truncated { expected: all, found: left };
                match lines_of(&mut first, LINE) {
                    Ok(lent) => assert!(lent > 7_000, "{backend}: the content that was there"),
                    Err(error) => {
                        assert!(backend == GUARDED && left < 600_000, "{backend}: {error}");
                        assert_eq!(error.kind(), cut);
                    }
                }
                match second.load() {
                    Ok(()) => assert!(left == 600_000 && lines_of(&mut second, LINE).unwrap() > 7_000),
                    Err(error) => assert_eq!(error.downcast::<StreamError>().unwrap().kind(), cut),
                }
                assert_eq!(rest(&mut lines, LINE).1.unwrap().kind(), cut, "{backend} cut to {left}");
            }
        }
    });
}

#[test]
fn a_file_written_to_while_it_is_lent_keeps_its_content_under_a_lease() {
    alone("a_file_written_to_while_it_is_lent_keeps_its_content_under_a_lease", || {
        let folder = tempfile::tempdir().unwrap();
        for backend in [Backend::Auto, LEASED] {
            let path = file_of(folder.path(), 50_000);
            let mut lines = open(&path, backend).buffer(256 << 10);
            let (mut first, _second) = two_chunks(&mut lines);
            let half = first.split().unwrap();
            let written = AtomicBool::new(false);
            std::thread::scope(|scope| {
                // Looks all the time, also at the moment when a copy takes the place of the mapping.
                let looks = scope.spawn(|| {
                    let places = (0..3_000).map(|line| line * (LINE.len() as u64 + 1)).cycle();
                    let last = places.take_while(|_| !written.load(Relaxed));
                    last.map(|at| assert!(first.record(at).is_none_or(|line| line.starts_with(LINE)))).count()
                });
                shell("tr a-z A-Z < \"$1\" > \"$1.upper\" && cat \"$1.upper\" 1<> \"$1\"", &path);
                written.store(true, Relaxed);
                assert!(looks.join().unwrap() > 0);
            });
            for mut chunk in [first, half] {
                assert!(lines_of(&mut chunk, LINE).unwrap() > 3_000);
            }
            let (left, error) = rest(&mut lines, &LINE.to_ascii_uppercase());
            assert!(error.is_none() && left > 30_000, "the rest is as it is by now");
        }
    });
}

#[test]
fn a_file_that_grows_is_replaced_or_removed_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let grow = "printf 'one line, as long as all others are\\n' >> \"$1\"";
    let replace = "echo other > \"$1.other\" && mv \"$1.other\" \"$1\"";
    for backend in BACKENDS {
        for (change, more) in [(grow, 1), (replace, 0), ("rm \"$1\"", 0)] {
            let path = file_of(folder.path(), 20_000);
            let mut lines = open(&path, backend).buffer(64 << 10);
            let (mut first, mut second) = two_chunks(&mut lines);
            shell(change, &path);
            let mut count = lines_of(&mut first, LINE).unwrap();
            second.load().unwrap();
            count += lines_of(&mut second, LINE).unwrap();
            let (left, error) = rest(&mut lines, LINE);
            assert!(error.is_none(), "{backend}, {change}: {error:?}");
            assert_eq!(count + left, 20_000 + more, "{backend}, {change}");
        }
    }
}

/// What comes of a run over a file that is cut to 10,000 bytes at its line 1,000.
fn cut_in_a_run(backend: Backend, lines: usize) -> Option<StreamErrorKind> {
    let folder = tempfile::tempdir().unwrap();
    let (path, output) = (file_of(folder.path(), lines), folder.path().join("output"));
    let (cut, seen) = (path.clone(), AtomicUsize::new(0));
    // On the thread of the run itself, which under a lease waits for the thread of the source.
    let pipeline = open(&path, backend).pipeline().map(move |line| {
        if seen.fetch_add(1, Relaxed) == 1_000 {
            File::options().write(true).open(&cut).unwrap().set_len(10_000).unwrap();
        }
        String::from_utf8_lossy(line).into_owned()
    });
    match pipeline.to(FileSink::create(&output).unwrap()).run_on(&Inline) {
        Ok(_) => {
            assert!(fs::read_to_string(&output).unwrap().lines().all(|line| line.as_bytes() == LINE));
            None
        }
        Err(failed) => {
            assert!(matches!(failed, RunError::Source { .. }) && !output.exists());
            Some(failed.stage_error::<StreamError>().unwrap().kind())
        }
    }
}

#[test]
fn a_run_whose_file_is_cut_fails_and_leaves_no_output_unless_it_had_all_of_it() {
    alone("a_run_whose_file_is_cut_fails_and_leaves_no_output_unless_it_had_all_of_it", || {
        for backend in BACKENDS {
            let cut = |lines: usize| {
                let expected = lines as u64 * (LINE.len() as u64 + 1);
                Some(StreamErrorKind::Truncated { expected, found: 10_000 })
            };
            assert_eq!(cut_in_a_run(backend, 50_000), cut(50_000), "{backend}");
            // All in one part: then it had it, unless the part was cut under its hands, which is known only behind it.
            let had = if backend == GUARDED { cut(5_000) } else { None };
            assert_eq!(cut_in_a_run(backend, 5_000), had, "{backend}");
        }
    });
}

#[test]
fn without_a_guard_the_same_cut_ends_the_process_also_if_others_are_guarded() {
    let test = "without_a_guard_the_same_cut_ends_the_process_also_if_others_are_guarded";
    let status = in_child(test, &[], || {
        let folder = tempfile::tempdir().unwrap();
        let path = file_of(folder.path(), 50_000);
        let _guarded = two_chunks(&mut open(&path, GUARDED));
        let (mut first, _) = two_chunks(&mut open(&path, TRUSTED));
        shell(": > \"$1\"", &path);
        let _ = lines_of(&mut first, LINE);
    });
    if let Some(status) = status {
        assert_eq!(status.signal(), Some(libc::SIGBUS), "{status}");
    }
}

#[test]
fn who_writes_is_let_in_and_the_report_says_so() {
    let test = "who_writes_is_let_in_and_the_report_says_so";
    let folder = tempfile::tempdir().unwrap();
    let path = file_of(folder.path(), 50_000);
    if !is_mapped(test, &path, LEASED) {
        return;
    }
    let (append, seen) = (path.clone(), AtomicUsize::new(0));
    let pipeline = open(&path, LEASED).pipeline().map(move |_| {
        if seen.fetch_add(1, Relaxed) == 1_000 {
            drop(File::options().append(true).open(&append).unwrap());
        }
        1
    });
    let report =
        pipeline.fold(|| 0, |all, one| *all += one, |all, part| *all += part).run_on(&Inline).unwrap();
    assert_eq!(report.value, 50_000);
    let [Event::Fallback { wanted, got, why }] = &report.events[..] else { panic!("{:?}", report.events) };
    assert_eq!((wanted.as_str(), got.as_str()), ("a mapping under a lease", "reads into buffers"));
    assert_eq!(*why, format!("{path:?}: another process wants to write to it"));
}

#[test]
fn what_cannot_be_mapped_is_read_and_says_why_or_fails_where_that_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    let written = folder.path().join("written");
    let mut writer = File::create(&written).unwrap();
    writer.write_all(b"\0\x01a\0\x01b").unwrap();
    let odd = "it is empty, compressed, or not a regular file";
    let check = |path: &Path, backend: Backend, expected: &str| {
        let mut lines = open(path, backend).max_record(4_096);
        drop(lines.pull(WANT));
        let taken = lines.taken().unwrap();
        assert_eq!((taken.backend, taken.why.as_deref()), (Backend::Buffered, Some(expected)), "{path:?}");
        let Backend::Mapped(mapping) = backend else { unreachable!() };
        let error = open(path, Backend::Mapped(mapping.strict())).pull(WANT).err().unwrap();
        let error: Box<StreamError> = error.downcast().unwrap();
        assert_eq!(error.kind(), StreamErrorKind::NotMapped);
        assert_eq!(error.to_string(), format!("map {path:?}: {expected}"));
    };
    for backend in [LEASED, GUARDED, TRUSTED] {
        check(&empty, backend, odd);
        check(Path::new("/proc/cpuinfo"), backend, odd);
        check(Path::new("/dev/zero"), backend, odd);
    }
    if is_mapped("what_cannot_be_mapped", &file_of(folder.path(), 1), LEASED) {
        check(&written, LEASED, "it is open for writing");
    }
    drop(writer);
    // Records that are found one behind the other.
    let prefixed = LengthPrefixed::big_endian(PrefixBytes::Two);
    let mut records = open(&written, LEASED).framed(prefixed);
    assert!(records.pull(WANT).unwrap().is_some());
    assert_eq!(records.taken().unwrap().why.unwrap(), "its records can only be found from the front");
    let strict = Backend::Mapped(Mapping::leased().strict());
    assert!(open(&written, strict).framed(Custom::new(|bytes| Some(bytes.len()))).pull(WANT).is_err());
    // What is asked for is what is taken, or nothing was asked for: nothing to say.
    for backend in [Backend::Auto, Backend::Buffered, GUARDED] {
        let mut lines = open(&written, backend);
        assert!(lines.taken().is_none());
        drop(lines.pull(WANT).unwrap());
        let taken = lines.taken().unwrap();
        let expected = if backend == GUARDED { GUARDED } else { Backend::Buffered };
        assert_eq!((taken.backend, taken.why), (expected, None));
    }
}

#[test]
fn files_that_say_that_they_have_a_length_and_cannot_be_mapped_are_read() {
    let path = Path::new("/sys/kernel/mm/transparent_hugepage/enabled");
    if !path.exists() {
        return skip("files_that_say_that_they_have_a_length", "no such file");
    }
    for backend in [LEASED, GUARDED, TRUSTED] {
        let mut lines = open(path, backend);
        let mut chunk = lines.pull(WANT).unwrap().unwrap();
        chunk.load().unwrap();
        assert_eq!(chunk.drive(9, |_, _| Flow::Continue(())), 1);
        assert!(lines.taken().unwrap().why.is_some());
    }
}

#[test]
fn interrupted_system_calls_change_nothing() {
    let test = "interrupted_system_calls_change_nothing";
    let works = || Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    if !is_child(test) && !works().is_ok_and(|status| status.success()) {
        return skip(test, "no strace, or no permission for it");
    }
    let inject = "inject=pread64:error=EINTR:when=20+3";
    let with = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pread64", "-e", inject];
    let status = in_child(test, &with, || {
        let folder = tempfile::tempdir().unwrap();
        let path = file_of(folder.path(), 20_000);
        for backend in BACKENDS {
            let (count, error) = rest(&mut open(&path, backend).buffer(8 << 10), LINE);
            assert!(error.is_none() && count == 20_000, "{backend}: {error:?}");
        }
    });
    assert!(status.is_none_or(|status| status.success()));
}
