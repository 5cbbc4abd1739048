//! What was measured, line by line, each beside its bar.

use std::fmt;

/// A line: what was measured is a ratio, and its bar the least that it should be.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) measured: Measured,
    pub(crate) bar: Option<f64>,
}

/// A ratio, or why there is none.
pub(crate) enum Measured {
    /// Of what, and how it was made.
    Ratio(f64, String),
    Missing(String),
}

/// All lines.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// A ratio with its bar.
    pub(crate) fn bar(&mut self, what: &str, ratio: f64, how: String, bar: f64) {
        self.rows.push(Row { what: what.to_owned(), measured: Measured::Ratio(ratio, how), bar: Some(bar) });
    }

    /// A ratio that is only told.
    pub(crate) fn tell(&mut self, what: &str, ratio: f64, how: String) {
        self.rows.push(Row { what: what.to_owned(), measured: Measured::Ratio(ratio, how), bar: None });
    }

    /// What could not be measured, and why.
    pub(crate) fn missing(&mut self, what: &str, why: String, bar: f64) {
        self.rows.push(Row { what: what.to_owned(), measured: Measured::Missing(why), bar: Some(bar) });
    }
}

impl Row {
    fn is_reached(&self) -> Option<bool> {
        match (&self.measured, self.bar) {
            (Measured::Ratio(ratio, _), Some(bar)) => Some(*ratio >= bar),
            _ => None,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:50} {:>8} {:>6}  {:10}how", "what", "ratio", "bar", "reached")?;
        for row in &self.rows {
            let (ratio, how) = match &row.measured {
                Measured::Ratio(ratio, how) => (format!("{ratio:.3}"), how),
                Measured::Missing(why) => ("-".to_owned(), why),
            };
            let bar = row.bar.map_or("-".to_owned(), |bar| format!("{bar:.2}"));
            let reached = match row.is_reached() {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "-",
            };
            writeln!(f, "{:50} {ratio:>8} {bar:>6}  {reached:10}{how}", row.what)?;
        }
        let reached: Vec<bool> = self.rows.iter().filter_map(Row::is_reached).collect();
        let missing = self.rows.iter().filter(|row| matches!(row.measured, Measured::Missing(_))).count();
        let yes = reached.iter().filter(|is_reached| **is_reached).count();
        write!(f, "{yes} of {} bars are reached, {missing} not measured", reached.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_not_reached_and_missing_is_counted() {
        let mut table = Table::default();
        table.bar("a", 0.91, "1 us".to_owned(), 0.9);
        table.bar("b", f64::NAN, "nothing".to_owned(), 0.9);
        table.tell("c", 0.1, "only told".to_owned());
        table.missing("d", "not installed".to_owned(), 1.0);
        let said = table.to_string();
        assert!(said.ends_with("1 of 2 bars are reached, 1 not measured"), "{said}");
        assert_eq!(said.lines().count(), 6);
    }
}
