//! Sinks of several files: where files may be, how many, and which record is in which.

mod common;

use common::stream_error;
use pipe_core::{Inline, Report, RunError, from_iter};
use pipe_stream::{
    AsCsv, AsLines, Encode, Fsync, Lines, PerKeySink, RollingSink, StreamError, StreamErrorKind, Written,
};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

fn run_keys(folder: &Path, keys: &[&'static [u8]]) -> Result<Written, RunError> {
    let pairs = from_iter(keys.to_vec()).map(|key: &[u8]| (key.to_vec(), b"record"));
    Ok(pairs.to(PerKeySink::create(folder).unwrap()).run_on(&Inline)?.value)
}

#[test]
fn a_key_that_is_no_name_below_the_folder_is_an_error_and_nothing_is_written() {
    let refused: &[&'static [u8]] = &[
        b"",
        b".",
        b"..",
        b"../out",
        b"a/../../out",
        b"/etc/passwd",
        b"a//b",
        b"a/",
        b"./a",
        b"a\0b",
        b"a\nb",
        b"C:\\a",
        b"..\\a",
        b"a:b",
        b"\xff",
    ];
    for key in refused {
        let parent = tempfile::tempdir().unwrap();
        let failed = run_keys(&parent.path().join("out"), &[b"fine", key]).unwrap_err();
        let error = stream_error(&failed);
        assert!(matches!(error.kind(), StreamErrorKind::NotAName { .. }), "{error}");
        let shown = format!("{:?}", String::from_utf8_lossy(key));
        assert!(error.to_string().contains(&shown), "{error} does not show {shown}");
        assert_eq!(count(parent.path()), 0, "{error}");
    }
    let extension = |text: &str| {
        let parent = tempfile::tempdir().unwrap();
        let sink = RollingSink::create(parent.path().join("out"), 1).unwrap();
        sink.extension(text).err().map(|error| error.kind())
    };
    for text in ["/../../out", "a/b", "a\0"] {
        assert!(matches!(extension(text), Some(StreamErrorKind::NotAName { .. })), "{text:?}");
    }
    assert_eq!(extension("csv.txt"), None);
}

#[test]
fn keys_are_files_in_folders_of_their_own_where_they_say_so() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("out");
    let keys: &[&'static [u8]] =
        &[b"2026/05/oslo", b"2026/06/oslo", b".hidden", b"2026/05/oslo", b"caf\xc3\xa9"];
    assert_eq!(run_keys(&folder, keys).unwrap(), Written { files: 4, bytes: 35 });
    assert_eq!(fs::read(folder.join("2026/05/oslo")).unwrap(), b"record\nrecord\n");
    let failed = run_keys(&parent.path().join("other"), &[b"a", b"a/b"]).unwrap_err();
    let error = stream_error(&failed);
    assert_eq!((error.operation(), error.path()), ("create", Some(&*parent.path().join("other/a/b"))));
    assert_eq!(count(parent.path()), 1);
}

#[test]
fn more_keys_than_allowed_are_an_error_and_many_keys_need_few_open_files() {
    let parent = tempfile::tempdir().unwrap();
    let pairs = || from_iter(0..30_000u32).map(|n| (format!("{}", n % 1_000), n.to_string()));
    let limited = PerKeySink::create(parent.path().join("out")).unwrap().max_files(999);
    let failed = pairs().to(limited).run_on(&Inline).unwrap_err();
    assert_eq!(stream_error(&failed).kind(), StreamErrorKind::TooManyFiles { limit: 999 });
    assert_eq!(count(parent.path()), 0);
    for (open, fsync) in [(1, Fsync::Never), (7, Fsync::Never), (2_000, Fsync::Never)] {
        let folder = parent.path().join(format!("{open}"));
        let sink = PerKeySink::create(&folder).unwrap().max_open(open).fsync(fsync);
        // In two steps, so that files that were closed are written again.
        let wide = pairs().map(|(key, n)| (key, format!("{n:>400}")));
        assert_eq!(wide.to(sink).run_on(&Inline).unwrap().value.files, 1_000);
        for key in [0, 1, 500, 999] {
            let expected: String = (0..30).map(|round| format!("{:>400}\n", key + 1_000 * round)).collect();
            assert!(fs::read_to_string(folder.join(format!("{key}"))).unwrap() == expected, "{open}, {key}");
        }
    }
}

/// The setting that was refused, since it was zero.
fn zero(error: &StreamError) -> &'static str {
    match error.kind() {
        StreamErrorKind::Setting { field, value: 0, .. } => field,
        other => panic!("{other:?}"),
    }
}

fn zero_of<V>(run: Result<Report<V>, RunError>) -> &'static str {
    zero(stream_error(&run.err().expect("zero is refused")))
}

