//! One set of laws for all sinks: what was committed is what was written, in order; without a commit nothing is to be seen; a disk that is
//! full is an error that names the file and the byte.

mod common;
mod every_sink;

use common::{names, skip, stream_error};
use every_sink::{Record, SINKS, SinkUnderTest};
use pipe_core::testing::Rng;
use pipe_core::{Cancel, RunError};
use pipe_stream::StreamErrorKind;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

fn records(rng: &mut Rng, count: usize, longest: u64) -> Vec<Record> {
    let record = |rng: &mut Rng| {
        let line = (0..rng.below(longest)).map(|_| b'a' + rng.below(26) as u8).collect();
        (format!("key-{}", rng.below(7)), line)
    };
    (0..count).map(|_| record(rng)).collect()
}

#[test]
fn what_was_committed_is_what_was_written_in_order() {
    let mut rng = Rng::new(51);
    for sink in SINKS {
        for (count, longest) in [(0, 1), (1, 1), (1, 30), (100, 1), (3_000, 40), (40, 30_000), (3, 900_000)] {
            let folder = tempfile::tempdir().unwrap();
            let at = folder.path().join("out");
            let records = records(&mut rng, count, longest);
            let written = sink.run(&at, records.clone(), &|_| Ok(()), &Cancel::new()).unwrap();
            let expected = (sink.expected)(&records);
            assert!((sink.visible)(&at) == Some(expected.clone()), "{}, {count} of {longest}", sink.name);
            assert_eq!(
                written,
                expected.values().map(|bytes| bytes.len() as u64).sum::<u64>(),
                "{}",
                sink.name
            );
            assert_eq!(names(folder.path()), ["out"], "{}", sink.name);
        }
    }
}

/// Runs that end without a commit.
fn abandoned(sink: &SinkUnderTest, at: &Path, records: &[Record]) {
    let last = records.len() - 1;
    let cancel = Cancel::new();
    let look: [&(dyn Fn(usize) -> Result<(), &'static str> + Sync); 3] = [
        &|index| if index == last { Err("refused") } else { Ok(()) },
        &|index| if index == last { panic!("thrown") } else { Ok(()) },
        &|index| {
            if index == last / 2 {
                cancel.cancel();
            }
            Ok(())
        },
    ];
    for (way, look) in look.into_iter().enumerate() {
        let failed = sink.run(at, records.to_vec(), look, &cancel).unwrap_err();
        let expected = match way {
            0 => matches!(failed, RunError::Stage { .. }),
            1 => matches!(failed, RunError::Panicked { .. }),
            _ => matches!(failed, RunError::Cancelled),
        };
        assert!(expected, "{}: {failed}", sink.name);
    }
}

#[test]
fn without_a_commit_nothing_is_to_be_seen() {
    let records = records(&mut Rng::new(52), 50_000, 60);
    for sink in SINKS {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("out");
        abandoned(sink, &at, &records);
        if sink.atomic {
            assert_eq!(names(folder.path()), [""; 0], "{}", sink.name);
        }
        (sink.put_old)(&at);
        let old = (sink.visible)(&at);
        abandoned(sink, &at, &records);
        if sink.atomic {
            assert_eq!((sink.visible)(&at), old, "{}", sink.name);
            assert_eq!(names(folder.path()), ["out"], "{}", sink.name);
        }
    }
}

#[test]
fn a_reader_meets_the_old_or_the_new_and_no_mixture() {
    let records = records(&mut Rng::new(53), 20_000, 60);
    for sink in SINKS.iter().filter(|sink| sink.atomic) {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("out");
        (sink.put_old)(&at);
        let (old, new) = ((sink.visible)(&at), Some((sink.expected)(&records)));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                loop {
                    let last = done.load(SeqCst);
                    let seen = (sink.visible)(&at);
                    assert!(seen == old || seen == new, "{}: {:?}", sink.name, seen.map(|files| files.len()));
                    if last {
                        return seen == new;
                    }
                }
            });
            let look = |_| if (sink.visible)(&at) == old { Ok(()) } else { Err("seen before its time") };
            let look = |index: usize| if index.is_multiple_of(1_000) { look(index) } else { Ok(()) };
            let ran = sink.run(&at, records.clone(), &look, &Cancel::new());
            done.store(true, SeqCst);
            ran.unwrap();
            assert!(reader.join().unwrap(), "{}", sink.name);
        });
    }
}

