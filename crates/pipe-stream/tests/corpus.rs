//! The cases that a fuzzer found worth keeping, and changed ones: what `fuzz/` does without end, here for a moment.
//!
//! `PIPE_SEED=17` runs the changed cases of one seed alone, `PIPE_SEEDS=100000` more of them.

mod fuzzed;

use fuzzed::{HEAD, Kind, check, mutate};
use pipe_core::testing::Rng;
use pipe_core::testing::laws::seeds;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What the text of a format is made of.
fn words(kind: Kind) -> &'static [&'static [u8]] {
    match kind {
        Kind::Newline | Kind::Blocks => &[b"\n", b"\r\n", b"\n\n", b"\r", b"abc", &[b'x'; 70]],
        Kind::Containing => &[b"\n", b"a", b"ab", b"aa", b"a\na\n", b"\r\n", &[b'x'; 70]],
        Kind::Delimited => {
            &[b"\n", b";", b"\r\n", b"--", b"-", b"aba", b"ab", b"abcab", b"a longer delimiter", b"\n\n"]
        }
        Kind::Fixed => &[b"0123456789", b"\n", &[0; 70]],
        Kind::Prefixed => &[
            b"\0",
            b"\x01\0",
            b"\0\x01",
            b"\0\0\0\x02xy",
            b"\0\0\0\0\0\0\0\x01",
            b"\xff\xff\xff\xff",
            b"abc",
        ],
        Kind::Custom => &[b">", b"\n>", b"0", b"3abc", b"9", b"\0", b"\xff", b"1"],
        Kind::Csv | Kind::Header => &[
            b",",
            b"\n",
            b"\"",
            b"\"\"",
            b"\r\n",
            b"\"a,\n\"",
            b"\xef\xbb\xbf",
            b"\xef",
            b";",
            b"\0",
            &[b'x'; 62],
        ],
        Kind::Tsv => {
            &[b"\t", b"\n", b"\"", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"\xef\xbb", b"\0", b",", &[b'x'; 62]]
        }
    }
}

/// One case per line, in hexadecimal digits.
fn corpus(kind: Kind) -> Vec<Vec<u8>> {
    let text = match kind {
        Kind::Newline => include_str!("fuzzed/corpus/newline.hex"),
        Kind::Delimited => include_str!("fuzzed/corpus/delimited.hex"),
        Kind::Fixed => include_str!("fuzzed/corpus/fixed.hex"),
        Kind::Prefixed => include_str!("fuzzed/corpus/prefixed.hex"),
        Kind::Custom => include_str!("fuzzed/corpus/custom.hex"),
        Kind::Containing => include_str!("fuzzed/corpus/containing.hex"),
        Kind::Blocks => include_str!("fuzzed/corpus/blocks.hex"),
        Kind::Csv => include_str!("fuzzed/corpus/csv.hex"),
        Kind::Tsv => include_str!("fuzzed/corpus/tsv.hex"),
        Kind::Header => include_str!("fuzzed/corpus/header.hex"),
    };
    let digits = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    text.lines().map(|line| line.as_bytes().chunks(2).map(digits).collect()).collect()
}

/// Says which case it was, so that it can be added to the corpus.
fn check_and_say(kind: Kind, case: &[u8], seed: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(kind, case))) {
        let hex: String = case.iter().map(|byte| format!("{byte:02x}")).collect();
        let (head, input) = case.split_at(HEAD.min(case.len()));
        eprintln!("{kind:?} {head:?} {:?} {seed}\n{hex}", String::from_utf8_lossy(input));
        resume_unwind(panic);
    }
}

#[test]
fn every_case_of_the_corpus_reads_as_the_obvious_loop_reads_it() {
    for kind in Kind::ALL {
        let cases = corpus(kind);
        assert!(cases.len() > 4, "{kind:?} has a corpus");
        for case in cases {
            check_and_say(kind, &case, "of the corpus");
        }
    }
}

#[test]
fn changed_cases_read_as_the_obvious_loop_reads_them() {
    let most = std::env::var("PIPE_SEEDS").map_or(16, |seeds| seeds.parse().expect("PIPE_SEEDS is a number"));
    for kind in Kind::ALL {
        let cases = corpus(kind);
        for seed in seeds(0..most) {
            let mut rng = Rng::new(seed);
            let mut pick = || &cases[rng.below(cases.len() as u64) as usize];
            let (mut case, other) = (pick().clone(), pick());
            for _ in 0..8 {
                mutate(&mut case, other, words(kind), &mut rng);
                check_and_say(kind, &case, &format!("PIPE_SEED={seed}"));
            }
        }
    }
}
