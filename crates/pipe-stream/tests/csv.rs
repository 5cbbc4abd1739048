//! Tables are read as the csv crate reads them, however the input is cut; what is no table is an error that says where.

use pipe_core::testing::{Rng, laws};
use pipe_core::{Batch, Flow, Inline, Source, Want, skip};
use pipe_stream::{Column, Csv, Lines, Quotes, Row, StreamError, StreamErrorKind, Table, Text};
use std::fs;

type Rows = Vec<(u64, Vec<Vec<u8>>)>;

fn own(row: Row<'_>) -> Vec<Vec<u8>> {
    row.fields().map(|field| field.bytes().into_owned()).collect()
}

fn drain<S: Source<Item = Row<'static>>>(mut source: S, want: usize) -> (Rows, Option<StreamError>) {
    let mut all = Vec::new();
    loop {
        match source.pull(Want { items: 1, bytes: want }).and_then(|batch| match batch {
            None => Ok(None),
            Some(mut batch) => batch.load().map(|()| Some(batch)),
        }) {
            Ok(None) => return (all, None),
            Err(error) => return (all, Some(*error.downcast().expect("a StreamError"))),
            Ok(Some(mut batch)) => batch.drive(usize::MAX, |at, row| {
                all.push((at, own(row)));
                Flow::Continue(())
            }),
        };
    }
}

/// The oracle: the csv crate, and where it says that its records start.
fn naive(text: &[u8], delimiter: u8, quoting: bool) -> Rows {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .quoting(quoting)
        .from_reader(text);
    let rows = reader.byte_records().map(Result::unwrap);
    rows.map(|row| {
        let mut at = row.position().unwrap().byte() as usize;
        // It counts empty lines, and the line feed of a pair, to the row behind them.
        if text[at..].starts_with(b"\xef\xbb\xbf") {
            at += 3;
        }
        while matches!(text.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        (at as u64, row.iter().map(<[u8]>::to_vec).collect())
    })
    .collect()
}

fn field(rng: &mut Rng, delimiter: u8) -> Vec<u8> {
    let plain =
        |rng: &mut Rng| (0..rng.below(5)).map(|_| b"ab1 .\xc3"[rng.below(6) as usize]).collect::<Vec<u8>>();
    if rng.below(4) > 0 {
        return plain(rng);
    }
    let mut quoted = vec![b'"'];
    for _ in 0..rng.below(7) {
        match rng.below(6) {
            0 => quoted.push(delimiter),
            1 => quoted.extend(b"\"\""),
            2 => quoted.push(b'\n'),
            3 => quoted.extend(b"\r\n"),
            _ => quoted.extend(plain(rng)),
        }
    }
    quoted.push(b'"');
    quoted
}

fn table(rng: &mut Rng, delimiter: u8) -> Vec<u8> {
    let mut text = if rng.below(4) == 0 { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
    let rows = rng.below(14);
    for row in 0..rows {
        // Some rows have more fields than fit where ends are kept at first.
        let most = if rng.below(20) == 0 { 900 } else { 5 };
        let fields: Vec<Vec<u8>> = (0..1 + rng.below(most)).map(|_| field(rng, delimiter)).collect();
        text.extend(fields.join(&delimiter));
        if row + 1 < rows || rng.below(2) == 0 {
            text.extend([&b"\n"[..], b"\r\n", b"\n\n"][rng.below(3) as usize]);
        }
    }
    text
}

#[test]
fn tables_are_those_of_the_csv_crate_however_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let mut rng = Rng::new(11);
    for round in 0..60 {
        let delimiter = [b',', b';', b'\t'][round % 3];
        let text = table(&mut rng, delimiter);
        // The csv crate has its own idea of a row that is one empty field, and drops it too.
        let expected = naive(&text, delimiter, true);
        let csv = Csv::new().delimiter(delimiter);
        fs::write(&path, &text).unwrap();
        for size in [1, 2, 3, 5, 8, 13, 63, 64, 65, 100, 1 << 16] {
            let file = || Lines::open(&path).unwrap().framed(csv);
            let all = [
                drain(file().buffer(size), usize::MAX),
                drain(Lines::from_reader(&text[..]).framed(csv).buffer(size), usize::MAX),
                drain(Text::new(text.clone()).framed(csv), size),
            ];
            for (way, (rows, error)) in all.into_iter().enumerate() {
                assert!(error.is_none(), "{error:?} for {:?}", String::from_utf8_lossy(&text));
                assert_eq!(
                    rows,
                    expected,
                    "way {way}, steps of {size}: {:?}",
                    String::from_utf8_lossy(&text)
                );
            }
        }
        let chunk = || Text::new(text.clone()).framed(csv).pull(Want::MOST).unwrap().unwrap();
        if !expected.is_empty() {
            laws::batch(chunk, own);
            laws::reread(chunk, own);
        }
    }
}

#[test]
fn tables_without_quotes_are_read_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let mut rng = Rng::new(12);
    for _ in 0..60 {
        let mut text = table(&mut rng, b'\t');
        // Quotes are like any other character here, so line feeds in them end rows.
        text.retain(|byte| *byte != b'\r');
        let expected = naive(&text, b'\t', false);
        fs::write(&path, &text).unwrap();
        for size in [1, 2, 3, 5, 8, 13, 64, 1 << 16] {
            let (rows, error) =
                drain(Lines::open(&path).unwrap().framed(Csv::tsv()).buffer(size), usize::MAX);
            assert!(error.is_none());
            assert_eq!(rows, expected, "parts of {size}: {:?}", String::from_utf8_lossy(&text));
        }
    }
}

