//! Dead letters in a file: nothing is lost by what an earlier run left there, or by one bad line.

use pipe_core::{Inline, RunError, dead_letters, from_source};
use pipe_stream::{DeadLetterFile, Framing, LengthPrefixed, Newline, PrefixBytes, Replay, Text};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A folder, and a path for letters in it.
fn letters() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letters.ndjson");
    (folder, path)
}

/// Each of these records fails, and becomes a letter. What the file says of its end before.
fn fail(records: &[&str], path: &Path) -> Option<u64> {
    let file = DeadLetterFile::append(path).unwrap();
    let torn = file.torn();
    let lines = Text::new(records.join("\n").into_bytes()).pipeline();
    let all_bad = lines.try_map(|_: &[u8]| Err::<(), _>("bad")).on_error(dead_letters(file));
    all_bad.for_each(drop).run_on(&Inline).unwrap();
    torn
}

/// What is given back, also before an error.
fn replay(path: &Path) -> (Vec<String>, Result<(), RunError>) {
    let given = Mutex::new(Vec::new());
    let give = |record: &[u8]| given.lock().unwrap().push(String::from_utf8(record.to_vec()).unwrap());
    let run = from_source(Replay::open(path).unwrap()).map(give).for_each(drop).run_on(&Inline);
    (given.into_inner().unwrap(), run.map(drop))
}

#[test]
fn a_letter_behind_a_torn_line_stands_on_a_line_of_its_own() {
    let (_folder, path) = letters();
    assert_eq!(fail(&["one", "two"], &path), None);
    let whole = fs::read(&path).unwrap();
    for lost in 1..whole.len() / 2 {
        let torn = &whole[..whole.len() - lost];
        fs::write(&path, torn).unwrap();
        assert_eq!(fail(&["three"], &path), Some(torn.len() as u64));
        let now = fs::read_to_string(&path).unwrap();
        assert!(now.as_bytes().starts_with(torn), "what was there stays");
        assert!(now.lines().last().unwrap().contains(r#""record":"three""#), "{now}");

        let (given, run) = replay(&path);
        if lost == 1 {
            // Only the line feed was missing.
            run.unwrap();
            assert_eq!(given, ["one", "two", "three"]);
        } else {
            assert_eq!(given, ["one"]);
            assert!(run.unwrap_err().to_string().contains("line 2 of"), "{lost}");
        }
    }
}

#[test]
fn a_file_that_ends_with_a_line_or_is_empty_is_not_torn() {
    let (_folder, path) = letters();
    fs::write(&path, "").unwrap();
    assert_eq!((fail(&["one"], &path), fail(&["two"], &path)), (None, None));
    assert_eq!(replay(&path).0, ["one", "two"]);
}

#[test]
fn what_stands_before_a_bad_line_is_replayed_and_the_error_names_the_line() {
    let (_folder, path) = letters();
    for before in [0, 1, 2_000] {
        let good: Vec<String> = (0..before).map(|number| format!("record {number}")).collect();
        let line = |record: &String| format!("{{\"record\":\"{record}\"}}\n");
        let lines: String = good.iter().map(line).collect();
        fs::write(&path, format!("{lines}not a letter\n{lines}")).unwrap();
        let (given, run) = replay(&path);
        assert_eq!(given, good);
        let told = run.unwrap_err().to_string();
        assert!(told.contains(&format!("line {} of", before + 1)), "{told}");
        assert!(told.contains("no dead letter"), "{told}");
    }
}

/// What a stage is given of `text`, cut as `framing` says: all of it fails. And what it is given of the letters.
fn twice(text: &[u8], framing: impl Framing<Record = &'static [u8]>) -> [Vec<Vec<u8>>; 2] {
    let (_folder, path) = letters();
    let given = [Mutex::new(Vec::new()), Mutex::new(Vec::new())];
    let refuse = |record: &[u8]| {
        given[0].lock().unwrap().push(record.to_vec());
        Err::<(), _>("bad")
    };
    let file = DeadLetterFile::append(&path).unwrap();
    let records = Text::new(text.to_vec()).framed(framing).pipeline();
    records.try_map(refuse).on_error(dead_letters(file)).for_each(drop).run_on(&Inline).unwrap();
    let take = |record: &[u8]| given[1].lock().unwrap().push(record.to_vec());
    Replay::open(&path).unwrap().pipeline().map(take).for_each(drop).run_on(&Inline).unwrap();
    given.map(|given| given.into_inner().unwrap())
}

#[test]
fn a_replay_gives_a_stage_what_it_was_given_before() {
    let [before, again] = twice(b"one\r\n\r\ntwo\r\nlast", Newline::crlf());
    assert_eq!((before.len(), before), (4, again));
    let [before, again] = twice(b"one\r\n\r\ntwo", Newline::crlf().skip_empty());
    assert_eq!((before.len(), before), (2, again));
    let [before, again] = twice(b"\x03one\x00\x03two", LengthPrefixed::big_endian(PrefixBytes::One));
    assert_eq!((before.len(), before), (3, again));
}

#[test]
fn a_letter_of_the_longest_record_can_be_replayed_whatever_its_bytes_are() {
    let (_folder, path) = letters();
    for byte in [b'a', 0, b'"', 0xff] {
        let record = vec![byte; 2 << 20];
        let file = DeadLetterFile::append(&path).unwrap();
        let lines = Text::new(record.clone()).pipeline();
        let failing =
            lines.try_map(|_: &[u8]| Err::<(), _>("bad")).on_error(dead_letters(file)).for_each(drop);
        failing.run_on(&Inline).unwrap();
        let again = Replay::open(&path).unwrap().max_record(2 << 20).pipeline();
        let same = again.map(move |again| again == record).collect().run_on(&Inline).unwrap();
        assert_eq!(same.value, [true], "{byte}");
        fs::remove_file(&path).unwrap();
    }
    fail(&["one"], &path);
    let none =
        Replay::open(&path).unwrap().max_record(0).pipeline().map(<[u8]>::len).for_each(drop).run_on(&Inline);
    assert!(none.unwrap_err().to_string().contains("max_record = 0"));
}
