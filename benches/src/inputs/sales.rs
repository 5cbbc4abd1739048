//! A table of sales in CSV, with a header: one field in 20 is quoted, for a comma, for quotes, or for a line feed in it.

use super::{Generator, push_decimal};
use crate::rng::Rng;
use crate::tasks::csv_sum::Sum;

const HEADER: &[u8] =
    b"order_id,date,region,country,customer,product,quantity,price,discount,currency,status,note\n";

const REGIONS: [(&str, &str); 6] =
    [("EMEA", "DE"), ("EMEA", "FR"), ("APAC", "JP"), ("AMER", "US"), ("AMER", "BR"), ("EMEA", "PL")];
const NAMES: [&str; 12] = [
    "Anders", "Bianchi", "Costa", "Dupont", "Evans", "Fischer", "García", "Holm", "Ito", "Jansen",
    "Kowalski", "Lee",
];
const THINGS: [&str; 10] =
    ["lamp", "desk", "chair", "shelf", "clock", "carpet", "mirror", "bench", "stool", "vase"];
const STATUSES: [&str; 4] = ["paid", "open", "shipped", "returned"];
const CURRENCIES: [&str; 3] = ["EUR", "USD", "JPY"];

pub(crate) struct Sales;

/// Any of a list, by four of the bits of `chance` that begin at `bit`; the bias is as good as any other distribution.
fn pick<T: Copy>(list: &[T], chance: u64, bit: u32) -> T {
    list[(chance >> bit) as usize % list.len()]
}

impl Generator for Sales {
    type Known = Sum;

    fn head(&self) -> &'static [u8] {
        HEADER
    }

    fn block(&self, rng: &mut Rng, rows: u64, text: &mut Vec<u8>) -> Sum {
        let mut sum = Sum::default();
        for _ in 0..rows {
            let chance = rng.next();
            push_decimal(text, rng.below(1 << 40));
            push_date(text, chance & 0xFFFF);
            let (region, country) = pick(&REGIONS, chance, 16);
            [region, country].into_iter().for_each(|field| push_field(text, field));
            // Three of the twelve fields may be quoted, each in one row of five.
            push_customer(text, rng.next());
            push_product(text, rng.next());
            text.push(b',');
            push_decimal(text, 1 + (chance >> 20) % 99);
            let quarters = rng.below(40_000);
            sum.add(quarters * 25);
            push_price(text, quarters);
            push_price(text, (chance >> 28) % 40);
            push_field(text, pick(&CURRENCIES, chance, 36));
            push_field(text, pick(&STATUSES, chance, 40));
            push_note(text, rng.next());
            text.push(b'\n');
        }
        sum
    }

    fn merge(&self, all: &mut Sum, block: Sum) {
        all.merge(block);
    }

    fn answer(&self, sum: &Sum) -> String {
        sum.to_string()
    }
}

fn push_field(text: &mut Vec<u8>, field: &str) {
    text.push(b',');
    text.extend_from_slice(field.as_bytes());
}

/// `2026-mm-dd`
fn push_date(text: &mut Vec<u8>, chance: u64) {
    text.extend_from_slice(b",2026-");
    let two = |number: u64| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
    text.extend_from_slice(&two(chance % 12 + 1));
    text.push(b'-');
    text.extend_from_slice(&two((chance >> 8) % 28 + 1));
}

fn push_price(text: &mut Vec<u8>, quarters: u64) {
    text.push(b',');
    push_decimal(text, quarters / 4);
    text.push(b'.');
    text.extend_from_slice([b"00", b"25", b"50", b"75"][(quarters % 4) as usize]);
}

/// `Name Name`, or `"Name, Name"`.
fn push_customer(text: &mut Vec<u8>, chance: u64) {
    let (first, last) = (pick(&NAMES, chance, 0), pick(&NAMES, chance, 8));
    let parts =
        if is_quoted(chance) { [",\"", first, ", ", last, "\""] } else { [",", first, " ", last, ""] };
    push_parts(text, parts);
}

/// `lamp 12`, or `"12"" lamp, oak"`.
fn push_product(text: &mut Vec<u8>, chance: u64) {
    let (thing, size) = (pick(&THINGS, chance, 0), pick(&["8", "12", "24", "36"], chance, 8));
    let parts = if is_quoted(chance) {
        [",\"", size, "\"\" ", thing, ", oak\""]
    } else {
        [",", thing, " ", size, ""]
    };
    push_parts(text, parts);
}

/// Nothing, a few words, or two lines in quotes.
fn push_note(text: &mut Vec<u8>, chance: u64) {
    let (thing, name) = (pick(&THINGS, chance, 0), pick(&NAMES, chance, 8));
    push_parts(
        text,
        match (is_quoted(chance), chance & 0x10_0000) {
            (true, 0) => [",\"for ", name, "\nsecond ", thing, "\""],
            (true, _) => [",\"for ", name, ", \"\"as seen\"\" ", thing, "\""],
            (false, 0) => [",", "", "", "", ""],
            (false, _) => [",", "with ", thing, " for ", name],
        },
    );
}

fn push_parts(text: &mut Vec<u8>, parts: [&str; 5]) {
    parts.into_iter().for_each(|part| text.extend_from_slice(part.as_bytes()));
}

fn is_quoted(chance: u64) -> bool {
    (chance >> 32).is_multiple_of(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_field_in_twenty_is_quoted_and_some_hold_line_feeds() {
        let (mut text, rows) = (HEADER.to_vec(), 20_000);
        Sales.block(&mut Rng::new(1), rows, &mut text);
        let quoted = text.windows(2).filter(|pair| pair == b",\"").count() as f64;
        let share = quoted / (rows * 12) as f64;
        assert!((0.045..0.055).contains(&share), "{share}");
        let fields: Vec<Vec<Vec<u8>>> = csv::Reader::from_reader(&text[..])
            .byte_records()
            .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
            .collect();
        assert!(fields.len() as u64 == rows && fields.iter().all(|fields| fields.len() == 12));
        let with = |byte: u8| fields.iter().flatten().filter(|field| field.contains(&byte)).count();
        assert!(with(b',') > 1000 && with(b'"') > 1000 && with(b'\n') > 1000);
    }
}
