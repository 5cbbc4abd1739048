//! A picture through numeric kernels, in strips, with SIMD, on one thread or several.
//!
//! ```text
//! cargo run --release -p docs --example image -- [--show grey|blur|edges] [--on inline|parallel] [--workers N] [--report] IN OUT.png
//! ```
//!
//! IN is a PNG, or a PPM with 8 bits. Writes OUT.png, and prints how many pixels there are of each brightness, in 16 steps.
//!
//! The pipeline is [`docs::image::shown`]: it is written once and does not know where it runs.

use clap::Parser;
use docs::image::{self, Image, Show};
use docs::program;
use pipe_cache::Tiled;
use pipe_core::{Executor, Report};
use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Grey, blurred, or the edges of a picture
#[derive(Parser)]
#[command(name = "image")]
struct CommandLine {
    /// What to make of the picture
    #[arg(long, value_enum, default_value = "edges")]
    show: Show,
    #[command(flatten)]
    args: program::Args,
    /// The PNG to write
    out: PathBuf,
}

fn main() -> ExitCode {
    let command = CommandLine::parse();
    program::finish("image", &command.args, run(&command))
}

fn run(CommandLine { show, args, out }: &CommandLine) -> Result<Report<String>, Box<dyn Error>> {
    let executor = args.executor().kernels(Tiled::new());
    let image = Image::open(args.path().ok_or("a picture is read from a file")?)?;
    let report = image::shown(&image, *show, image::ROWS, &executor)?;
    image::write_grey(out, image.width(), &report.value)?;
    let mut said = String::new();
    for (step, pixels) in image::histogram(&image, image::ROWS, &executor)?.counts().iter().enumerate() {
        writeln!(said, "{:3} to {:3}\t{pixels}", step * 16, step * 16 + 15)?;
    }
    Ok(report.map(|_| said))
}
