//! Many files give what each gives alone, one after the other, at positions that can be told back.

mod common;

use common::{Record, naive_from};
use pipe_core::{Batch, Flow, Inline, Reread, RunError, Source, Want};
use pipe_stream::{Files, FixedWidth, StreamError, StreamErrorKind};
use std::fs;
use std::io::ErrorKind;
use std::num::NonZero;
use std::path::{Path, PathBuf};

fn drain<S>(mut source: S, want: Want) -> (Vec<Record>, Option<StreamError>)
where
    S: Source<Item = &'static [u8], Batch: Reread>,
{
    let mut all = Vec::new();
    loop {
        match source.pull(want) {
            Ok(None) => return (all, None),
            Err(error) => return (all, Some(*error.downcast().expect("a StreamError"))),
            Ok(Some(mut batch)) => {
                let back = batch.split();
                for mut batch in [Some(batch), back].into_iter().flatten() {
                    if let Err(error) = batch.load() {
                        return (all, Some(*error.downcast().expect("a StreamError")));
                    }
                    let back = batch.split();
                    for mut batch in [Some(batch), back].into_iter().flatten() {
                        take(&mut batch, &mut all);
                    }
                }
            }
        }
    }
}

/// Each line, as all ways to ask for it have it.
fn take<B: for<'a> Batch<Item<'a> = &'a [u8]> + Reread>(batch: &mut B, all: &mut Vec<Record>) {
    while let Some(mut again) = batch.reread() {
        let mut line = (0, Vec::new());
        let mut note = |at, text: &[u8]| {
            line = (at, text.to_vec());
            Flow::Continue(())
        };
        assert_eq!(again.drive(1, &mut note), 1);
        assert_eq!(batch.drive(1, &mut note), 1);
        assert_eq!((batch.position(), again.position()), (line.0, line.0));
        assert_eq!(batch.record(line.0), Some(&line.1[..]));
        all.push(line);
    }
}

fn write(folder: &Path, contents: &[&[u8]]) -> Vec<PathBuf> {
    let names = contents.iter().enumerate().map(|(n, content)| {
        let path = folder.join(format!("{n:02}.log"));
        fs::write(&path, content).unwrap();
        path
    });
    names.collect()
}

#[test]
fn files_give_the_lines_of_each_and_every_position_is_told_back() {
    let folder = tempfile::tempdir().unwrap();
    let long = b"a line that is not short\n".repeat(200);
    let contents: [&[u8]; 9] = [b"", b"one\ntwo", b"", b"", b"three\n\n\nfour\n", &long, b"\n", b"x", b""];
    let paths = write(folder.path(), &contents);
    let (mut base, mut expected, mut places) = (0, Vec::new(), Vec::new());
    for (path, content) in paths.iter().zip(contents) {
        let lines = naive_from(content, base);
        places.extend(lines.iter().map(|(at, _)| (path.as_path(), at - base)));
        expected.extend(lines);
        base += content.len() as u64;
    }
    for bytes in [1, 2, 3, 7, 64, 1000, usize::MAX] {
        let files = Files::of(&paths);
        let locations = files.locations();
        let (lines, error) = drain(files, Want { items: 1, bytes });
        assert!(error.is_none(), "{error:?}");
        assert_eq!(lines, expected, "in batches of {bytes} bytes");
        let told: Vec<_> = lines.iter().map(|(at, _)| locations.locate(*at).unwrap()).collect();
        assert_eq!(told, places);
        assert_eq!(locations.locate(base), None, "behind the last file");
    }
}

#[test]
fn a_position_is_told_back_while_the_run_goes_on_and_after_it_failed() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path(), &[b"1\n2\n", b"3\nbad\n5\n"]);
    let mut files = Files::of(&paths);
    let locations = files.locations();
    let mut seen = Vec::new();
    while let Some(mut batch) = files.pull(Want::MOST).unwrap() {
        batch.load().unwrap();
        batch.drive(usize::MAX, |at, _| {
            seen.push(locations.locate(at).map(|(path, offset)| (path.to_owned(), offset)).unwrap());
            Flow::Continue(())
        });
    }
    let (a, b) = (&paths[0], &paths[1]);
    assert_eq!(seen, [(a.clone(), 0), (a.clone(), 2), (b.clone(), 0), (b.clone(), 2), (b.clone(), 6)]);

    let files = Files::of(&paths);
    let locations = files.locations();
    let number = |line: &[u8]| str::from_utf8(line).unwrap().parse::<u32>();
    let failed = files.pipeline().try_map(number).collect().run_on(&Inline).unwrap_err();
    let RunError::Stage { at: Some(at), .. } = failed else { panic!("{failed}") };
    assert_eq!(locations.locate(at.place()), Some((b.as_path(), 2)));
}

