//! Who keeps all that a budget lets it keep stays within that, on each backend.

#![cfg(all(feature = "mmap", target_os = "linux"))]

mod common;
mod lent_files;

use common::WANT;
use lent_files::{GUARDED, LEASED, LINE, alone, file_of, lines_of, open, shell};
use pipe_core::{Batch, Budget, Source};
use pipe_stream::Backend;
use std::collections::VecDeque;
use std::fs;

/// Who is kept longest of what may be kept.
#[derive(Clone, Copy)]
enum Hoards {
    All,
    /// One in eight of these, about one in each window.
    OneInEight,
}

/// Keeps all that it may, and looks at the records of a chunk when it lets go of it. How many there were, and how much memory it took.
fn hoard(backend: Backend, limit: usize, hoards: Hoards) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = file_of(folder.path(), 1_000);
    // Made without that the process grows by it.
    shell(
        "for i in 1 2 3 4 5 6 7 8 9 10 11; do cat \"$1\" \"$1\" > \"$1.twice\" && mv \"$1.twice\" \"$1\"; done",
        &path,
    );
    let (before, budget) = (peak(), Budget::new(limit));
    let (mut lines, mut kept, mut count) = (open(&path, backend), VecDeque::new(), 0);
    for number in 0.. {
        let Some(mut chunk) = lines.pull(WANT).unwrap() else { break };
        let permit = loop {
            match budget.try_take(Batch::bytes(&chunk)) {
                Some(permit) => break permit,
                None => {
                    let lets_go = |(number, _): &(i32, _)| matches!(hoards, Hoards::All) || number % 8 != 0;
                    let at = kept.iter().position(lets_go).unwrap_or(0);
                    let (_, (mut chunk, _)) = kept.remove(at).unwrap();
                    count += lines_of(&mut chunk, LINE).unwrap();
                }
            }
        };
        chunk.load().unwrap();
        kept.push_back((number, (chunk, permit)));
    }
    count += kept.iter_mut().map(|(_, (chunk, _))| lines_of(chunk, LINE).unwrap()).sum::<usize>();
    (count, peak() - before)
}

/// The most memory that this process had, in bytes; that of mapped files counts.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

fn a_hoarder_stays_within(backend: Backend, hoards: Hoards) {
    const LIMIT: usize = 16 << 20;
    let (lines, grown) = hoard(backend, LIMIT, hoards);
    assert_eq!(lines, 1_000 << 11);
    assert!(grown <= LIMIT + (8 << 20), "{backend}: {grown} bytes");
    assert!(grown > LIMIT / 2, "it keeps what it may: {grown}");
}

#[test]
fn who_keeps_what_was_read_stays_within_the_limit() {
    alone("who_keeps_what_was_read_stays_within_the_limit", || {
        a_hoarder_stays_within(Backend::Auto, Hoards::All)
    });
}

#[test]
fn who_keeps_what_is_mapped_under_a_lease_stays_within_the_limit() {
    alone("who_keeps_what_is_mapped_under_a_lease_stays_within_the_limit", || {
        a_hoarder_stays_within(LEASED, Hoards::All)
    });
}

#[test]
fn who_keeps_what_is_mapped_under_a_guard_stays_within_the_limit() {
    alone("who_keeps_what_is_mapped_under_a_guard_stays_within_the_limit", || {
        a_hoarder_stays_within(GUARDED, Hoards::All)
    });
}

#[test]
fn who_keeps_one_chunk_of_each_window_under_a_lease_stays_within_the_limit() {
    alone("who_keeps_one_chunk_of_each_window_under_a_lease_stays_within_the_limit", || {
        a_hoarder_stays_within(LEASED, Hoards::OneInEight)
    });
}

#[test]
fn who_keeps_one_chunk_of_each_window_under_a_guard_stays_within_the_limit() {
    alone("who_keeps_one_chunk_of_each_window_under_a_guard_stays_within_the_limit", || {
        a_hoarder_stays_within(GUARDED, Hoards::OneInEight)
    });
}
