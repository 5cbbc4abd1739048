//! Files: a run that says `Ok` has written everything; one that does not leaves a file as it was.

mod common;

use common::{names, skip, stream_error};
use pipe_core::{Cancel, Inline, RunError, Sink, from_iter};
use pipe_stream::{AsLines, Encode, FileSink, Fsync, StreamErrorKind};
use std::fs;
use std::io::{ErrorKind, Write};
use std::iter;
use std::num::NonZeroU64;
use std::path::Path;

#[test]
fn a_file_has_its_name_only_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let mut seen = Vec::new();
    let sink = FileSink::create(&path).unwrap();
    let report = from_iter(0..100_000)
        .map(|n| {
            assert!(!path.exists());
            n.to_string()
        })
        .to(sink)
        .run_on(&Inline)
        .unwrap();
    for n in 0..100_000 {
        writeln!(seen, "{n}").unwrap();
    }
    assert!(fs::read(&path).unwrap() == seen);
    assert_eq!((report.value, names(folder.path())), (seen.len() as u64, vec!["out".to_owned()]));
}

#[test]
fn a_sink_dropped_without_commit_leaves_neither_target_nor_part() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = FileSink::create(folder.path().join("out")).unwrap();
    for _ in 0..1_000 {
        Sink::write(&mut sink, [b'x'; 1_000]).unwrap();
    }
    let part = names(folder.path());
    assert!(part.len() == 1 && part[0].starts_with(".out.part-"), "{part:?}");
    drop(sink);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_run_that_fails_or_is_cancelled_leaves_the_target_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, "old\n").unwrap();
    let number = |text: &str| text.parse::<u32>().map(|number| number.to_string());
    let sink = FileSink::create(&path).unwrap();
    from_iter(["1", "x"]).try_map(number).to(sink).run_on(&Inline).unwrap_err();
    let cancel = Cancel::new();
    let sink = FileSink::create(&path).unwrap();
    let endless = from_iter(0u64..)
        .inspect(|n| {
            if *n == 1_000 {
                cancel.cancel()
            }
        })
        .map(|n| n.to_string());
    endless.to(sink).cancelled_by(&cancel).run_on(&Inline).unwrap_err();
    let sink = FileSink::create(&path).unwrap();
    let panics = from_iter(0..3).map(|n| if n < 2 { "fine" } else { panic!("boom") });
    panics.to(sink).run_on(&Inline).unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), b"old\n");
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn a_commit_replaces_the_target_also_durably_and_also_while_another_sink_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, "old\n").unwrap();
    let (first, second) =
        (FileSink::create(&path).unwrap(), FileSink::create(&path).unwrap().fsync(Fsync::AtCommit));
    from_iter(["second"]).to(second).run_on(&Inline).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second\n");
    from_iter(["first"]).to(first).run_on(&Inline).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"first\n");
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn no_items_make_an_empty_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let report = from_iter(Vec::<String>::new()).to(FileSink::create(&path).unwrap()).run_on(&Inline);
    assert_eq!((report.unwrap().value, fs::read(&path).unwrap()), (0, Vec::new()));
}

#[test]
fn a_name_as_long_as_the_system_allows_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n".repeat(255));
    from_iter(["one"]).to(FileSink::create(&path).unwrap()).run_on(&Inline).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one\n");
}

#[test]
fn targets_that_cannot_be_written_are_refused_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |path: &Path, kind: ErrorKind| {
        let error = FileSink::create(path).err().unwrap();
        assert_eq!((error.kind(), error.path()), (StreamErrorKind::Io(kind), Some(path)));
        assert!(error.to_string().starts_with(&format!("create {path:?}: ")), "{error}");
    };
    refuse(&folder.path().join("no/folder"), ErrorKind::NotFound);
    if cfg!(unix) {
        refuse(folder.path(), ErrorKind::IsADirectory);
        refuse(Path::new("/"), ErrorKind::IsADirectory);
    }
    refuse(Path::new(""), ErrorKind::InvalidInput);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_target_that_became_a_folder_meanwhile_is_an_error_and_leaves_no_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let sink = FileSink::create(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let failed = from_iter(["one"]).to(sink).run_on(&Inline).unwrap_err();
    let error = stream_error(&failed);
    assert_eq!((error.operation(), error.path()), ("rename to", Some(&*path)));
    assert_eq!(names(folder.path()), ["out"]);
}