/// The part of the tests below that runs in a process of its own, where no file or no disk takes more than 64 to 128 KiB.
#[test]
fn in_a_process_with_little_room() {
    let Some(folder) = std::env::var_os("PIPE_STREAM_LITTLE_ROOM") else { return };
    let full = match std::env::var("PIPE_STREAM_FULL").as_deref() {
        Ok("disk") => ErrorKind::StorageFull,
        _ => ErrorKind::FileTooLarge,
    };
    let folder = Path::new(&folder);
    for sink in SINKS.iter().filter(|sink| full == ErrorKind::StorageFull || !sink.rolls) {
        let at = folder.join("out");
        // All of one key: 200,000 bytes are met by the commit, five million by a write.
        for lines in [20_000, 500_000] {
            let records = vec![("key".to_owned(), b"123456789".to_vec()); lines];
            let failed = sink.run(&at, records, &|_| Ok(()), &Cancel::new()).unwrap_err();
            assert!(matches!(failed, RunError::Sink { .. }), "{}: {failed}", sink.name);
            let error = stream_error(&failed);
            assert_eq!(error.kind(), StreamErrorKind::Io(full), "{}: {error}", sink.name);
            let is_early = error.offset().is_some_and(|offset| offset <= 128 << 10);
            assert!(is_early || error.operation() == "create", "{}: {error}", sink.name);
            let path = error.path().map(|path| path.starts_with(&at));
            assert_eq!(path, sink.atomic.then_some(true), "{}: {error}", sink.name);
            if sink.atomic {
                assert_eq!(names(folder), [""; 0], "{}", sink.name);
            } else {
                fs::remove_file(&at).unwrap();
            }
        }
        let few = vec![("key".to_owned(), b"123456789".to_vec()); 1_000];
        sink.run(&at, few.clone(), &|_| Ok(()), &Cancel::new()).unwrap();
        assert!((sink.visible)(&at) == Some((sink.expected)(&few)), "{}", sink.name);
        let removed = if at.is_dir() { fs::remove_dir_all(&at) } else { fs::remove_file(&at) };
        removed.unwrap();
    }
}

/// Runs the test above where `scene` was set by a shell, which `inside` starts; false if it could not.
fn with_little_room(inside: &[&str], scene: &str, full: &str) -> bool {
    let start = |script: &str| {
        let mut words = inside.iter().chain(&["sh", "-c"]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).arg(script);
        command
    };
    if !start("true").output().is_ok_and(|ran| ran.status.success()) {
        return false;
    }
    let folder = tempfile::tempdir().unwrap();
    let ran = start(&format!("{scene} || exit 77; exec \"$0\" --exact in_a_process_with_little_room"))
        .arg(std::env::current_exe().unwrap())
        .env("PIPE_STREAM_LITTLE_ROOM", folder.path())
        .env("PIPE_STREAM_FULL", full)
        .output()
        .unwrap();
    if ran.status.code() == Some(77) {
        return false;
    }
    let said = String::from_utf8_lossy(&ran.stdout);
    let passed = ran.status.success() && said.contains("1 passed");
    assert!(passed, "{said}{}", String::from_utf8_lossy(&ran.stderr));
    true
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_is_a_typed_error_of_each_sink() {
    // The signal is ignored, as a program does that wants the error and not its own end. 128 units of 512 or of 1,024 bytes.
    if !with_little_room(&[], "trap '' XFSZ; ulimit -f 128", "file") {
        skip("a_file_that_may_not_grow_is_a_typed_error_of_each_sink", "no sh, or no limit");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_typed_error_of_each_sink() {
    let mount = "mount -t tmpfs -o size=96k tmpfs \"$PIPE_STREAM_LITTLE_ROOM\"";
    if !with_little_room(&["unshare", "-rm"], mount, "disk") {
        skip("a_full_disk_is_a_typed_error_of_each_sink", "no file system may be mounted here");
    }
}
