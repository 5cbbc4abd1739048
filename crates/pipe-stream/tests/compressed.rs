//! Compressed input gives the lines of what was compressed, or an error that says where it is broken.

mod common;

use common::{WANT, drain, naive};
use pipe_core::{Batch, Flow, Inline, RunError, Source};
use pipe_stream::{Codec, Compression, FixedWidth, Lines, StreamErrorKind, lines};
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, channel};

struct Encoder {
    codec: Codec,
    encode: fn(&[u8]) -> Vec<u8>,
    /// The first bytes that tell.
    magic: &'static [u8],
}

/// Those that this build can decode.
fn encoders() -> Vec<Encoder> {
    vec![
        #[cfg(feature = "gzip")]
        Encoder { codec: Codec::Gzip, encode: gzip, magic: b"\x1f\x8b" },
        #[cfg(feature = "zstd")]
        Encoder { codec: Codec::Zstd, encode: zstd, magic: b"\x28\xb5\x2f\xfd" },
    ]
}

#[cfg(feature = "gzip")]
fn gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// With a checksum: without one zstd cannot tell each corruption.
#[cfg(feature = "zstd")]
fn zstd(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Bytes that do not repeat, in lines.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| byte()).collect()
}

fn members() -> Vec<Vec<Vec<u8>>> {
    let big = b"some words of a line\n".repeat(60_000);
    let parts = |parts: &[&[u8]]| parts.iter().map(|part| part.to_vec()).collect::<Vec<_>>();
    vec![
        parts(&[b""]),
        parts(&[b"", b"", b""]),
        parts(&[b"one\ntwo"]),
        parts(&[b"one\ntw", b"", b"o\nthree", b"\n", b""]),
        parts(&[&big, b"", &noise(700_000), b"tail", &big]),
        (0..300).map(|n| format!("member {n}\n").into_bytes()).collect(),
    ]
}

/// Gives at most so many bytes at once, in turn; a zero is an interruption.
struct Stutter<'a> {
    rest: io::Cursor<Vec<u8>>,
    reads: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl Read for Stutter<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let most = *self.reads.next().unwrap();
        if most == 0 {
            return Err(ErrorKind::Interrupted.into());
        }
        let len = room.len().min(most);
        self.rest.read(&mut room[..len])
    }
}

fn stutter(bytes: Vec<u8>, reads: &'static [usize]) -> Stutter<'static> {
    Stutter { rest: io::Cursor::new(bytes), reads: reads.iter().cycle() }
}

#[test]
fn all_members_are_decoded_one_behind_the_other_whatever_the_reads_look_like() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    for Encoder { codec, encode, .. } in encoders() {
        for parts in members() {
            let compressed: Vec<u8> = parts.iter().flat_map(|part| encode(part)).collect();
            let expected = naive(&parts.concat());
            fs::write(&path, &compressed).unwrap();
            for buffer in [1 << 10, 100_000, 1 << 18, 1 << 20] {
                let (lines, error) = drain(Lines::open(&path).unwrap().buffer(buffer), WANT);
                assert!(lines == expected && error.is_none(), "{codec}, {buffer}: {error:?}");
            }
            for reads in [&[1][..], &[2, 0, 1], &[5, 70_000], &[usize::MAX]] {
                if compressed.len() > 10_000 && reads.iter().max() < Some(&100) {
                    continue;
                }
                let (lines, error) = drain(Lines::decoded(stutter(compressed.clone(), reads)), WANT);
                assert!(lines == expected && error.is_none(), "{codec}, {reads:?}: {error:?}");
            }
        }
    }
}

#[test]
fn what_is_not_compressed_is_read_as_it_is() {
    let texts: [&[u8]; 9] = [
        b"",
        b"\x1f",
        b"\x28",
        b"\x28\xb5\x2f",
        b"\x28\xb5\x2fx\n",
        b"P*M",
        b"a",
        b"one\ntwo",
        b"\x8b\x1f\n",
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    for text in texts {
        fs::write(&path, text).unwrap();
        let (lines, error) = drain(Lines::open(&path).unwrap(), WANT);
        assert!(lines == naive(text) && error.is_none(), "{text:?}: {error:?}");
        for reads in [&[1][..], &[2, 0, 1], &[usize::MAX]] {
            let (lines, error) = drain(Lines::decoded(stutter(text.to_vec(), reads)), WANT);
            assert!(lines == naive(text) && error.is_none(), "{text:?}: {error:?}");
        }
    }
}

#[test]
fn raw_means_the_bytes_as_they_stand_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    for bytes in [&b"\x1f\x8b\x08\nrest\n"[..], b"\x28\xb5\x2f\xfd\n\nrest", b"\x50\x2a\x4d\x18"] {
        fs::write(&path, bytes).unwrap();
        let raw = Lines::open(&path).unwrap().compression(Compression::Raw);
        assert_eq!(drain(raw, WANT).0, naive(bytes));
        assert_eq!(drain(Lines::from_reader(bytes), WANT).0, naive(bytes));
    }
}

