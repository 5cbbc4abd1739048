//! Each framing gives the records that the obvious loop gives, however the input is read: as reads come, in parts of any size by several
//! readers, mapped, or from memory.

#![cfg(feature = "mmap")]
#![expect(unsafe_code, reason = "a mapping with a guard promises what only this test knows")]

mod common;

use common::Record;
use pipe_core::testing::{Rng, laws};
use pipe_core::{Inline, Source, Want};
use pipe_stream::{
    Backend, Blocks, Containing, Custom, Delimited, FixedWidth, Framing, LengthPrefixed, Lines, Mapping,
    Newline, NoDelimiter, NotInALine, PrefixBytes, StreamError, StreamErrorKind, Text,
};
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// With batches of about `want` bytes.
fn drain<S: Source<Item = &'static [u8]>>(source: S, want: usize) -> (Vec<Record>, Option<StreamError>) {
    common::drain(source, Want { items: 1, bytes: want })
}

const LEASED: Backend = Backend::Mapped(Mapping::leased());
// SAFETY: nobody else knows the files of these tests.
const GUARDED: Backend = Backend::Mapped(unsafe { Mapping::guarded() });

/// All ways to read, at all sizes that matter, give what is expected.
fn reads_as<F: Framing<Record = &'static [u8]>>(framing: &F, input: &[u8], expected: &[Record], path: &Path) {
    fs::write(path, input).unwrap();
    for size in (1..=40).chain([64, 100, 1 << 16]) {
        let file = || Lines::open(path).unwrap().framed(framing.clone());
        let reader = || Lines::from_reader(input).framed(framing.clone());
        let text = || Text::new(input.to_vec()).framed(framing.clone());
        let all = [
            drain(file().buffer(size), usize::MAX),
            drain(file(), size),
            drain(file().backend(LEASED).buffer(size), usize::MAX),
            drain(file().backend(LEASED), size),
            drain(file().backend(GUARDED), size),
            drain(reader().buffer(size), usize::MAX),
            drain(reader(), size),
            drain(text(), size),
        ];
        for (way, (records, error)) in all.into_iter().enumerate() {
            assert!(error.is_none(), "{error:?} for {input:?} in steps of {size}");
            assert_eq!(records, expected, "way {way} of {input:?} in steps of {size}");
        }
    }
    for backend in [Backend::Auto, LEASED] {
        let file = || Lines::open(path).unwrap().framed(framing.clone()).backend(backend);
        laws::source(file, |record: &[u8]| record.to_vec());
    }
    if !input.is_empty() {
        let chunk = || Text::new(input.to_vec()).framed(framing.clone()).pull(Want::MOST).unwrap().unwrap();
        laws::batch(chunk, |record: &[u8]| record.to_vec());
        laws::reread(chunk, |record: &[u8]| record.to_vec());
    }
}

/// What `pieces` are, each with what belongs to it but is not lent.
fn placed<'a>(pieces: impl IntoIterator<Item = (&'a [u8], usize, usize)>) -> Vec<Record> {
    let mut at = 0;
    let place = |(piece, before, behind): (&[u8], usize, usize)| {
        let start = at;
        at += before + piece.len() + behind;
        (start as u64, piece.to_vec())
    };
    pieces.into_iter().map(place).collect()
}

fn words(rng: &mut Rng, bytes: &[u8], most: usize) -> Vec<u8> {
    (0..rng.below(most as u64)).map(|_| bytes[rng.below(bytes.len() as u64) as usize]).collect()
}

#[test]
fn delimited_records_are_those_of_a_search_from_the_front() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(7);
    for delimiter in ["\n", ";", "\r\n", "--", "aba", "\n\n", "abcab", "a delimiter longer than most parts"] {
        let framing = Delimited::new(delimiter).unwrap();
        for _ in 0..12 {
            let mut input = Vec::new();
            for _ in 0..rng.below(12) {
                input.extend(words(&mut rng, b"ab-\r\nc;", 9));
                input.extend_from_slice(delimiter.as_bytes());
            }
            input.extend(words(&mut rng, b"ab-\n", 6));
            let text = input.as_slice();
            let (mut expected, mut at) = (Vec::new(), 0);
            while at < text.len() {
                let rest = &text[at..];
                let found = (0..rest.len()).find(|from| rest[*from..].starts_with(delimiter.as_bytes()));
                let len = found.unwrap_or(rest.len());
                expected.push((at as u64, rest[..len].to_vec()));
                at += (len + delimiter.len()).min(rest.len());
            }
            reads_as(&framing, &input, &expected, &folder.path().join("input"));
        }
    }
    assert_eq!(Delimited::new("").err(), Some(NoDelimiter));
}

