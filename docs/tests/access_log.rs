//! The program against what the generator of its input knows, on every executor.

use docs::access_log::{self, Access, Entry, LISTED_MOST, Malformed, summary};
use pipe_core::testing::Rng;
use pipe_core::{Inline, Run};
use pipe_parallel::Parallel;
use pipe_stream::{DeadLetterFile, Lines, Replay};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the program prints, on each executor and with buffers that cut lines anywhere: the same from all.
fn printed(text: &str) -> String {
    let lines = |buffer: usize| Lines::from_reader(text.as_bytes()).buffer(buffer);
    let inline = summary(lines(1 << 16), None, &Inline, &Run::new()).unwrap().value.to_string();
    for (workers, buffer) in [(1, 100), (2, 7), (2, 1 << 16), (4, 1_000)] {
        let parallel = Parallel::new().workers(workers).memory_limit(1 << 20);
        let parallel = summary(lines(buffer), None, &parallel, &Run::new()).unwrap();
        assert_eq!(parallel.value.to_string(), inline, "{workers} workers");
    }
    inline
}

/// Lines, and what they should be counted as.
#[derive(Default)]
struct Made {
    text: String,
    requests: BTreeMap<(String, u64), (u64, u64)>,
    errors: BTreeMap<&'static str, u64>,
    malformed: Vec<usize>,
}

impl Made {
    fn line(&mut self, rng: &mut Rng) {
        let pick = |rng: &mut Rng, from: &[&'static str]| from[rng.below(from.len() as u64) as usize];
        match rng.below(10) {
            0 => {
                self.malformed.push(self.text.len());
                self.text +=
                    pick(rng, &["", "?", "[half", "a b c d e", "127.0.0.1 - - [now] \"GET / HTTP/1.1\" 200"]);
            }
            1..=3 => {
                let level = pick(rng, &["error", "notice", "warn", "trace8"]);
                let module = pick(rng, &["", "core:", "mod_jk.c:"]);
                *self.errors.entry(level).or_default() += 1;
                self.text += "[Sun Dec 04 04:47:44 2005] ";
                write!(self.text, "[{module}{level}] [client ::1] state [6] \"\\").unwrap();
            }
            _ => {
                let path = pick(rng, &["/", "/a", "/a/b", "/ä", "*", "/with\\\"quote"]);
                let query = pick(rng, &["", "?", "?q=1&r=[2]"]);
                let status = 200 + rng.below(5);
                let bytes = rng.below(100_000);
                let answers = self.requests.entry((path.to_owned(), status)).or_default();
                answers.0 += 1;
                let size = if bytes.is_multiple_of(7) { "-".to_owned() } else { bytes.to_string() };
                answers.1 += if bytes.is_multiple_of(7) { 0 } else { bytes };
                let user = pick(rng, &["-", "john", "john doe"]);
                write!(self.text, "::1 - {user} [10/Oct/2000:13:55:36 -0700] ").unwrap();
                write!(self.text, "\"GET {path}{query} HTTP/1.0\" {status} {size}").unwrap();
                self.text += pick(rng, &["", " \"-\" \"-\"", " \"http://x/[?]\" \"Mozilla/4.08 [en] \\\\\""]);
            }
        }
        self.text += pick(rng, &["\n", "\r\n"]);
    }

    fn expected(&self) -> String {
        let mut lines = String::new();
        for ((path, status), (requests, bytes)) in &self.requests {
            writeln!(lines, "request\t{path}\t{status}\t{requests}\t{bytes}").unwrap();
        }
        for (level, count) in &self.errors {
            writeln!(lines, "error\t{level}\t{count}").unwrap();
        }
        if !self.malformed.is_empty() {
            writeln!(lines, "malformed\t{}", self.malformed.len()).unwrap();
        }
        for at in self.malformed.iter().take(LISTED_MOST) {
            writeln!(lines, "malformed at byte\t{at}").unwrap();
        }
        lines
    }
}

#[test]
fn random_mixes_of_formats_give_what_was_put_in() {
    for seed in 0..30 {
        let mut rng = Rng::new(seed);
        let mut made = Made::default();
        for _ in 0..rng.below(1_000) {
            made.line(&mut rng);
        }
        assert_eq!(printed(&made.text), made.expected(), "seed {seed}");
    }
}

fn entry(line: &[u8]) -> Entry<'_> {
    access_log::entry(line).unwrap()
}

