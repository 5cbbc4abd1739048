//! Every kernel on the device of this machine, held against the reference. Skipped where there is no device.
//!
//! A program without a harness, so that it can say so in one line. `cargo xtask cuda bundle` packs the same for a machine without Rust, with a
//! benchmark, but without the two kernels of one's own, which are examples.

mod device;
mod own;

use pipe_gpu::{Gate, Gpu};
use std::process::ExitCode;

fn main() -> ExitCode {
    let gpu = Gpu::new().gate(Gate::Open).strict();
    let facts = match gpu.device_facts() {
        Ok(facts) => facts,
        Err(why) => {
            println!("SKIP kernels on a device: {why}");
            return ExitCode::SUCCESS;
        }
    };
    println!("{facts}");
    if let Err(wrong) = device::verify(&gpu).and_then(|()| verify_own(&gpu)) {
        println!("FAILED {wrong}");
        return ExitCode::FAILURE;
    }
    device::confirm(&facts);
    // The driver compiles them from their text, whichever device it is.
    for kernel in ["custom_median_f32", "custom_steps_i32"] {
        device::confirm_one(&facts, "custom.compute_75.ptx", kernel);
    }
    ExitCode::SUCCESS
}

/// Kernels of one's own: those that are there are equal on both, and one that is not is refused.
fn verify_own(gpu: &Gpu) -> Result<(), String> {
    gpu.check(&own::Median, |n| (n % 1_013) as f32 * 0.37 - 150.0).map_err(|error| error.to_string())?;
    gpu.check(&own::STEPS, |n| n as i32 - 20).map_err(|error| error.to_string())?;
    match gpu.check(&own::Missing, |n| n as f32) {
        Ok(()) => Err("a function that is not there was computed".to_owned()),
        Err(_) => Ok(()),
    }
}
