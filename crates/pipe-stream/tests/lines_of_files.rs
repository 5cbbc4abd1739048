//! Lines of files: of any kind that a system has, whole or cut while they are read.

mod common;

use common::{WANT, drain, naive, skip};
use pipe_core::{Batch, Flow, Source, Want};
use pipe_stream::{Lines, StreamError, StreamErrorKind, lines};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};

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
