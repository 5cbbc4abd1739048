//! JSON, as far as we write it.

use std::fmt::Write as _;

/// As it may stand in a string of JSON.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            char if (char as u32) < 0x20 => _ = write!(out, "\\u{:04x}", char as u32),
            char => out.push(char),
        }
    }
    out
}

/// A text of JSON that grows, without a line break in it.
#[cfg(feature = "live")]
#[derive(Default)]
pub(crate) struct Json {
    out: String,
}

#[cfg(feature = "live")]
impl Json {
    /// `{..}`, of the fields that `fields` writes.
    pub(crate) fn object(&mut self, fields: impl FnOnce(&mut Json)) {
        self.begin('{');
        fields(self);
        self.out.push('}');
    }

    /// `[..]`, of what `item` writes for each.
    pub(crate) fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut item: impl FnMut(&mut Json, T)) {
        self.begin('[');
        items.into_iter().for_each(|value| item(self, value));
        self.out.push(']');
    }

    /// The name of a field, whose value follows.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        self.text(name);
        self.out.push(':');
        self
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.comma();
        self.out.extend(["\"", &escaped(text), "\""]);
    }

    /// Neither infinity nor what is no number can be written: those are zero.
    pub(crate) fn number(&mut self, number: f64) {
        self.comma();
        let number = if number.is_finite() { number } else { 0.0 };
        _ = write!(self.out, "{number}");
    }

    pub(crate) fn count(&mut self, count: u64) {
        self.comma();
        _ = write!(self.out, "{count}");
    }

    pub(crate) fn into_text(self) -> String {
        self.out
    }

    fn begin(&mut self, bracket: char) {
        self.comma();
        self.out.push(bracket);
    }

    /// Before all that is not the first of its kind.
    fn comma(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with(['{', '[', ':']) {
            self.out.push(',');
        }
    }
}

#[cfg(all(test, feature = "live"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut json = Json::default();
        json.object(|json| {
            json.name("a \"b\"\\\n{").text("x:[");
            json.name("none").list([0u8; 0], |_, _| {});
            json.name("some").list([1.5, f64::NAN, 1e-9], Json::number);
            json.name("last").object(|json| json.name("n").count(u64::MAX));
        });
        let read: serde_json::Value = serde_json::from_str(&json.into_text()).expect("it is JSON");
        assert_eq!(read["a \"b\"\\\n{"], "x:[");
        assert_eq!(read["some"], serde_json::json!([1.5, 0, 1e-9]), "what is no number is zero");
        assert_eq!(read["last"]["n"], u64::MAX);
    }
}
