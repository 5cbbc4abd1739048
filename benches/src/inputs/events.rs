//! Events as services log them: a JSON object a line, with an object and a list in it. Two in 100 are errors, and some that
//! are none speak of errors.

use super::{Generator, push_decimal};
use crate::rng::Rng;
use crate::tasks::ndjson_errors::Errors;

const SERVICES: [&str; 6] = ["checkout", "search", "basket", "login", "mail", "stock"];
const PATHS: [&str; 5] = ["/", "/api/v1/items", "/api/v1/orders/42", "/static/logo.png", "/größe"];
const MESSAGES: [&str; 8] = [
    "done",
    "cache miss",
    "slow query",
    r#"user said \"hello\""#,
    r"path C:\\temp\\x",
    r#"upstream logged {\"level\":\"ERROR\"} before"#,
    "retry after timeout",
    "temperature 20 °C",
];

pub(crate) struct Events;

impl Generator for Events {
    type Known = Errors;

    fn block(&self, rng: &mut Rng, rows: u64, text: &mut Vec<u8>) -> Errors {
        let mut errors = Errors::default();
        for _ in 0..rows {
            let chance = rng.next();
            let level = match chance % 100 {
                0..2 => "ERROR",
                2..10 => "WARN",
                10..80 => "INFO",
                _ => "DEBUG",
            };
            let (quarters, bytes) = (rng.below(20_000), rng.below(1 << 20));
            if level == "ERROR" {
                errors.merge(Errors { events: 1, latency_ms: quarters as f64 / 4.0, bytes });
            }
            push_event(text, chance >> 8, level, quarters, bytes);
        }
        errors
    }

    fn merge(&self, all: &mut Errors, block: Errors) {
        all.merge(block);
    }

    fn answer(&self, errors: &Errors) -> String {
        errors.to_string()
    }
}

fn push_event(text: &mut Vec<u8>, chance: u64, level: &str, quarters: u64, bytes: u64) {
    let of = |list: &[&'static str], bit: u32| list[(chance >> bit) as usize % list.len()];
    push(text, "{\"ts\":");
    push_decimal(text, 1_770_000_000_000 + (chance & 0xFFFF_FFFF));
    push(text, ",\"level\":\"");
    push(text, level);
    push(text, "\",\"service\":\"");
    push(text, of(&SERVICES, 4));
    push(text, "\",\"latency_ms\":");
    push_decimal(text, quarters / 4);
    push(text, [".0", ".25", ".5", ".75"][(quarters % 4) as usize]);
    push(text, ",\"http\":{\"method\":\"GET\",\"path\":\"");
    push(text, of(&PATHS, 12));
    push(text, "\",\"status\":");
    push(text, of(&["200", "304", "404", "500"], 20));
    push(text, ",\"bytes\":");
    push_decimal(text, bytes);
    push(text, "},\"tags\":[\"");
    push(text, of(&["eu", "us", "asia"], 24));
    push(text, "\",\"v2\"],\"message\":\"");
    push(text, of(&MESSAGES, 28));
    push(text, "\"}\n");
}

fn push(text: &mut Vec<u8>, part: &str) {
    text.extend_from_slice(part.as_bytes());
}