#[test]
fn lines_end_with_line_feeds_and_lose_their_carriage_returns_only_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(3);
    for _ in 0..20 {
        let input = words(&mut rng, b"a\r\n\nb", 90);
        let whole = input.strip_suffix(b"\n").unwrap_or(&input);
        let lines: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').collect();
        let lines = if input.is_empty() { Vec::new() } else { lines };
        let kept = placed(lines.iter().map(|line| (*line, 0, 1)));
        reads_as(&Newline::default(), &input, &kept, &folder.path().join("input"));
        let strip = |(at, line): &Record| (*at, line.strip_suffix(b"\r").unwrap_or(line).to_vec());
        let stripped: Vec<Record> = kept.iter().map(strip).collect();
        reads_as(&Newline::crlf(), &input, &stripped, &folder.path().join("input"));
    }
}

#[test]
fn empty_lines_are_left_out_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    let input = b"\n\none\r\n\r\n\n\ntwo\n\r\n\nthree\n\n";
    let expected = [(2, b"one".to_vec()), (11, b"two".to_vec()), (18, b"three".to_vec())];
    reads_as(&Newline::crlf().skip_empty(), input, &expected, &folder.path().join("input"));
}

#[test]
fn lines_that_hold_a_literal_are_those_of_a_filter() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(9);
    for literal in ["a", "ab", "bb", "a longer one", "\r"] {
        for _ in 0..12 {
            let mut input = words(&mut rng, b"abc\n\n\r", 120);
            if rng.below(2) == 0 {
                input.extend(b"what is a longer one\n");
            }
            let whole = input.strip_suffix(b"\n").unwrap_or(&input);
            let lines = placed(whole.split(|byte| *byte == b'\n').map(|line| (line, 0, 1)));
            let holds = |line: &[u8]| line.windows(literal.len()).any(|part| part == literal.as_bytes());
            let expected: Vec<Record> = lines.into_iter().filter(|(_, line)| holds(line)).collect();
            reads_as(&Containing::new(literal).unwrap(), &input, &expected, &folder.path().join("input"));
        }
    }
    assert!(["", "a\nb"].iter().all(|literal| Containing::new(literal).err() == Some(NotInALine)));
}

#[test]
fn blocks_are_whole_records_one_behind_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    let mut rng = Rng::new(10);
    for _ in 0..40 {
        let input = words(&mut rng, b"abc\n", 200);
        fs::write(&path, &input).unwrap();
        for size in [1, 2, 3, 7, 30, 64, 1 << 16] {
            let all = [
                drain(Lines::open(&path).unwrap().blocks().buffer(size), usize::MAX),
                drain(Lines::from_reader(&input[..]).blocks().buffer(size), usize::MAX),
                drain(Text::new(input.clone()).framed(Blocks::<Newline>::default()), size),
            ];
            for (blocks, error) in all {
                assert!(error.is_none());
                let mut at = 0;
                for (start, block) in &blocks {
                    assert_eq!(*start, at);
                    at += block.len() as u64;
                    assert!(block.ends_with(b"\n") || at == input.len() as u64);
                }
                assert_eq!(blocks.into_iter().map(|(_, block)| block).collect::<Vec<_>>().concat(), input);
            }
        }
    }
}

#[test]
fn records_of_one_width_are_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let input: Vec<u8> = (0..=239).collect();
    for width in [1, 2, 3, 5, 16, 80, 240] {
        let framing = FixedWidth::new(NonZeroUsize::new(width).unwrap());
        let expected = placed(input.chunks(width).map(|record| (record, 0, 0)));
        reads_as(&framing, &input, &expected, &folder.path().join("input"));
    }
}

#[test]
fn an_input_that_ends_in_the_middle_of_a_record_is_an_error_behind_the_whole_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    let width = FixedWidth::new(NonZeroUsize::new(4).unwrap());
    let prefixed = LengthPrefixed::little_endian(PrefixBytes::Two);
    for buffer in [1, 3, 4, 5, 9, 100] {
        fs::write(&path, b"onceupona").unwrap();
        let (seen, error) = drain(Lines::open(&path).unwrap().framed(width).buffer(buffer), usize::MAX);
        let error = error.unwrap();
        assert!(seen.len() <= 2 && seen.iter().all(|(at, _)| at % 4 == 0));
        assert_eq!(error.offset(), Some(8));
        let stream = Lines::from_reader(&b"onceupona"[..]).framed(width).buffer(buffer);
        assert_eq!(drain(stream, usize::MAX).1.unwrap().to_string(), {
            "no record at byte 8 of the input: the input ends in the middle of a record"
        });
        for text in [&b"\x01\0a\x05\0abc"[..], b"\x01\0a\x05"] {
            let (seen, error) = drain(Lines::from_reader(text).framed(prefixed).buffer(buffer), usize::MAX);
            assert!(seen.len() <= 1);
            assert!(matches!(error.unwrap().kind(), StreamErrorKind::NotARecord { .. }));
        }
    }
}

