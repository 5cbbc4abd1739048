//! The program against a naive one, on every executor.

use docs::stations::{Crowded, Malformed, Reading, STATIONS_MOST, Stations, reading, totals};
use pipe_core::testing::Rng;
use pipe_core::{Inline, Report, Run, RunError};
use pipe_parallel::Parallel;
use pipe_stream::Lines;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Read};
use std::time::Duration;

/// What the program prints, on each executor and with buffers that cut lines anywhere: the same from all.
fn printed(text: &str) -> Result<String, Box<dyn Error>> {
    let lines = |buffer: usize| Lines::from_reader(text.as_bytes()).buffer(buffer);
    let inline = totals(lines(1 << 16), &Inline, &Run::new()).map(|report| report.value.to_string());
    for (workers, buffer) in [(1, 100), (2, 7), (2, 1 << 16), (4, 1_000)] {
        let parallel = Parallel::new().workers(workers).memory_limit(1 << 20);
        let parallel = totals(lines(buffer), &parallel, &Run::new()).map(|report| report.value.to_string());
        match (&inline, &parallel) {
            (Ok(inline), Ok(parallel)) => assert_eq!(inline, parallel, "{workers} workers"),
            (Err(inline), Err(parallel)) => assert_eq!(inline.to_string(), parallel.to_string()),
            _ => panic!("{inline:?} on one, {parallel:?} on {workers} workers"),
        }
    }
    inline
}

/// The plain program: all values of a station in a list.
fn naive(text: &str) -> String {
    let mut stations: BTreeMap<&[u8], Vec<i64>> = BTreeMap::new();
    for line in text.lines() {
        let (name, value) = line.rsplit_once(';').unwrap();
        let tenths = value.replace('.', "").parse().unwrap();
        stations.entry(name.as_bytes()).or_default().push(tenths);
    }
    let show = |tenths: i64| format!("{:.1}", tenths as f64 / 10.0);
    let station = |(name, values): (&&[u8], &Vec<i64>)| {
        let (sum, count) = (values.iter().sum::<i64>(), values.len() as i64);
        // The nearest tenth, the higher one of two: it is the highest that is at most half a tenth above the mean.
        let near = sum / count;
        let mean = (near - 2..=near + 2).filter(|tenths| (2 * tenths - 1) * count <= 2 * sum).max().unwrap();
        let (lowest, highest) = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
        format!("{}={}/{}/{}", str::from_utf8(name).unwrap(), show(lowest), show(mean), show(highest))
    };
    format!("{{{}}}", stations.iter().map(station).collect::<Vec<_>>().join(", "))
}

#[test]
fn random_inputs_give_what_the_naive_program_gives() {
    let alphabet: Vec<char> = "aAbBzZ äéßØ日本😀;-.0'".chars().collect();
    for seed in 0..30 {
        let mut rng = Rng::new(seed);
        let names: Vec<String> = (0..=rng.below(40))
            .map(|_| {
                (0..=rng.below(20)).map(|_| alphabet[rng.below(alphabet.len() as u64) as usize]).collect()
            })
            .collect();
        let mut text = String::new();
        for _ in 0..rng.below(3_000) {
            let name = &names[rng.below(names.len() as u64) as usize];
            let tenths = rng.below(1_999) as i64 - 999;
            let sign = if tenths < 0 { "-" } else { "" };
            let size = tenths.abs();
            text += &format!("{name};{sign}{}.{}\n", size / 10, size % 10);
        }
        if rng.below(2) == 0 {
            text.pop();
        }
        assert_eq!(printed(&text).unwrap(), naive(&text), "seed {seed}");
    }
}

#[test]
fn a_mean_is_rounded_to_the_nearest_tenth_and_halves_upwards() {
    let check = |values: &[&str], expected: &str| {
        let text: String = values.iter().map(|value| format!("x;{value}\n")).collect();
        let printed = printed(&text).unwrap();
        let mean = printed.split('/').nth(1).unwrap();
        assert_eq!(mean, expected, "of {values:?}");
        assert_eq!(printed, naive(&text));
    };
    check(&["0.1", "0.0"], "0.1"); // 0.05
    check(&["-0.1", "0.0"], "0.0"); // -0.05
    check(&["-0.1", "-0.2"], "-0.1"); // -0.15
    check(&["0.1", "0.2"], "0.2"); // 0.15
    check(&["-0.1", "0.0", "0.0"], "0.0"); // -0.033
    check(&["-0.1", "-0.1", "0.0"], "-0.1"); // -0.067
    check(&["0.1", "0.0", "0.0", "0.0"], "0.0"); // 0.025
    check(&["-0.3", "0.0", "0.0", "0.0"], "-0.1"); // -0.075
    check(&["-99.9", "99.9"], "0.0");
    check(&["99.9", "99.8"], "99.9"); // 99.85
    check(&["-99.9", "-99.8"], "-99.8"); // -99.85
    check(&["-0.0"], "0.0");
    check(&["99999999.9"], "99999999.9");
}

