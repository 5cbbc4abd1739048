//! An Apache access log in the combined format: a few pages get most of the requests, and one line in 1000 is cut short.

use super::{Generator, push_decimal};
use crate::rng::{Rng, mix};
use crate::tasks::access_log::answer;
use std::collections::HashMap;

const PATHS: u64 = 5000;

const WORDS: [&str; 16] = [
    "about",
    "archive",
    "basket",
    "blog",
    "catalogue",
    "contact",
    "docs",
    "events",
    "gallery",
    "help",
    "images",
    "news",
    "orders",
    "search",
    "static",
    "users",
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "curl/8.5.0",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
];
/// By chance in percent, cumulative.
const STATUSES: [(u64, u16); 6] = [(82, 200), (89, 304), (94, 404), (97, 301), (99, 403), (100, 500)];

pub(crate) struct AccessLog(Vec<String>);

impl AccessLog {
    pub(crate) fn new() -> Self {
        let word = |number: u64| WORDS[(number % WORDS.len() as u64) as usize];
        let path = |at: u64| format!("/{}/{}/{}.html", word(mix(at)), word(mix(at) >> 8), at);
        Self((0..PATHS).map(path).collect())
    }
}

impl Generator for AccessLog {
    type Known = HashMap<(usize, u16), u64>;

    fn block(&self, rng: &mut Rng, rows: u64, text: &mut Vec<u8>) -> Self::Known {
        let mut known = HashMap::new();
        for _ in 0..rows {
            let reach = rng.below(PATHS) + 1;
            let at = rng.below(reach) as usize;
            let percent = rng.below(100);
            let status =
                STATUSES.iter().find(|(below, _)| percent < *below).map_or(200, |(_, status)| *status);
            push_client(text, rng);
            text.extend_from_slice(b"\"GET ");
            text.extend_from_slice(self.0[at].as_bytes());
            if rng.below(1000) > 0 {
                push_rest(text, rng, status);
                *known.entry((at, status)).or_default() += 1;
            }
            text.push(b'\n');
        }
        known
    }

    fn merge(&self, all: &mut Self::Known, block: Self::Known) {
        block.into_iter().for_each(|(hit, count)| *all.entry(hit).or_default() += count);
    }

    fn answer(&self, known: &Self::Known) -> String {
        answer(known.iter().map(|((path, status), count)| (self.0[*path].as_bytes(), *status, *count)))
    }
}

/// `10.x.y.z - - [01/Feb/2026:hh:mm:ss +0000] `
fn push_client(text: &mut Vec<u8>, rng: &mut Rng) {
    let chance = rng.next();
    text.extend_from_slice(b"10");
    for part in 0..3 {
        text.push(b'.');
        push_decimal(text, (chance >> (8 * part)) & 255);
    }
    text.extend_from_slice(b" - - [");
    let (day, second) = ((chance >> 24) % 28 + 1, (chance >> 32) % 86_400);
    push_two(text, day);
    text.extend_from_slice(b"/Feb/2026");
    for field in [second / 3600, second / 60 % 60, second % 60] {
        text.push(b':');
        push_two(text, field);
    }
    text.extend_from_slice(b" +0000] ");
}

fn push_two(text: &mut Vec<u8>, number: u64) {
    text.extend_from_slice(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
}

fn push_rest(text: &mut Vec<u8>, rng: &mut Rng, status: u16) {
    text.extend_from_slice(b" HTTP/1.1\" ");
    push_decimal(text, u64::from(status));
    text.push(b' ');
    push_decimal(text, rng.below(100_000));
    text.extend_from_slice(b" \"-\" \"");
    text.extend_from_slice(AGENTS[rng.below(AGENTS.len() as u64) as usize].as_bytes());
    text.push(b'"');
}