#[test]
fn a_codec_whose_feature_is_off_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    for (codec, bytes) in [(Codec::Gzip, &b"\x1f\x8b\x08..."[..]), (Codec::Zstd, b"\x28\xb5\x2f\xfd...")] {
        if encoders().iter().any(|encoder| encoder.codec == codec) {
            continue;
        }
        fs::write(&path, bytes).unwrap();
        let (lines, error) = drain(Lines::open(&path).unwrap(), WANT);
        let error = error.unwrap();
        assert!(lines.is_empty());
        assert_eq!(error.kind(), StreamErrorKind::NeedsFeature { codec, feature: codec.feature() });
        let needs = format!("read {path:?}: it is {codec}, which needs the feature `{codec}` of pipe-stream");
        assert_eq!(error.to_string(), needs);
        let (_, error) = drain(Lines::decoded(bytes), WANT);
        assert_eq!(error.unwrap().kind(), StreamErrorKind::NeedsFeature { codec, feature: codec.feature() });
    }
}

#[test]
fn a_file_that_ends_in_the_middle_is_an_error_wherever_it_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    for Encoder { codec, encode, magic } in encoders() {
        let parts: [&[u8]; 3] = [b"one\ntwo\n", b"", b"three\nfour"];
        let mut compressed = Vec::new();
        let mut whole = vec![(0, Vec::new())];
        for (count, part) in parts.iter().enumerate() {
            compressed.extend(encode(part));
            whole.push((compressed.len(), parts[..=count].concat()));
        }
        for cut in magic.len()..compressed.len() {
            fs::write(&path, &compressed[..cut]).unwrap();
            let (lines, error) = drain(Lines::open(&path).unwrap(), WANT);
            if let Some((_, plain)) = whole.iter().find(|(end, _)| *end == cut) {
                assert!(
                    lines == naive(plain) && error.is_none(),
                    "{codec} cut between members at {cut}: {error:?}"
                );
                continue;
            }
            let error = error.unwrap_or_else(|| panic!("{codec} cut at {cut} is no error"));
            assert_eq!(error.kind(), StreamErrorKind::Incomplete { codec }, "cut at {cut}");
            assert_eq!(error.offset(), Some(cut as u64));
            assert!(error.to_string().contains("input\" at byte"), "{error}");
            assert!(naive(&parts.concat()).starts_with(&lines), "cut at {cut}: {lines:?}");
        }
    }
}

#[test]
fn a_corrupt_byte_is_an_error_or_changes_nothing() {
    for Encoder { codec, encode, magic } in encoders() {
        let plain = [b"one\ntwo\nthree\n".repeat(5), noise(200)].concat();
        let (first, second) = (encode(&plain), encode(b"last"));
        let compressed = [&first[..], &second].concat();
        let expected = naive(&[&plain[..], b"last"].concat());
        let mut refused = 0;
        for place in magic.len()..compressed.len() {
            for flip in [1, 0x10, 0x80, 0xff] {
                let mut corrupt = compressed.clone();
                corrupt[place] ^= flip;
                let (lines, error) = drain(Lines::decoded(io::Cursor::new(corrupt)), WANT);
                let Some(error) = error else {
                    assert_eq!(lines, expected, "{codec}, {flip:x} at {place}");
                    continue;
                };
                assert!(error.offset().unwrap() <= compressed.len() as u64);
                match error.kind() {
                    StreamErrorKind::Incomplete { .. } => {}
                    kind => {
                        assert_eq!(kind, StreamErrorKind::Undecodable { codec });
                        refused += 1;
                    }
                }
            }
        }
        assert!(
            refused > 2 * first.len(),
            "{codec}: only {refused} of {} were refused",
            4 * compressed.len()
        );
    }
}

