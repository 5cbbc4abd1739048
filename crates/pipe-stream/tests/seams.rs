//! Where a reader could go wrong and once did: one law each. What found them is `corpus`.

use pipe_core::{Batch, Flow, Source, Want};
use pipe_stream::{
    Blocks, Chunk, Csv, Custom, Delimited, FixedWidth, Framing, LengthPrefixed, Lines, PrefixBytes, Row,
    StreamError, StreamErrorKind, Text,
};
use std::fs;
use std::num::NonZeroUsize;

const ALL: Want = Want { items: 1, bytes: usize::MAX };

/// The records up to the end, or the error.
fn read<F: Framing<Record = &'static [u8]>>(
    mut source: impl Source<Item = &'static [u8], Batch = Chunk<F>>,
) -> Result<Vec<Vec<u8>>, StreamErrorKind> {
    let mut all = Vec::new();
    let kind = |error: pipe_core::BoxError| error.downcast::<StreamError>().unwrap().kind();
    while let Some(mut chunk) = source.pull(ALL).map_err(kind)? {
        chunk.load().map_err(kind)?;
        chunk.drive(usize::MAX, |_, record| {
            all.push(record.to_vec());
            Flow::Continue(())
        });
    }
    Ok(all)
}

#[test]
fn a_file_is_read_to_its_end_in_parts_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    fs::write(&path, "one\ntwo\n").unwrap();
    let lines = Lines::open(&path).unwrap().buffer(usize::MAX).max_record(usize::MAX);
    assert_eq!(read(lines).unwrap(), [b"one", b"two"]);
}

#[test]
fn a_block_may_be_longer_than_a_record_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    fs::write(&path, b"1234567\n".repeat(9)).unwrap();
    let blocks = |most| read(Lines::open(&path).unwrap().blocks().buffer(10).max_record(most));
    assert_eq!(blocks(7).unwrap().concat(), b"1234567\n".repeat(9));
    assert_eq!(blocks(6), Err(StreamErrorKind::RecordTooLong { limit: 6 }));
    let text = Text::new(b"a\nb\n".to_vec()).framed(Blocks::<Csv>::default());
    assert_eq!(read(text).unwrap(), [b"a\nb\n"]);
}

#[test]
fn the_last_record_is_not_longer_for_lack_of_its_delimiter() {
    let input = |len: usize| [b"a----".to_vec(), b"b".repeat(len)].concat();
    for (len, fits) in [(4, true), (5, false), (7, false), (8, false), (9, false)] {
        let input = input(len);
        let records = Lines::from_reader(&input[..]).framed(Delimited::new("----").unwrap()).max_record(4);
        assert_eq!(read(records).is_ok(), fits, "{len} bytes");
    }
    let rest = Custom::new(|bytes| bytes.get(8).map(|_| 8));
    let records = |text: &'static [u8]| read(Lines::from_reader(text).framed(rest.clone()).max_record(8));
    assert_eq!(records(b"12345678abcdefgh").unwrap(), [b"12345678", b"abcdefgh"]);
    let width = FixedWidth::new(NonZeroUsize::new(5).unwrap());
    let records = Lines::from_reader(&b"1234512345"[..]).framed(width).max_record(4);
    assert_eq!(read(records), Err(StreamErrorKind::RecordTooLong { limit: 4 }));
}

#[test]
fn a_length_is_not_believed_before_its_bytes_come() {
    let framing = LengthPrefixed::big_endian(PrefixBytes::Eight);
    let claim = [(1u64 << 50).to_be_bytes().to_vec(), b"little".to_vec()].concat();
    let records = Lines::from_reader(&claim[..]).framed(framing).max_record(usize::MAX);
    let why = "the input ends in the middle of a record";
    assert_eq!(read(records), Err(StreamErrorKind::NotARecord { why }));
}

#[test]
fn bytes_that_are_left_are_checked_against_a_new_framing() {
    let mut lines = Text::new(b"one\n\x09two".to_vec());
    lines.pull(Want { items: 1, bytes: 1 }).unwrap().unwrap();
    let rest = lines.framed(LengthPrefixed::big_endian(PrefixBytes::One));
    let why = "the input ends in the middle of a record";
    assert_eq!(read(rest), Err(StreamErrorKind::NotARecord { why }));
}

fn rows(csv: Csv, text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut chunk = Text::new(text.to_vec()).framed(csv).pull(ALL).unwrap().unwrap();
    let mut all = Vec::new();
    chunk.drive(usize::MAX, |_, row: Row<'_>| {
        all.push(row.fields().map(|field| field.raw().to_vec()).collect());
        Flow::Continue(())
    });
    all
}

#[test]
fn any_delimiter_ends_fields_that_are_there_and_no_others() {
    assert_eq!(
        rows(Csv::new().delimiter(0), b"a\0b\nc"),
        [vec![b"a".to_vec(), b"b".to_vec()], vec![b"c".to_vec()]]
    );
}

#[test]
fn a_row_behind_an_empty_line_can_be_had_again() {
    let mut chunk = Text::new(b"a\n\nb\nc\n".to_vec()).framed(Csv::new()).pull(ALL).unwrap().unwrap();
    chunk.drive(usize::MAX, |_, _| Flow::Continue(()));
    assert_eq!([0, 2, 3, 5].map(|at| chunk.record(at)), [Some(&b"a"[..]), None, Some(b"b"), Some(b"c")]);
}

#[test]
fn a_byte_order_mark_may_be_longer_than_a_record() {
    for buffer in [1, 2, 3, 9] {
        let rows =
            Lines::from_reader(&b"\xef\xbb\xbfa\nb\n"[..]).framed(Csv::new()).buffer(buffer).max_record(1);
        assert_eq!(read(rows.blocks()).unwrap().concat(), b"a\nb\n");
    }
}

#[test]
fn rows_above_4_gib_are_refused_before_anything_is_read() {
    for (most, fits) in [(u32::MAX as usize - 1, true), (u32::MAX as usize, false)] {
        let mut rows = Lines::from_reader(&b"a\n"[..]).framed(Csv::new()).max_record(most);
        assert_eq!(rows.pull(ALL).is_ok(), fits);
    }
}

#[test]
fn another_framing_after_the_first_pull_is_an_error_and_no_record_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    fs::write(&path, "one\ntwo\n").unwrap();
    let mut lines = Lines::open(&path).unwrap();
    assert!(lines.pull(ALL).unwrap().is_some());
    let error = read(lines.framed(FixedWidth::new(NonZeroUsize::MIN))).unwrap_err();
    assert!(matches!(error, StreamErrorKind::Setting { field: "framed", .. }), "{error:?}");
}