#[test]
fn common_and_combined_lines_are_requests() {
    let check = |line: &str, path: &str, status: u16, bytes: u64| {
        let expected = Access { path: path.as_bytes(), status, bytes };
        assert_eq!(entry(line.as_bytes()), Entry::Access(expected), "{line}");
    };
    check(
        "127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /apache_pb.gif HTTP/1.0\" 200 2326",
        "/apache_pb.gif",
        200,
        2326,
    );
    check("h - - [t] \"POST /a?b=c HTTP/2.0\" 304 - \"-\" \"curl/8\"\r", "/a", 304, 0);
    check("h - - [t] \"GET /old\" 200 1", "/old", 200, 1);
    check("h - - [t] \"-\" 408 -", "-", 408, 0);
    check("h - - [t] \"\\x16\\x03\\x01\" 400 226", "\\x16\\x03\\x01", 400, 226);
    check("h - - [t] \"GET /\\\" \\\\ HTTP/1.0\" 200 1", "/\\\"", 200, 1);
    check("h - - [t] \"\" 400 0", "", 400, 0);
}

#[test]
fn lines_of_error_logs_have_their_level() {
    let check =
        |line: &str, level: &'static str| assert_eq!(entry(line.as_bytes()), Entry::Error(level), "{line}");
    check(
        "[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok /etc/httpd/conf/workers2.properties",
        "notice",
    );
    check("[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6", "error");
    check(
        "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187] no",
        "error",
    );
    check("[t] [ssl:trace1] x", "trace1");
    check("[t] [warn]", "warn");
}

#[test]
fn everything_else_is_malformed() {
    for line in [
        &b""[..],
        b"\r",
        b"\xff\xfe",
        b"[",
        b"[t]",
        b"[t] [",
        b"[t] [loud] x",
        b"[t][error] x",
        b"h - - [t] \"GET / HTTP/1.0\" 200",
        b"h - - [t] \"GET / HTTP/1.0\" 200 ",
        b"h - - [t] \"GET / HTTP/1.0\" 200 1x",
        b"h - - [t] \"GET / HTTP/1.0\" 99 1",
        b"h - - [t] \"GET / HTTP/1.0\" 1000 1",
        b"h - - [t] \"GET / HTTP/1.0\" 200 99999999999999999999",
        b"h - - [t] \"GET / HTTP/1.0\" 200 1 \"-\"",
        b"h - - [t] \"GET / HTTP/1.0\" 200 1 \"-\" \"-\" more",
        b"h - - [t] \"GET / HTTP/1.0 200 1",
        b"h - - [t] \"GET / HTTP/1.0\\",
        b"h - - [t \"GET / HTTP/1.0\" 200 1",
        b"h - - t \"GET / HTTP/1.0\" 200 1",
    ] {
        assert_eq!(access_log::entry(line), Err(Malformed), "{}", line.escape_ascii());
    }
}

#[test]
fn no_cut_of_a_line_panics() {
    let line = b"h - - [t] \"GET /\\\" \\\\ HTTP/1.0\" 200 12 \"http://x\" \"a \\\" b\"";
    for from in 0..line.len() {
        for to in from..=line.len() {
            let _ = access_log::entry(&line[from..to]);
        }
    }
}

#[test]
fn only_the_first_malformed_lines_are_listed_whoever_meets_them() {
    let text = "?\n".repeat(10_000);
    let printed = printed(&text);
    let listed: Vec<&str> = printed.lines().skip(1).collect();
    assert!(printed.starts_with("malformed\t10000\n"));
    let expected: Vec<String> =
        (0..LISTED_MOST).map(|line| format!("malformed at byte\t{}", line * 2)).collect();
    assert_eq!(listed, expected);
}

#[test]
fn what_others_sent_is_printed_without_its_control_characters() {
    let text = "h - - [t] \"GET /\x1b[31m\t\u{7f} HTTP/1.0\" 200 1\n";
    assert_eq!(printed(text), "request\t/\\u{1b}[31m\\t\\u{7f}\t200\t1\t1\n");
}

#[test]
fn malformed_lines_are_written_down_and_can_be_sent_through_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.ndjson");
    let text = "?\n".repeat(500) + "[t] [warn] x\n" + &"\u{fffd}\n".repeat(500);
    for workers in [1, 3] {
        let letters = DeadLetterFile::append(&path).unwrap();
        let lines = Lines::from_reader(text.as_bytes()).buffer(64);
        let report = summary(lines, Some(letters), &Parallel::new().workers(workers), &Run::new()).unwrap();
        assert!(
            report.value.to_string().starts_with("error\twarn\t1\nmalformed\t1000\nmalformed at byte\t0\n")
        );
        let again = Replay::open(&path).unwrap().pipeline().map(<[u8]>::to_vec).collect();
        let mut again = again.run_on(&Inline).unwrap().value;
        again.sort();
        let mut expected = [vec![b"?".to_vec(); 500], vec!["\u{fffd}".as_bytes().to_vec(); 500]].concat();
        expected.sort();
        assert_eq!(again, expected, "{workers} workers");
        std::fs::remove_file(&path).unwrap();
    }
}
