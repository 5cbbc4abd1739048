//! One case of a fuzzer: settings and an input, read in every way, against the obvious loop.
//!
//! ```text
//! byte   0       1           2     3                  4              5        6 ...
//!        buffer  max_record  want  flavour of framing bytes a read   splits   the input
//! ```
//!
//! Shared by the stable test `corpus` and by the targets in `fuzz/`.

mod oracle;
mod ways;

use oracle::Expected;
use pipe_core::testing::Rng;
use pipe_stream::{
    Blocks, Containing, Csv, Custom, Delimited, FixedWidth, Framing, LengthPrefixed, Newline, PrefixBytes,
};
use std::num::NonZeroUsize;
use ways::{fields, raw};

/// A framing to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Newline,
    Delimited,
    Fixed,
    Prefixed,
    Custom,
    Containing,
    Blocks,
    Csv,
    Tsv,
    Header,
}

impl Kind {
    #[allow(dead_code, reason = "a fuzz target has one of them")]
    pub(crate) const ALL: [Kind; 10] = [
        Kind::Newline,
        Kind::Delimited,
        Kind::Fixed,
        Kind::Prefixed,
        Kind::Custom,
        Kind::Containing,
        Kind::Blocks,
        Kind::Csv,
        Kind::Tsv,
        Kind::Header,
    ];
}

/// How an input is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    buffer: usize,
    max_record: usize,
    want: usize,
    /// What a read of the reader brings at most.
    brings: usize,
    splits: u8,
}

/// How many bytes stand before the input.
pub(crate) const HEAD: usize = 6;

/// Small sizes, where the seams are; the highest bit makes one that nothing here reaches.
fn size(byte: u8) -> usize {
    match byte {
        0..128 => usize::from(byte) + 1,
        128..255 => 1 << 16,
        255 => usize::MAX,
    }
}

/// Reads `case` in every way.
///
/// # Panics
/// A way gives other records, or another kind of error, than the obvious loop.
pub(crate) fn check(kind: Kind, case: &[u8]) {
    let Some((head, input)) = case.split_first_chunk::<HEAD>() else { return };
    let [buffer, max_record, want, flavour, brings, splits] = *head;
    // The largest buffer is asked for nowhere else than in a file: a reader would have to make it.
    let settings = Settings {
        buffer: size(buffer),
        max_record: size(max_record),
        want: size(want),
        brings: size(brings),
        splits,
    };
    // Rows have at most 4 GiB, and a higher limit is refused.
    let rows = matches!(kind, Kind::Csv | Kind::Tsv | Kind::Header);
    let settings =
        if rows { Settings { max_record: settings.max_record.min(1 << 16), ..settings } } else { settings };
    let case = Case { settings, input };
    let f = usize::from(flavour);
    match kind {
        Kind::Newline => {
            let lines = if f & 1 == 0 { Newline::default() } else { Newline::crlf() };
            let lines = if f & 2 == 0 { lines } else { lines.skip_empty() };
            case.check(&lines, &oracle::lines(input, f & 1 == 1, f & 2 == 2));
        }
        Kind::Delimited => {
            let delimiter = DELIMITERS[f % DELIMITERS.len()];
            case.check(&Delimited::new(delimiter).unwrap(), &oracle::delimited(input, delimiter));
        }
        Kind::Fixed => {
            let width = NonZeroUsize::new(1 + f % 70).unwrap();
            case.check(&FixedWidth::new(width), &oracle::fixed(input, width.get()));
        }
        Kind::Prefixed => {
            let (bytes, len) = [
                (PrefixBytes::One, 1),
                (PrefixBytes::Two, 2),
                (PrefixBytes::Four, 4),
                (PrefixBytes::Eight, 8),
            ][f % 4];
            let big = f & 4 != 0;
            let framing = match big {
                true => LengthPrefixed::big_endian(bytes),
                false => LengthPrefixed::little_endian(bytes),
            };
            case.check(&framing, &oracle::prefixed(input, len, big));
        }
        Kind::Custom => {
            let next = CUTS[f % CUTS.len()];
            case.check(&Custom::new(next), &oracle::custom(input, next));
        }
        Kind::Containing => {
            let literal = LITERALS[f % LITERALS.len()];
            case.check(&Containing::new(literal).unwrap(), &oracle::containing(input, literal));
        }
        Kind::Blocks => case.check_blocks(&Blocks::<Newline>::default(), &oracle::lines(input, false, false)),
        Kind::Csv => {
            let delimiter = b",;\t\0 \xff"[f % 6];
            let csv = Csv::new().delimiter(delimiter);
            ways::check(&case.settings, input, &csv, &oracle::rows(input, delimiter, true), fields, false);
        }
        Kind::Tsv => {
            let delimiter = b"\t,\0"[f % 3];
            let tsv = Csv::tsv().delimiter(delimiter);
            ways::check(&case.settings, input, &tsv, &oracle::rows(input, delimiter, false), fields, false);
        }
        Kind::Header => {
            let (csv, quoted) = if f & 1 == 0 { (Csv::new(), true) } else { (Csv::tsv(), false) };
            let delimiter = if quoted { b',' } else { b'\t' };
            ways::check_table(&case.settings, input, csv, &oracle::rows(input, delimiter, quoted));
        }
    }
}

