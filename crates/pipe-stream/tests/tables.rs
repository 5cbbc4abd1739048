//! Tables with a header, in one file and in many: rows of another width are failed rows, files of other columns are an error.

use pipe_core::testing::Rng;
use pipe_core::{DeadLetter, Inline, RunError, dead_letters, skip};
use pipe_stream::{
    Csv, Files, Lines, OtherHeader, RaggedRow, Row, StreamError, StreamErrorKind, Table, Tables,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

fn own(row: Row<'_>) -> Vec<Vec<u8>> {
    row.fields().map(|field| field.bytes().into_owned()).collect()
}

#[test]
fn a_row_of_another_width_is_a_failed_row_with_its_position_and_its_bytes() {
    let text: &[u8] = b"a,b,c\n1,2,3\n4,5\n\n\"6\n,\",7,8\n9,10,11,12\n13,14,15";
    for buffer in [1, 7, 1 << 16] {
        let table = || Table::new(Lines::from_reader(text).framed(Csv::new()).buffer(buffer)).unwrap();
        let (sender, letters) = channel();
        let policy = dead_letters(move |letter: &DeadLetter<'_>| {
            let ragged: &RaggedRow = letter.error.downcast_ref().unwrap();
            let at = letter.at.unwrap().place();
            sender.send((at, letter.record.unwrap().to_vec(), ragged.fields, ragged.columns)).unwrap();
        });
        let report = table().rows().on_error(policy).map(own).collect().run_on(&Inline).unwrap();
        assert_eq!((report.value.len(), report.dead_lettered()), (3, 2));
        let expected = [(12, b"4,5".to_vec(), 2, 3), (27, b"9,10,11,12".to_vec(), 4, 3)];
        assert_eq!(letters.iter().collect::<Vec<_>>(), expected);

        let failed = table().rows().map(own).collect().run_on(&Inline).unwrap_err();
        assert!(
            matches!(&failed, RunError::Stage { stage, at: Some(at), .. } if stage == "rows" && at.place() == 12)
        );
        assert_eq!(table().rows().on_error(skip()).map(own).collect().run_on(&Inline).unwrap().skipped(), 2);
        assert_eq!(table().pipeline().map(own).collect().run_on(&Inline).unwrap().value.len(), 5);
    }
}

fn write(folder: &Path, texts: &[&str]) -> Vec<PathBuf> {
    let files = texts.iter().enumerate().map(|(index, text)| {
        let path = folder.join(format!("{index}.csv"));
        fs::write(&path, text).unwrap();
        path
    });
    files.collect()
}

#[test]
fn the_rows_of_many_files_are_those_of_each_behind_its_header() {
    let (folder, mut rng) = (tempfile::tempdir().unwrap(), Rng::new(71));
    for _ in 0..40 {
        let texts: Vec<String> = (0..rng.below(6))
            .map(|file| {
                let rows: String = (0..rng.below(9)).map(|row| format!("{file},\"{row}\n\"\n")).collect();
                let header =
                    ["a,\"b\"\n", "\"a\",b\r\n", "\u{feff}a,b\n", "\n\na,b\n", "a,b"][rng.below(5) as usize];
                match rng.below(5) {
                    0 => ["", "\n", "\r\n\n"][rng.below(3) as usize].to_owned(),
                    _ if header == "a,b" => header.to_owned(),
                    _ => format!("{header}{rows}"),
                }
            })
            .collect();
        let paths = write(folder.path(), &texts.iter().map(String::as_str).collect::<Vec<_>>());
        let mut naive = Vec::new();
        for path in &paths {
            let table = Table::open(path, Csv::new()).unwrap();
            naive.extend(table.pipeline().map(own).collect().run_on(&Inline).unwrap().value);
        }
        for buffer in [1, 5, 64, 1 << 16] {
            if paths.is_empty() {
                continue;
            }
            let tables = Tables::new(Files::of(&paths).framed(Csv::new()).buffer(buffer)).unwrap();
            let locations = tables.locations();
            let (sender, places) = channel();
            let policy =
                dead_letters(move |letter: &DeadLetter<'_>| sender.send(letter.at.unwrap().place()).unwrap());
            let rows = tables.rows().try_map(|row| Err::<(), _>(format!("{:?}", own(row)))).on_error(policy);
            rows.collect().run_on(&Inline).unwrap();
            let lent: Vec<Vec<Vec<u8>>> = places
                .iter()
                .map(|place| {
                    let (path, at) = locations.locate(place).unwrap();
                    let text = fs::read(path).unwrap();
                    let row = Lines::from_reader(&text[at as usize..]).framed(Csv::new()).pipeline();
                    row.map(own).take(1).collect().run_on(&Inline).unwrap().value.remove(0)
                })
                .collect();
            assert_eq!(lent, naive, "reads of {buffer}: {texts:?}");
        }
    }
}

#[test]
fn a_file_with_other_columns_is_an_error_that_names_both_files() {
    let folder = tempfile::tempdir().unwrap();
    for other in ["b,a\n1,2\n", "a\n", "a,b,c\n1,2,3\n", "a,B"] {
        let paths = write(folder.path(), &["", "a,b\n1,2\n", "\n", other]);
        let tables = || Tables::new(Files::of(&paths).framed(Csv::new())).unwrap();
        assert_eq!(tables().names(), ["a", "b"]);
        assert_eq!(tables().column("b").unwrap().index(), 1);
        assert!(tables().column("c").unwrap_err().to_string().contains("no column \"c\""));
        let failed = tables().rows().map(own).collect().run_on(&Inline).unwrap_err();
        let header: &OtherHeader = failed.stage_error().unwrap();
        assert_eq!((header.path(), header.first()), (&*paths[3], &*paths[1]));
        let said = header.to_string();
        assert!(said.contains("3.csv") && said.contains("1.csv") && said.contains(r#"["a", "b"]"#), "{said}");
        let rows = tables().rows().map(own).take(1).collect().run_on(&Inline).unwrap();
        assert_eq!(rows.value.len(), 1, "the files before are read");
    }
    let none = Tables::new(Files::of(write(folder.path(), &["", "\n"])).framed(Csv::new())).unwrap();
    assert_eq!((none.names().len(), none.rows().map(own).collect().run_on(&Inline).unwrap().taken()), (0, 0));
    let no_files: Option<StreamError> = Tables::new(Files::of([""; 0]).framed(Csv::new())).err();
    assert_eq!(no_files.unwrap().kind(), StreamErrorKind::NoFiles);
}