#[test]
fn zero_is_no_setting() {
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().join("out");
    assert_eq!(zero(&RollingSink::create(&out, 0).err().unwrap()), "max_bytes");
    for records in [0, 1] {
        let lines = || from_iter((0..records).map(|n| n.to_string()));
        let pairs = || from_iter((0..records).map(|n| (n.to_string(), n.to_string())));
        let rolling = RollingSink::create(&out, 1).unwrap().max_records(0);
        assert_eq!(zero_of(lines().to(rolling).run_on(&Inline)), "max_records");
        for (name, sink) in [
            ("max_open", PerKeySink::create(&out).unwrap().max_open(0)),
            ("max_files", PerKeySink::create(&out).unwrap().max_files(0)),
        ] {
            assert_eq!(zero_of(pairs().to(sink).run_on(&Inline)), name);
        }
    }
    assert_eq!(count(parent.path()), 0);
}

#[test]
fn a_folder_with_something_in_it_is_refused_before_the_run_and_at_the_commit() {
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().join("out");
    let sink = PerKeySink::create(&out).unwrap();
    fs::create_dir(&out).unwrap();
    fs::write(out.join("theirs"), "theirs").unwrap();
    let failed = from_iter([("ours", "ours")]).to(sink).run_on(&Inline).unwrap_err();
    let error = stream_error(&failed);
    assert_eq!((error.operation(), error.path()), ("rename to", Some(&*out)));
    for refused in [PerKeySink::create(&out).err(), RollingSink::create(&out, 9).err()] {
        let error = refused.unwrap();
        assert_eq!(error.kind(), StreamErrorKind::Io(ErrorKind::DirectoryNotEmpty));
    }
    assert_eq!((count(parent.path()), fs::read_to_string(out.join("theirs")).unwrap()), (1, "theirs".into()));
    let missing = RollingSink::create(parent.path().join("no/folder"), 9).err().unwrap();
    assert_eq!(missing.kind(), StreamErrorKind::Io(ErrorKind::NotFound));
    let file = out.join("theirs");
    assert_eq!(
        PerKeySink::create(&file).err().unwrap().kind(),
        StreamErrorKind::Io(ErrorKind::NotADirectory)
    );
}

#[cfg(unix)]
#[test]
fn an_empty_folder_keeps_its_permissions_and_a_link_stays() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let parent = tempfile::tempdir().unwrap();
    let (out, link) = (parent.path().join("out"), parent.path().join("link"));
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o750)).unwrap();
    symlink("out", &link).unwrap();
    from_iter(["one"]).to(RollingSink::create(&link, 9).unwrap()).run_on(&Inline).unwrap();
    assert_eq!(fs::read(out.join("000001")).unwrap(), b"one\n");
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o750);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn which_record_is_in_which_file_does_not_depend_on_the_batches() {
    let parent = tempfile::tempdir().unwrap();
    let text: String = (0..60_000).map(|n| format!("{n},{:>1$}\n", "", n % 50)).collect();
    let texts = |name: String, buffer: usize| {
        let folder = parent.path().join(name);
        let rows = Lines::from_reader(text.as_bytes()).buffer(buffer).pipeline();
        let sink = RollingSink::create(&folder, 100_000).unwrap().header(b"header\n");
        let written = rows.encode(AsLines).to(sink).run_on(&Inline).unwrap().value;
        (1..=written.files)
            .map(|n| fs::read_to_string(folder.join(format!("{n:06}"))).unwrap())
            .collect::<Vec<_>>()
    };
    let expected = texts("small".to_owned(), 700);
    assert!(expected.len() > 10 && expected.concat().replace("header\n", "") == text);
    assert!(expected.iter().all(|file| file.len() <= 100_000 && file.ends_with('\n')));
    assert!(expected.iter().rev().skip(1).all(|file| file.len() > 100_000 - 60));
    for buffer in [4_096, 1 << 20] {
        assert!(texts(buffer.to_string(), buffer) == expected);
    }
}

#[test]
fn a_record_is_never_cut_also_if_it_has_line_feeds_or_is_longer_than_a_file() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("out");
    let sink = RollingSink::create(&folder, 12).unwrap();
    let rows = from_iter([("a\nb", 1), ("c\nd", 2), ("a long one with\nline feeds", 3), ("e", 4), ("f", 5)]);
    let written = rows.encode(AsCsv).to(sink).run_on(&Inline).unwrap().value;
    let files: Vec<_> =
        (1..=written.files).map(|n| fs::read_to_string(folder.join(format!("{n:06}"))).unwrap()).collect();
    assert_eq!(files, ["\"a\nb\",1\n", "\"c\nd\",2\n", "\"a long one with\nline feeds\",3\n", "e,4\nf,5\n"]);
}
