//! Many files give the same on several workers as on one.

use pipe_core::{BlockingExecutor, Inline, RunError};
use pipe_mem::Lazy;
use pipe_parallel::Parallel;
use pipe_stream::{Csv, Files, Line, Lines, Tables};
use std::fs;
use std::path::PathBuf;

/// Files of no line, of one, of many, also of more than one read has; some without a last line feed.
fn write(folder: &std::path::Path) -> Vec<PathBuf> {
    let lengths = [0, 1, 70_000, 3, 0, 200, 1, 40_000];
    let files = lengths.into_iter().enumerate().map(|(file, lines)| {
        let text: Vec<_> = (0..lines).map(|line| format!("line {line} of {file}")).collect();
        let path = folder.join(format!("{file}.log"));
        let end = if file % 2 == 0 { "\n" } else { "" };
        fs::write(&path, text.join("\n") + if lines > 0 { end } else { "" }).unwrap();
        path
    });
    files.collect()
}

fn all(executor: &impl BlockingExecutor<'static>, paths: &[PathBuf]) -> Vec<Vec<u8>> {
    Files::of(paths).pipeline().map(<[u8]>::to_vec).collect().run_on(executor).unwrap().value
}

#[test]
fn workers_share_the_lines_of_many_files_and_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path());
    let texts = paths.iter().flat_map(|path| {
        let text = fs::read(path).unwrap();
        let lines: Vec<_> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let ended = lines.last().is_some_and(Vec::is_empty);
        lines[..lines.len() - usize::from(ended)].to_vec()
    });
    let naive: Vec<_> = texts.collect();
    assert_eq!(naive.len(), 110_205);
    assert!(all(&Inline, &paths) == naive);
    assert!(all(&Parallel::new().workers(4), &paths) == naive);
}

#[test]
fn a_failure_on_several_workers_is_told_back_to_the_file_and_the_line_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path());
    let bad = &b"line 20000 of 7"[..];
    let files = Files::of(&paths);
    let locations = files.locations();
    let refused =
        files.pipeline().try_map(|line: &[u8]| if line == bad { Err("bad") } else { Ok(line.len()) });
    let failed = refused.collect().run_on(&Parallel::new().workers(4)).unwrap_err();
    let pipe_core::RunError::Stage { at: Some(at), .. } = failed else { panic!("{failed}") };
    let (path, offset) = locations.locate(at.place()).unwrap();
    let alone =
        Lines::open(&paths[7]).unwrap().positioned().pipeline().filter(|line: &Line| line.bytes == bad);
    assert_eq!(
        (path, vec![offset]),
        (paths[7].as_path(), alone.map(|line| line.at).collect().run_on(&Inline).unwrap().value)
    );
}

#[test]
fn workers_share_the_rows_of_a_table_with_quotes_and_of_many() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..3).map(|file| folder.path().join(format!("{file}.csv"))).collect();
    for (file, path) in paths.iter().enumerate() {
        let rows = (0..30_000).map(|row| format!("{row},\"of {file},\n{}\"\n", "\"\"\n".repeat(row % 40)));
        fs::write(path, format!("row,\"what, and\nwhy\"\n{}", rows.collect::<String>())).unwrap();
    }
    let tables = || Tables::new(Files::of(&paths).framed(Csv::new())).unwrap();
    let rows = || tables().rows().map(|row| row.bytes().to_vec()).collect();
    let on_one = rows().run_on(&Inline).unwrap().value;
    assert_eq!(on_one.len(), 90_000);
    assert!(rows().run_on(&Parallel::new().workers(4)).unwrap().value == on_one);
}

/// A file with one long line between short ones, that begins in one part and ends many parts later.
fn with_a_long_line(folder: &std::path::Path, bytes: usize) -> PathBuf {
    let (path, short) = (folder.join("long.log"), "short\n".repeat(1_000));
    fs::write(&path, format!("{short}{}\n{short}", "x".repeat(bytes))).unwrap();
    path
}

#[test]
fn a_line_of_more_than_the_limit_is_an_error_also_where_workers_share_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = with_a_long_line(folder.path(), 300 << 10);
    let longest = || {
        pipe_stream::lines(&path).unwrap().map(<[u8]>::len).fold(
            || 0,
            |most, n| *most = n.max(*most),
            |all, part| *all = part.max(*all),
        )
    };
    let lazy = longest().run_on(&Lazy::new().memory_limit(64 << 10));
    let parallel = [1, 2, 4].map(|n| longest().run_on(&Parallel::new().workers(n).memory_limit(64 << 10)));
    for ran in parallel.into_iter().chain([lazy]) {
        let Err(RunError::Budget { wanted, limit, .. }) = ran else { panic!("{ran:?}") };
        assert!(wanted > 300 << 10 && limit == 64 << 10, "{wanted} of {limit}");
    }
}

#[test]
fn a_line_that_ends_behind_its_part_counts_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = with_a_long_line(folder.path(), 600 << 10);
    let count = || {
        pipe_stream::lines(&path).unwrap().fold(|| 0, |lines, _: &[u8]| *lines += 1, |all, part| *all += part)
    };
    let lazy = count().run_on(&Lazy::new().memory_limit(1 << 20)).unwrap();
    let parallel =
        [1, 2, 4].map(|n| count().run_on(&Parallel::new().workers(n).memory_limit(1 << 20)).unwrap());
    for report in parallel.into_iter().chain([lazy]) {
        assert_eq!(report.value, 2_001);
        assert!(report.peak_bytes >= 600 << 10, "{} bytes at most", report.peak_bytes);
    }
}
