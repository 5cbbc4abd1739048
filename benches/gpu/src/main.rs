//! Every kernel of pipe-gpu on the device of this machine, held against the reference; then how fast they are, beside their bars. For a machine that has
//! a GPU and no Rust: `cargo xtask cuda bundle` makes it, it needs the driver and glibc, and it prints its table last.
//!
//! With `quick` as its argument it measures little: to see in a minute that the kernels are right, or to try the program itself.

#![forbid(unsafe_code)]

mod bars;
#[path = "../../../crates/pipe-gpu/tests/device/mod.rs"]
mod device;
mod peers;
mod table;
mod work;

use bars::Sizes;
use pipe_gpu::{Gate, Gpu};
use std::process::ExitCode;

fn main() -> ExitCode {
    let sizes = match std::env::args().nth(1).as_deref() {
        None => Sizes::FULL,
        Some("quick") => Sizes::QUICK,
        Some(other) => {
            eprintln!("{other}: the only argument is `quick`, for smaller sizes");
            return ExitCode::FAILURE;
        }
    };
    // Columns and slots: two and a half times the numbers, and some more.
    let gpu = Gpu::new()
        .gate(Gate::Open)
        .strict()
        .device_memory((3 * sizes.column * size_of::<f32>()).max(64 << 20));
    let facts = match gpu.device_facts() {
        Ok(facts) => facts,
        Err(why) => {
            println!("SKIP kernels on a device: {why}");
            return ExitCode::SUCCESS;
        }
    };
    println!("{facts}");
    if let Err(wrong) = device::verify(&gpu) {
        println!("FAILED {wrong}");
        return ExitCode::FAILURE;
    }
    device::confirm(&facts);
    match bars::measure(&gpu, &sizes) {
        Ok(table) => {
            println!(
                "for benches/gpu/RESULTS.md:\n## {facts}, {}\n\n```text\n{table}\n```",
                device::date::today()
            );
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            println!("FAILED {wrong}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::device::date::date_of;

    #[test]
    fn days_become_dates_around_leap_days_and_ends_of_centuries() {
        let known = [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (789, "1972-02-29"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_780, "2026-11-23"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ];
        assert_eq!(known.map(|(days, _)| date_of(days)), known.map(|(_, date)| date.to_owned()));
    }
}
