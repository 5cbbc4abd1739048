//! Every kernel of pipe-gpu on the device of this machine, held against the reference; then how fast they are, beside their bars. For a machine that has
//! a GPU and no Rust: `cargo xtask cuda bundle` makes it, it needs the driver and glibc, and it prints its table last.
//!
//! With `quick` as its argument it verifies nothing and measures little: to try the program itself.

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
    if !sizes.is_quick() {
        if let Err(wrong) = device::verify(&gpu) {
            println!("FAILED {wrong}");
            return ExitCode::FAILURE;
        }
        device::confirm(&facts);
    }
    match bars::measure(&gpu, &sizes) {
        Ok(table) => {
            println!("{facts}\n{table}");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            println!("FAILED {wrong}");
            ExitCode::FAILURE
        }
    }
}