#[test]
fn names_are_sorted_by_their_bytes_and_no_lines_are_no_stations() {
    assert_eq!(printed("").unwrap(), "{}");
    let text = "b;1.0\nä;1.0\nB;1.0\na;1.0\nab;1.0\n日;1.0\nz;1.0\n";
    let expected = ["B", "a", "ab", "b", "z", "ä", "日"].map(|name| format!("{name}=1.0/1.0/1.0")).join(", ");
    assert_eq!(printed(text).unwrap(), format!("{{{expected}}}"));
}

#[test]
fn a_line_is_a_name_and_a_value_with_one_digit_behind_the_point() {
    let good = |line: &str, name: &str, tenths: i32| {
        assert_eq!(reading(line.as_bytes()), Ok(Reading { name: name.as_bytes(), tenths }), "{line}");
    };
    good("Hamburg;12.3", "Hamburg", 123);
    good("a;-0.0", "a", 0);
    good("a;b;-99.9", "a;b", -999);
    good("-;0.1", "-", 1);
    good("x;00000000.1", "x", 1);
    good(&format!("{};1.0", "é".repeat(50)), &"é".repeat(50), 10);
    let bad = |line: &str, why: Malformed| assert_eq!(reading(line.as_bytes()), Err(why), "{line}");
    for line in [
        "", ";", "a", "a;", "a;1", "a;1.", "a;.1", "a;-.1", "a;1.23", "a;+1.0", "a;--1.0", "a;1.0 ",
        "a;1.0\r",
    ] {
        bad(line, Malformed::Value);
    }
    for line in ["1.0", "-1.0", "a;1,0", "a; 1.0", "a;1-1.0", "a;123456789.0", "a;\u{661}.0"] {
        bad(line, Malformed::Value);
    }
    bad(";1.0", Malformed::Length);
    bad(&format!("{};1.0", "x".repeat(101)), Malformed::Length);
}

#[test]
fn the_first_malformed_line_ends_the_run_with_its_byte() {
    let mut text = "Hamburg;12.3\n".repeat(5_000);
    text += "Hamburg;\n";
    text += &"Hamburg;12.3\n".repeat(5_000);
    text += "worse\n";
    let error = printed(&text).unwrap_err();
    let expected = "stage reading failed at 65000: the line does not end in a value such as ;-12.3";
    assert_eq!(error.to_string(), expected);
    let error: &RunError = error.downcast_ref().unwrap();
    assert_eq!(error.stage_error(), Some(&Malformed::Value));
}

#[test]
fn ten_thousand_stations_are_kept_and_one_more_is_an_error() {
    let mut text: String = (0..STATIONS_MOST).map(|n| format!("station {n};1.0\n")).collect();
    assert_eq!(printed(&text).unwrap(), naive(&text));
    text += "one more;1.0\n";
    assert!(printed(&text).unwrap_err().is::<Crowded>());
}

/// Ends the run in a way of the test's choice at its tenth read, and has no end of its own.
struct Endless {
    run: Run,
    end: fn(&Run),
    reads: usize,
}

impl Read for Endless {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads == 10 {
            (self.end)(&self.run);
        }
        (&b"a;1.0\n"[..]).read(room)
    }
}

/// What the program gives on each executor, where its run is ended like this.
fn ended(end: fn(&Run)) -> [Result<Report<Stations>, Box<dyn Error>>; 2] {
    let lines = |run: &Run| Lines::from_reader(Endless { run: run.clone(), end, reads: 0 });
    let (inline, parallel) = (Run::new(), Run::new());
    [
        totals(lines(&inline), &Inline, &inline),
        totals(lines(&parallel), &Parallel::new().workers(2), &parallel),
    ]
}

#[test]
fn a_cancelled_run_ends_and_says_so() {
    for ended in ended(Run::cancel) {
        let error = ended.unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(RunError::Cancelled)), "{error}");
    }
}

#[test]
fn a_drained_run_gives_the_totals_of_what_was_read() {
    for ended in ended(|run| run.drain(Duration::from_secs(3_600))) {
        let report = ended.unwrap();
        assert!(report.drained && (9..=10).contains(&report.taken()), "{} lines", report.taken());
        assert_eq!(report.value.to_string(), "{a=1.0/1.0/1.0}");
    }
}

#[test]
fn no_worker_is_a_config_error() {
    let lines = Lines::from_reader(&b"a;1.0\n"[..]);
    let error = totals(lines, &Parallel::new().workers(0), &Run::new()).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(RunError::Config { field: "workers", .. })), "{error}");
}