#[test]
fn a_record_never_goes_on_in_the_next_file() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path(), &[b"aabb", b"cc", b"d", b"de"]);
    let (records, error) =
        drain(Files::of(&paths).framed(FixedWidth::new(NonZero::new(2).unwrap())), Want::MOST);
    assert_eq!(records, [(0, b"aa".to_vec()), (2, b"bb".to_vec()), (4, b"cc".to_vec())]);
    let error = error.unwrap();
    assert!(matches!(error.kind(), StreamErrorKind::NotARecord { .. }));
    assert!(error.to_string().contains("02.log") && error.offset() == Some(0), "{error}");
}

#[test]
fn a_file_that_is_gone_in_the_middle_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path(), &[b"one\n", b"two\n", b"three\n"]);
    fs::remove_file(&paths[1]).unwrap();
    let (lines, error) = drain(Files::of(&paths), Want::MOST);
    let error = error.unwrap();
    assert_eq!(lines, [(0, b"one".to_vec())]);
    assert_eq!(error.kind(), StreamErrorKind::Io(ErrorKind::NotFound));
    assert!(error.to_string().starts_with(&format!("open {:?}: ", paths[1])), "{error}");
}

#[test]
fn settings_hold_for_each_file() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path(), &[b"one\n", b"much too long\n"]);
    let (lines, error) = drain(Files::of(&paths).max_record(5).buffer(3), Want::MOST);
    let error = error.unwrap();
    assert_eq!(lines, [(0, b"one".to_vec())]);
    assert_eq!((error.kind(), error.offset()), (StreamErrorKind::RecordTooLong { limit: 5 }, Some(0)));
    let (_, error) = drain(Files::of(&paths).buffer(0), Want::MOST);
    assert!(matches!(error.unwrap().kind(), StreamErrorKind::Setting { field: "buffer", value: 0, .. }));
}

#[test]
fn no_files_at_all_are_an_error() {
    let failed = Files::of([""; 0]).pipeline().map(|line| line.len()).collect().run_on(&Inline).unwrap_err();
    let RunError::Source { source } = failed else { panic!("{failed}") };
    assert_eq!(source.downcast_ref::<StreamError>().unwrap().kind(), StreamErrorKind::NoFiles);
}

#[test]
#[cfg(target_os = "linux")]
fn one_file_is_open_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path(), &[&b"one\n"[..]; 40]);
    let open = || {
        let links =
            fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
        links.filter(|path| path.starts_with(folder.path())).count()
    };
    let mut files = Files::of(&paths);
    assert_eq!(open(), 0);
    while let Some(mut batch) = files.pull(Want::MOST).unwrap() {
        batch.load().unwrap();
        assert_eq!(open(), 1);
    }
    assert_eq!(open(), 0);
}

#[cfg(feature = "gzip")]
#[test]
fn compressed_files_stand_among_the_others() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&b"packed\n".repeat(1000)).unwrap();
    let paths = write(folder.path(), &[b"one\n", &encoder.finish().unwrap(), b"two\n"]);
    let files = Files::of(&paths);
    let locations = files.locations();
    let (lines, error) = drain(files, Want::MOST);
    assert!(error.is_none(), "{error:?}");
    let plain = [&b"one\n"[..], &b"packed\n".repeat(1000), b"two\n"].concat();
    assert_eq!(lines, naive_from(&plain, 0));
    assert_eq!(locations.locate(4 + 7 * 999), Some((paths[1].as_path(), 7 * 999)));
    assert_eq!(locations.locate(4 + 7 * 1000), Some((paths[2].as_path(), 0)));
}