#[cfg(unix)]
#[test]
fn permissions_and_symbolic_links_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("out"), folder.path().join("link"));
    fs::write(&path, "old\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("out", &link).unwrap();
    from_iter(["new"]).to(FileSink::create(&link).unwrap()).run_on(&Inline).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(names(folder.path()), ["link", "out"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_also_if_only_the_last_flush_meets_it() {
    let full = || FileSink::create("/dev/full").unwrap();
    for lines in [1, 100_000] {
        let failed = from_iter(0..lines).map(|n| n.to_string()).to(full()).run_on(&Inline).unwrap_err();
        assert!(matches!(failed, RunError::Sink { .. }), "{failed}");
        let error = stream_error(&failed);
        assert_eq!(error.kind(), StreamErrorKind::Io(ErrorKind::StorageFull));
        let expected = "write \"/dev/full\" at byte 0: No space left on device (os error 28)";
        assert_eq!(error.to_string(), expected);
    }
    let failed = from_iter(["one"]).to(full().fsync(Fsync::AtCommit)).run_on(&Inline).unwrap_err();
    assert_eq!(stream_error(&failed).kind(), StreamErrorKind::Io(ErrorKind::StorageFull));
}

#[cfg(target_os = "linux")]
#[test]
fn devices_and_handles_are_written_directly() {
    use std::io::{Read, Seek};
    use std::os::fd::AsRawFd;
    let report = from_iter(["one"]).to(FileSink::create("/dev/null").unwrap()).run_on(&Inline).unwrap();
    assert_eq!(report.value, 4);
    // As `/dev/stdout` is when it leads to a file.
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"before\n").unwrap();
    let handle = format!("/dev/fd/{}", file.as_raw_fd());
    from_iter(["one"]).to(FileSink::create(handle).unwrap()).run_on(&Inline).unwrap();
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "before\none\n");
}

#[cfg(unix)]
#[test]
fn a_fifo_is_written_directly_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        return skip("a_fifo_is_written_directly_and_stays", "no mkfifo");
    }
    let reader = std::thread::spawn({
        let path = path.clone();
        move || fs::read(path).unwrap()
    });
    from_iter(["one", "two"]).to(FileSink::create(&path).unwrap()).run_on(&Inline).unwrap();
    assert_eq!(reader.join().unwrap(), b"one\ntwo\n");
    assert_eq!(names(folder.path()), ["fifo"]);
}

#[test]
fn a_file_that_is_synchronised_as_it_grows_is_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let every = Fsync::EveryBytes(NonZeroU64::new(300_000).unwrap());
    let sink = FileSink::create(&path).unwrap().fsync(every).header(b"head\n");
    let report =
        from_iter(0..200_000).map(|n| n.to_string()).encode(AsLines).to(sink).run_on(&Inline).unwrap();
    let expected: String =
        iter::once("head\n".to_owned()).chain((0..200_000).map(|n| format!("{n}\n"))).collect();
    assert!(fs::read_to_string(&path).unwrap() == expected);
    assert_eq!(report.value, expected.len() as u64);
}

/// The part of the test below that runs in a process of its own, whose files may have 64 or 128 KiB.
#[cfg(unix)]
#[test]
fn in_a_process_with_a_file_size_limit() {
    let Some(path) = std::env::var_os("PIPE_STREAM_LIMITED_FILE") else { return };
    for few in [10, 20_000] {
        let lines = from_iter(0..few).map(|n| format!("{n:09}")).encode(AsLines);
        let ran = lines.to(FileSink::create(&path).unwrap()).run_on(&Inline);
        match ran {
            Ok(report) => assert_eq!((few, report.value), (10, 100)),
            Err(failed) => {
                assert_eq!(
                    (few, stream_error(&failed).kind()),
                    (20_000, StreamErrorKind::Io(ErrorKind::FileTooLarge))
                );
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_is_a_typed_error_and_the_target_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    // The signal is ignored, as a program does that wants the error and not its own end. 128 units of 512 or of 1,024 bytes.
    let ran = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$0\" --exact in_a_process_with_a_file_size_limit"])
        .arg(std::env::current_exe().unwrap())
        .env("PIPE_STREAM_LIMITED_FILE", &path)
        .output();
    let ran = match ran {
        Ok(ran) => ran,
        Err(_) => return skip("a_file_that_may_not_grow_is_a_typed_error_and_the_target_stays", "no sh"),
    };
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert_eq!(fs::read(&path).unwrap().len(), 100, "what was there before stays");
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn a_target_that_no_rename_could_make_is_refused_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["new/", "new//", "new/."] {
        let refused = FileSink::create(folder.path().join(path)).expect_err("it is the name of a folder");
        assert_eq!(
            (refused.operation(), refused.kind()),
            ("create", StreamErrorKind::Io(ErrorKind::IsADirectory))
        );
    }
    assert!(names(folder.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
    let refused = FileSink::create(&link).expect_err("the rename would replace it");
    assert_eq!(refused.kind(), StreamErrorKind::Io(ErrorKind::AlreadyExists));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(names(folder.path()), ["link"]);
}