#[test]
fn records_with_their_length_in_front_are_those_that_were_written() {
    use PrefixBytes::{Eight, Four, One, Two};
    let folder = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(5);
    for bytes in [One, Two, Four, Eight] {
        let prefix = [One, Two, Four, Eight].iter().position(|one| *one == bytes).map(|at| 1 << at).unwrap();
        for big in [false, true] {
            let records: Vec<Vec<u8>> = (0..rng.below(9)).map(|_| words(&mut rng, b"xyz\0", 60)).collect();
            let mut input = Vec::new();
            for record in &records {
                let len = (record.len() as u64).to_le_bytes();
                let mut len = len[..prefix].to_vec();
                if big {
                    len.reverse();
                }
                input.extend(len);
                input.extend(record);
            }
            let framing =
                if big { LengthPrefixed::big_endian(bytes) } else { LengthPrefixed::little_endian(bytes) };
            let expected = placed(records.iter().map(|record| (record.as_slice(), prefix, 0)));
            reads_as(&framing, &input, &expected, &folder.path().join("input"));
        }
    }
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_room_is_made_for_it() {
    for bytes in [PrefixBytes::Four, PrefixBytes::Eight] {
        let framing = LengthPrefixed::big_endian(bytes);
        let hostile = [0xff; 64];
        let (seen, error) =
            drain(Lines::from_reader(&hostile[..]).framed(framing).max_record(1_000), usize::MAX);
        assert_eq!((seen.len(), error.unwrap().kind()), (0, StreamErrorKind::RecordTooLong { limit: 1_000 }));
    }
}

#[test]
fn records_of_a_function_are_cut_where_it_cuts() {
    let folder = tempfile::tempdir().unwrap();
    // A digit says how many bytes follow it.
    let cut = |bytes: &[u8]| Some(1 + usize::from(bytes[0] - b'0')).filter(|len| *len <= bytes.len());
    let pieces = ["0", "3abc", "1x", "9123456789", "0", "2zz"];
    let expected = placed(pieces.map(|piece| (piece.as_bytes(), 0, 0)));
    reads_as(&Custom::new(cut), pieces.concat().as_bytes(), &expected, &folder.path().join("input"));
    let (_, error) = drain(Lines::from_reader(&b"abc"[..]).framed(Custom::new(|_| Some(0))), usize::MAX);
    assert!(matches!(error.unwrap().kind(), StreamErrorKind::NotARecord { .. }));
}

#[test]
fn a_record_of_a_file_may_have_max_record_bytes_and_not_one_more_whatever_the_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    for most in [1, 2, 7, 64] {
        for ending in ["", "\n", "\nx"] {
            let text = |len: usize| [b"a\n".to_vec(), b"b".repeat(len), ending.as_bytes().to_vec()].concat();
            for buffer in (1..=70).chain([1 << 16]) {
                let read = |len| {
                    fs::write(&path, text(len)).unwrap();
                    drain(Lines::open(&path).unwrap().buffer(buffer).max_record(most), usize::MAX)
                };
                let (seen, error) = read(most);
                assert!(error.is_none(), "{error:?}: {most} bytes in parts of {buffer}, {ending:?}");
                assert_eq!(seen.len(), 2 + usize::from(ending.len() > 1));
                let error = read(most + 1).1.unwrap();
                assert_eq!(error.kind(), StreamErrorKind::RecordTooLong { limit: most });
                assert_eq!(error.offset(), Some(2), "{most} bytes in parts of {buffer}, {ending:?}");
            }
        }
    }
}

/// One byte a read.
struct Drip(std::io::Cursor<Vec<u8>>);

impl std::io::Read for Drip {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let most = room.len().min(1);
        self.0.read(&mut room[..most])
    }
}

#[test]
fn a_function_that_resumes_looks_at_each_byte_of_a_slow_record_a_few_times() {
    let record = [&b"x".repeat(20_000)[..], b"\n\n"].concat();
    let looked = Arc::new(AtomicUsize::new(0));
    let counter = looked.clone();
    let paragraphs = Custom::resuming(move |bytes, seen| {
        let from = seen.saturating_sub(1);
        counter.fetch_add(bytes.len() - from, Relaxed);
        bytes[from..].windows(2).position(|pair| pair == b"\n\n").map(|at| from + at + 2)
    });
    let text = record.repeat(3);
    let lengths = Lines::from_reader(Drip(std::io::Cursor::new(text))).framed(paragraphs).pipeline();
    let lengths = lengths.map(<[u8]>::len).collect().run_on(&Inline).unwrap().value;
    assert_eq!(lengths, [record.len(); 3]);
    assert!(looked.load(Relaxed) < 4 * 3 * record.len(), "{} looks", looked.load(Relaxed));
}
