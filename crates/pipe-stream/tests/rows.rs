//! Lines through what pipe-core does with rows: headers, first rows, dead letters, attempts, fan-in.

use pipe_core::{Inline, Position, concat, dead_letters, exponential, from_source, merge, skip};
use pipe_stream::{Line, Lines, Text};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

const CSV: &str = "city;degrees\nOslo;-3\nRom;x\n\nLima;21\nBonn;y";

fn degrees(line: &[u8]) -> Result<i64, String> {
    let text = str::from_utf8(line).map_err(|error| error.to_string())?;
    let (city, degrees) = text.split_once(';').ok_or("no semicolon")?;
    degrees.parse().map_err(|_| format!("{city} has no degrees"))
}

/// The same input in reads and batches of every size.
fn for_every_size(check: impl Fn(usize)) {
    (1..CSV.len() + 2).for_each(check);
}

fn lines(bytes: usize) -> Lines<&'static [u8]> {
    Lines::from_reader(CSV.as_bytes()).buffer(bytes)
}

#[test]
fn the_header_of_a_table_is_left_out_and_its_first_rows_are_taken() {
    let rows: Vec<&str> = CSV.split('\n').collect();
    for_every_size(|bytes| {
        for left_out in 0..8 {
            for taken in 0..8 {
                let (skipped, most) = (left_out as u64, taken as u64);
                let text = lines(bytes).pipeline().skip_rows(skipped).take_rows(most).map(<[u8]>::to_vec);
                let seen = text.collect().run_on(&Inline).unwrap().value;
                let expected: Vec<&[u8]> =
                    rows.iter().skip(left_out).take(taken).map(|row| row.as_bytes()).collect();
                assert_eq!(seen, expected);

                let places = lines(bytes).positioned().pipeline().skip_rows(skipped).take_rows(most);
                let places = places.map(|line: Line| line.at).collect().run_on(&Inline).unwrap().value;
                assert!(
                    places
                        .iter()
                        .zip(&expected)
                        .all(|(at, row)| CSV.as_bytes()[*at as usize..].starts_with(row))
                );
                assert_eq!(places.len(), expected.len());
            }
        }
    });
}

#[test]
fn dead_letters_carry_the_line() {
    let expected = [(21, "Rom;x"), (27, ""), (36, "Bonn;y")];
    for_every_size(|bytes| {
        for attempts in [None, Some(2)] {
            let letters = std::sync::Arc::new(Mutex::new(Vec::new()));
            let log = letters.clone();
            let write = move |letter: &pipe_core::DeadLetter<'_>| {
                let record = String::from_utf8(letter.record.unwrap().to_vec()).unwrap();
                log.lock().unwrap().push((letter.at.unwrap(), record));
            };
            let parsed = lines(bytes).pipeline().skip_rows(1).try_map(degrees).on_error(dead_letters(write));
            let sum = match attempts {
                None => parsed.collect().run_on(&Inline),
                Some(attempts) => {
                    parsed.retry(exponential(attempts).first(Duration::ZERO)).collect().run_on(&Inline)
                }
            };
            assert_eq!(sum.unwrap().value, [-3, 21]);
            let letters = letters.lock().unwrap();
            assert!(letters.iter().map(|(at, text)| (at.raw(), text.as_str())).eq(expected), "{letters:?}");
        }
    });
}

#[test]
fn a_line_is_read_again_for_each_attempt() {
    let calls = AtomicU32::new(0);
    // The first two attempts of each line fail.
    let flaky = |line: &[u8]| if calls.fetch_add(1, Relaxed) % 3 == 2 { Ok(line.len()) } else { Err("busy") };
    let lengths = Text::new(CSV.into()).pipeline().try_map(flaky).retry(exponential(3).first(Duration::ZERO));
    let lengths = lengths.collect().run_on(&Inline).unwrap().value;
    assert_eq!(lengths, CSV.split('\n').map(str::len).collect::<Vec<_>>());
}

#[test]
fn files_are_read_one_after_the_other_or_in_turn_and_a_letter_names_the_file() {
    for_every_size(|bytes| {
        let inputs = || [lines(bytes), lines(CSV.len())];
        let all = from_source(concat(inputs()))
            .try_map(degrees)
            .on_error(skip())
            .collect()
            .run_on(&Inline)
            .unwrap();
        assert_eq!(all.value, [-3, 21, -3, 21]);

        let letters = std::sync::Arc::new(Mutex::new(Vec::new()));
        let log = letters.clone();
        let write = move |letter: &pipe_core::DeadLetter<'_>| {
            log.lock().unwrap().push((letter.at.unwrap(), letter.record.map(<[u8]>::to_vec)));
        };
        let merged = from_source(merge(inputs())).try_map(degrees).on_error(dead_letters(write)).collect();
        assert_eq!(merged.run_on(&Inline).unwrap().value.len(), 4);
        let mut letters = letters.lock().unwrap();
        letters.sort();
        let one = |input| {
            [(0, "city;degrees"), (21, "Rom;x"), (27, ""), (36, "Bonn;y")]
                .map(|(at, text)| (Position::from_raw(at).of_input(input), Some(text.as_bytes().to_vec())))
        };
        assert_eq!(*letters, [one(0), one(1)].concat());
    });
}