#[test]
fn what_is_no_table_is_an_error_that_says_where() {
    let stray = (12, "a quote stands in the middle of a field that does not begin with one");
    let open = (8, "a quote is opened and not closed");
    for (text, (at, why)) in [(&b"a,b\n1,2\n3,5\" pipe\n"[..], stray), (b"a,b\n1,2\n\"3,4\n5,6\n", open)] {
        let at = if why.contains("middle") { 11 } else { at };
        for size in [1, 4, 7, 64, 1 << 16] {
            let (rows, error) = drain(Lines::from_reader(text).framed(Csv::new()).buffer(size), usize::MAX);
            let error = error.unwrap();
            assert_eq!((error.kind(), error.offset()), (StreamErrorKind::NotARecord { why }, Some(at)));
            assert!(rows.len() <= 2);
        }
    }
    let plain = Lines::from_reader(&b"5\" pipe,2\n"[..]).framed(Csv::new().quotes(Quotes::None));
    assert_eq!(drain(plain, usize::MAX).0, [(0, vec![b"5\" pipe".to_vec(), b"2".to_vec()])]);
}

#[test]
fn columns_are_found_by_name_and_rows_of_another_width_say_so() {
    let text: &[u8] = b"\xef\xbb\xbf\"city\",\"a \"\"b\"\"\"\r\nOslo,1\r\n\r\nRome\r\n\"Bonn\",3,4";
    let table = || Table::new(Lines::from_reader(text).framed(Csv::new()).buffer(7)).unwrap();
    assert_eq!(table().names(), ["city", "a \"b\""]);
    let (city, number) = (table().column("city").unwrap(), table().column("a \"b\"").unwrap());
    let read = move |row: Row<'_>| -> Result<(String, Vec<u8>), pipe_core::BoxError> {
        Ok((row.field(city)?.text()?.into_owned(), row.field(number)?.bytes().into_owned()))
    };
    let report = table().pipeline().try_map(read).on_error(skip()).collect().run_on(&Inline).unwrap();
    assert_eq!(report.skipped(), 1);
    assert_eq!(report.value, [("Oslo".to_owned(), b"1".to_vec()), ("Bonn".to_owned(), b"3".to_vec())]);
    let failed = table().pipeline().try_map(read).named("read").collect().run_on(&Inline).unwrap_err();
    assert_eq!(failed.to_string(), "stage read failed at 31: no field 1: the row has 1");
    assert_eq!(
        table().column("town").unwrap_err().to_string(),
        r#"no column "town"; there are ["city", "a \"b\""]"#
    );
    assert_eq!(Column::at(3).index(), 3);
    let empty = Table::new(Lines::from_reader(&b""[..]).framed(Csv::new())).unwrap();
    assert!(empty.names().is_empty());
    assert_eq!(empty.pipeline().map(|row| row.len()).collect().run_on(&Inline).unwrap().taken(), 0);
}

#[test]
fn a_row_with_more_fields_than_allowed_is_an_error_that_names_the_limit_and_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    for (wide, fields) in [(",,", 3), ("\"a,\n,b\",c,,d", 4), (",\r", 2)] {
        let rows = format!("a,b\n1,2\n{wide}\n3,4\n");
        fs::write(&path, &rows).unwrap();
        for limit in 1..6 {
            let csv = Csv::new().max_fields(limit);
            let expected = match limit {
                1 => Some(0),
                _ if fields > limit => Some(8),
                _ => None,
            };
            for size in [1, 3, 9, 1 << 16] {
                let all = [
                    drain(Lines::open(&path).unwrap().framed(csv).buffer(size), usize::MAX),
                    drain(Lines::from_reader(rows.as_bytes()).framed(csv).buffer(size), usize::MAX),
                    drain(Text::new(rows.clone().into_bytes()).framed(csv), size),
                ];
                for (lent, error) in all {
                    let found = error.as_ref().map(|error| (error.kind(), error.offset()));
                    let kind = StreamErrorKind::TooManyFields { limit };
                    assert_eq!(found, expected.map(|at| (kind, Some(at))), "{wide:?}, {limit}, {size}");
                    assert_eq!(lent.len() == 4, expected.is_none());
                }
            }
        }
    }
    let commas = vec![b','; 1 << 20];
    let (_, error) = drain(Lines::from_reader(&commas[..]).framed(Csv::new()), usize::MAX);
    assert_eq!(
        error.unwrap().to_string(),
        "row at byte 0 of the input has more than 1048576 fields, which is its max_fields"
    );
    let (_, zero) = drain(Text::new(commas).framed(Csv::new().max_fields(0)), usize::MAX);
    let setting = StreamErrorKind::Setting { field: "max_fields", value: 0, why: "a row has a field" };
    assert_eq!(zero.unwrap().kind(), setting);
}