#[test]
fn something_else_behind_the_compressed_part_is_an_error_where_it_stands() {
    for Encoder { codec, encode, .. } in encoders() {
        let compressed = encode(b"one\ntwo\n");
        let (lines, error) =
            drain(Lines::decoded(io::Cursor::new([&compressed[..], b"plain text"].concat())), WANT);
        let error = error.unwrap();
        assert_eq!(lines, naive(b"one\ntwo\n"), "what stood before it was handed on");
        assert_eq!(error.kind(), StreamErrorKind::Undecodable { codec });
        let offset = error.offset().unwrap() as usize;
        assert!(
            (compressed.len()..=compressed.len() + 10).contains(&offset),
            "{offset} of {}",
            compressed.len()
        );
    }
}

#[test]
fn a_file_that_is_cut_between_members_while_it_is_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    for Encoder { encode, .. } in encoders() {
        let (first, second) = (encode(b"one\n"), encode(b"two\n"));
        fs::write(&path, [&first[..], &second].concat()).unwrap();
        let source = Lines::open(&path).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(first.len() as u64).unwrap();
        let (lines, error) = drain(source, WANT);
        let (found, expected) = (first.len() as u64, (first.len() + second.len()) as u64);
        assert_eq!(lines, naive(b"one\n"));
        assert_eq!(error.unwrap().kind(), StreamErrorKind::Truncated { expected, found });
    }
}

#[test]
fn other_framings_cut_what_was_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    for Encoder { encode, .. } in encoders() {
        fs::write(&path, encode(b"aabbcc")).unwrap();
        let pairs = Lines::open(&path).unwrap().framed(FixedWidth::new(NonZero::new(2).unwrap()));
        let pairs = pairs.pipeline().map(<[u8]>::to_vec).collect().run_on(&Inline).unwrap();
        assert_eq!(pairs.value, [b"aa", b"bb", b"cc"]);
        assert_eq!(
            lines(&path).unwrap().map(|line| line.len()).collect().run_on(&Inline).unwrap().value,
            [6]
        );
    }
}

/// Gives what is sent, piece by piece, and waits in between.
struct Pipe(Receiver<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Ok(piece) = self.0.recv() else { return Ok(0) };
        room[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

#[test]
fn what_a_pipe_brings_is_handed_on_before_the_next_read_waits() {
    for Encoder { encode, .. } in encoders() {
        let (send, pipe) = channel();
        let mut source = Lines::decoded(Pipe(pipe));
        let compressed: Vec<_> = (0..20).map(|n| encode(format!("line {n}\n").as_bytes())).collect();
        send.send(compressed[0][..4].to_vec()).unwrap();
        send.send(compressed[0][4..].to_vec()).unwrap();
        for n in 0..20 {
            // If it waited for what was not sent yet, this would hang.
            let mut batch = source.pull(WANT).unwrap().unwrap();
            batch.drive(usize::MAX, |_, line| {
                assert_eq!(line, format!("line {n}").as_bytes());
                Flow::Continue(())
            });
            let Some(next) = compressed.get(n + 1) else { continue };
            // And a part of the one after it.
            let after = compressed.get(n + 2).map_or(&[][..], |after| &after[..3]);
            let piece = if n % 2 == 0 { [next, after].concat() } else { next[3..].to_vec() };
            send.send(piece).unwrap();
        }
        drop(send);
        assert!(source.pull(WANT).unwrap().is_none());
    }
}

#[test]
fn an_error_of_the_reader_comes_with_its_kind_and_place_behind_the_lines_before_it() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(ErrorKind::UnexpectedEof, "the disk is gone"))
        }
    }
    for Encoder { encode, .. } in encoders() {
        let compressed = encode(b"one\ntwo\n");
        let place = compressed.len() as u64;
        let (lines, error) = drain(Lines::decoded(io::Cursor::new(compressed).chain(Fails)), WANT);
        let error = error.unwrap();
        assert_eq!(lines, naive(b"one\ntwo\n"));
        assert_eq!(error.kind(), StreamErrorKind::Io(ErrorKind::UnexpectedEof));
        assert_eq!(error.to_string(), format!("read the input at byte {place}: the disk is gone"));
    }
}

#[test]
fn a_panic_of_the_reader_goes_on_where_its_lines_are_pulled() {
    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("the reader is broken")
        }
    }
    for Encoder { encode, .. } in encoders() {
        let broken = || Lines::decoded(io::Cursor::new(encode(b"one\n")).chain(Panics));
        let mut source = broken();
        assert!(source.pull(WANT).unwrap().is_some());
        let panic = catch_unwind(AssertUnwindSafe(|| source.pull(WANT).is_ok())).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"the reader is broken"));
        let failed = broken().pipeline().map(|line| line.len()).collect().run_on(&Inline).unwrap_err();
        assert!(matches!(&failed, RunError::Panicked { stage, .. } if stage == "source"), "{failed}");
    }
}
