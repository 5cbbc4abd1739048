#![no_main]

#[path = "../../tests/fuzzed/mod.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|case: &[u8]| fuzzed::check(fuzzed::Kind::Newline, case));
