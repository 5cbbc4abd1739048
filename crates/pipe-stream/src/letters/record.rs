//! One dead letter as one line of JSON.
//!
//! ```json
//! {"stage":"hit","at":1042,"error":"no status","causes":["no status"],"attempts":1,"record":"GET /"}
//! ```
//!
//! A record that is no UTF-8 stands in `record_hex`, two digits a byte. `input` is there if it is not 0, `more` likewise.

use pipe_core::{DeadLetter, Position};
use serde_json::Value;

/// The letter as JSON, without a line feed: in JSON a line feed inside a text is escaped.
pub(crate) fn to_line(letter: &DeadLetter<'_>) -> String {
    let mut fields: Vec<(&str, Value)> = vec![("stage", letter.stage.into())];
    if let Some(at) = letter.at {
        fields.push(("at", at.place().into()));
        if at.input() != 0 {
            fields.push(("input", at.input().into()));
        }
    }
    fields.push(("error", letter.error.to_string().into()));
    fields.push(("causes", letter.causes().collect()));
    fields.push(("attempts", letter.attempts.into()));
    if letter.more != 0 {
        fields.push(("more", letter.more.into()));
    }
    if let Some(record) = letter.record {
        fields.push(match str::from_utf8(record) {
            Ok(text) => ("record", text.into()),
            Err(_) => ("record_hex", hex(record).into()),
        });
    }
    // Field by field: a map of serde_json forgets their order, and the stage and the place are what a reader looks for.
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// Position and record of a letter.
pub(crate) fn from_line(line: &[u8]) -> Result<(Position, Vec<u8>), String> {
    let letter: Value = serde_json::from_slice(line).map_err(|error| format!("no dead letter: {error}"))?;
    let record = match (&letter["record"], &letter["record_hex"]) {
        (Value::String(text), _) => text.clone().into_bytes(),
        (_, Value::String(digits)) => unhex(digits).ok_or("record_hex is not pairs of hexadecimal digits")?,
        _ => {
            return Err(
                "the letter has no record: what failed was no line, and cannot be read again".to_owned()
            );
        }
    };
    let (place, input) = (letter["at"].as_u64().unwrap_or(0), letter["input"].as_u64().unwrap_or(0));
    Ok((Position::from_raw(place).of_input(usize::try_from(input).unwrap_or(0)), record))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    if digits.len().is_multiple_of(2) { digits.chunks(2).map(pair).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_starts_with_what_a_reader_looks_for() {
        use pipe_core::{Inline, dead_letters, from_iter};
        let (lines, written) = std::sync::mpsc::channel();
        let letters = dead_letters(move |letter: &DeadLetter<'_>| lines.send(to_line(letter)).unwrap());
        let failing = from_iter([1u32, 300]).try_map(u8::try_from).named("nar\"row").on_error(letters);
        failing.for_each(drop).run_on(&Inline).unwrap();
        let error = "out of range integral type conversion attempted";
        let expected = format!(
            "{{\"stage\":\"nar\\\"row\",\"at\":1,\"error\":\"{error}\",\"causes\":[\"{error}\"],\"attempts\":1}}"
        );
        assert_eq!(written.recv().unwrap(), expected);
    }

    #[test]
    fn hexadecimal_goes_there_and_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        for wrong in ["a", "zz", "+1"] {
            assert!(unhex(wrong).is_none_or(|bytes| wrong == "+1" && bytes == [1]), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_letter_is_refused_with_a_reason() {
        assert!(from_line(b"GET /").unwrap_err().starts_with("no dead letter: "));
        assert!(from_line(b"{\"at\":7}").unwrap_err().starts_with("the letter has no record"));
        assert!(from_line(b"{\"record_hex\":\"f\"}").unwrap_err().starts_with("record_hex"));
        let (at, record) = from_line(b"{\"at\":7,\"input\":2,\"record\":\"a\\nb\"}").unwrap();
        assert_eq!((at.place(), at.input(), &*record), (7, 2, &b"a\nb"[..]));
    }
}
