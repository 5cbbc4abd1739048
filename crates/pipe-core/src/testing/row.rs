//! A number that is still text: the borrowed row of tests.

use crate::testing::{Num, steps};

/// A number, and the text that it was read from.
pub(crate) struct Row<'a> {
    text: &'a str,
    pub(crate) num: Num,
}

crate::rows!(Row);

/// Reads a row; multiples of `n` fail, as in [`Op::Parse`](crate::testing::Op::Parse).
pub(crate) fn row(n: i64) -> impl for<'a> Fn(&'a str) -> Result<Row<'a>, String> + Send + Sync + 'static {
    let refuse = steps::try_map(n);
    move |text| {
        let (id, value) = text.split_once(' ').ok_or("no space")?;
        let number = |why: std::num::ParseIntError| why.to_string();
        let num = Num { id: id.parse().map_err(number)?, value: value.parse().map_err(number)? };
        refuse(num).map(|num| Row { text, num })
    }
}

/// What the text says, read again: so the row has to be there still.
pub(crate) fn again(row: &Row<'_>) -> Num {
    let value = row.text.split_once(' ').and_then(|(_, value)| value.parse().ok());
    row.num.with(value.expect("it was parsed before"))
}

/// The text of a row.
pub(crate) fn line(item: Num) -> String {
    format!("{} {}", item.id, item.value)
}