#[cfg(feature = "files")]
mod found {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in [
            ("b.log", "b\n"),
            ("a.log", "a"),
            ("c.txt", "c\n"),
            (".d.log", "d\n"),
            ("in/e.log", "e\n"),
            ("in/er/f.log", "f"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::create_dir(folder.path().join("folder.log")).unwrap();
        folder
    }

    fn names(files: &Files, folder: &Path) -> Vec<String> {
        let name = |path: &PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
        files.paths().iter().map(name).collect()
    }

    fn matching(folder: &Path, pattern: &str) -> Result<Files, StreamError> {
        Files::matching(folder.join(pattern).to_str().unwrap())
    }

    #[test]
    fn a_pattern_finds_files_as_a_shell_does_in_order() {
        let folder = tree();
        for (pattern, expected) in [
            ("*.log", &[".d.log", "a.log", "b.log"][..]),
            ("**/*.log", &[".d.log", "a.log", "b.log", "in/e.log", "in/er/f.log"]),
            ("**/e*/*", &["in/er/f.log"]),
            ("in/**", &["in/e.log", "in/er/f.log"]),
            ("i*/*", &["in/e.log"]),
            ("?.{log,txt}", &["a.log", "b.log", "c.txt"]),
            ("{in/e,c}.*", &["c.txt", "in/e.log"]),
            ("[a-b].*", &["a.log", "b.log"]),
            ("c.txt", &["c.txt"]),
        ] {
            let files = matching(folder.path(), pattern).unwrap();
            assert_eq!(names(&files, folder.path()), expected, "{pattern}");
        }
        let lines = matching(folder.path(), "**/*.log").unwrap().pipeline().map(<[u8]>::to_vec).collect();
        assert_eq!(lines.run_on(&Inline).unwrap().value, [b"d", b"a", b"b", b"e", b"f"]);
    }

    #[test]
    fn a_folder_gives_all_regular_files_below_it_in_order() {
        let folder = tree();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), folder.path().join("in/loop")).unwrap();
        let files = Files::below(folder.path()).unwrap();
        let expected = [".d.log", "a.log", "b.log", "c.txt", "in/e.log", "in/er/f.log"];
        assert_eq!(names(&files, folder.path()), expected);
    }

    #[test]
    fn no_match_and_no_pattern_are_errors_when_it_is_created() {
        let folder = tree();
        for pattern in ["*.csv", "folder.log", "nowhere/*"] {
            let error = matching(folder.path(), pattern).err().unwrap();
            assert_eq!(error.kind(), StreamErrorKind::NoFiles);
            assert!(error.to_string().contains(pattern), "{error}");
        }
        let error = Files::below(folder.path().join("folder.log")).err().unwrap();
        assert_eq!(error.kind(), StreamErrorKind::NoFiles);
        let error = Files::below(folder.path().join("nowhere")).err().unwrap();
        assert_eq!(error.kind(), StreamErrorKind::Io(ErrorKind::NotFound));
        assert!(error.to_string().contains("nowhere"), "{error}");
        let error = Files::matching("a/[b").err().unwrap();
        assert_eq!(error.kind(), StreamErrorKind::Pattern);
        assert!(error.to_string().starts_with("find \"a/[b\": "), "{error}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_name_that_is_no_text_matches_like_any_other() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"\xff.log")), "one\n").unwrap();
        assert_eq!(drain(matching(folder.path(), "*.log").unwrap(), Want::MOST).0, [(0, b"one".to_vec())]);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_to_nothing_that_matches_is_an_error_when_it_is_its_turn() {
        let folder = tree();
        std::os::unix::fs::symlink("nowhere", folder.path().join("b-link.log")).unwrap();
        let files = matching(folder.path(), "*.log").unwrap();
        assert_eq!(names(&files, folder.path()), [".d.log", "a.log", "b-link.log", "b.log"]);
        let (lines, error) = drain(files, Want::MOST);
        assert_eq!(lines, [(0, b"d".to_vec()), (2, b"a".to_vec())]);
        assert!(error.unwrap().to_string().contains("b-link.log"));
    }
}