const DELIMITERS: [&[u8]; 8] =
    [b"\n", b";", b"\r\n", b"--", b"aba", b"\n\n", b"abcab", b"a longer delimiter"];
const LITERALS: [&[u8]; 4] = [b"a", b"aa", b"ab", b"\r"];

type Cut = fn(&[u8]) -> Option<usize>;

/// FASTA; a digit that counts what follows it; one that makes records of no bytes, and of too many.
const CUTS: [Cut; 3] = [
    |bytes| bytes.windows(2).position(|pair| pair == b"\n>").map(|at| at + 1),
    |bytes| Some(1 + usize::from(bytes[0] % 10)).filter(|len| *len <= bytes.len()),
    |bytes| match bytes[0] {
        0 => Some(0),
        255 => Some(bytes.len() + 1),
        _ => Some(1),
    },
];

struct Case<'i> {
    settings: Settings,
    input: &'i [u8],
}

impl Case<'_> {
    fn check<F: Framing<Record = &'static [u8]>>(&self, framing: &F, expected: &Expected) {
        ways::check(&self.settings, self.input, framing, expected, raw, false);
    }

    fn check_blocks<F: Framing<Record = &'static [u8]>>(&self, framing: &F, expected: &Expected) {
        ways::check(&self.settings, self.input, framing, expected, raw, true);
    }
}

/// Changes a case, as fuzzers do: bytes replaced, doubled, cut out, words of the format put in.
#[allow(dead_code, reason = "a fuzz target has a mutator of its own")]
pub(crate) fn mutate(case: &mut Vec<u8>, other: &[u8], words: &[&[u8]], rng: &mut Rng) {
    for _ in 0..1 + rng.below(6) {
        let len = case.len() as u64;
        let at = rng.below(len + 1) as usize;
        let behind = (at + rng.below(12) as usize).min(case.len());
        match rng.below(9) {
            0 | 1 => {
                let head = rng.below(len.min(HEAD as u64) + 1) as usize;
                let value = [rng.number() as u8, rng.below(8) as u8][rng.below(2) as usize];
                if let Some(byte) = case.get_mut(head) {
                    *byte = value;
                }
            }
            2 => case.insert(at, rng.number() as u8),
            3 => drop(case.drain(at..behind)),
            4 | 5 => drop(case.splice(at..at, words[rng.below(words.len() as u64) as usize].iter().copied())),
            6 => {
                let copy = case[at..behind].to_vec();
                case.splice(at..at, copy);
            }
            7 => {
                let from = rng.below(other.len() as u64 + 1) as usize;
                let to = (from + rng.below(80) as usize).min(other.len());
                case.splice(at..behind, other[from..to].iter().copied());
            }
            _ => {
                if let Some(byte) = case.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
        }
    }
    case.truncate(600);
}
