//! A sound through a filter: how loud it is over time, before and behind a low-pass.
//!
//! It is read, filtered and measured block by block, so memory does not grow with its length. A filter looks back, so a block begins with the
//! last numbers of the one before.

use pipe_core::kernel::{Fir, Kernel, KernelWorker, Program};
use pipe_core::{BlockingExecutor, BoxError, Report, RunError, from_iter};
use plotters::prelude::{
    BLACK, ChartBuilder, Color, IntoDrawingArea, LineSeries, PathElement, RGBColor, SVGBackend,
    SeriesLabelPosition, WHITE,
};
use std::error::Error;
use std::f64::consts::PI;
use std::io::Read;
use std::path::Path;

/// A second of loudness has so many frames; each is the root of the mean square of its numbers.
const FRAMES_PER_SECOND: usize = 50;

/// How many frames a block has: two seconds of sound.
const FRAMES_OF_BLOCK: usize = 100;

/// A low-pass: what is to be left of a sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LowPass {
    /// In Hz: tones above are damped.
    pub cutoff: f64,
    /// How many taps it has, an odd number: more of them make it steeper.
    pub taps: usize,
}

impl LowPass {
    /// The taps for so many numbers per second: the impulse response of an ideal one, cut off by a Hamming window, one in sum.
    ///
    /// # Errors
    /// The cutoff is not between 0 and half the rate, or the number of taps is even or above 4,095.
    fn taps(&self, rate: u32) -> Result<Vec<f32>, RunError> {
        let refused = |field, value, why| Err(RunError::Config { field, value, why });
        if !(self.cutoff > 0.0 && self.cutoff < f64::from(rate) / 2.0) {
            return refused(
                "cutoff",
                self.cutoff.to_string(),
                "it is between 0 Hz and half the rate of the sound",
            );
        }
        if self.taps.is_multiple_of(2) || self.taps > 4_095 {
            return refused("taps", self.taps.to_string(), "it is an odd number up to 4,095");
        }
        let (turn, last) = (2.0 * PI * self.cutoff / f64::from(rate), (self.taps - 1) as f64);
        let tap = |k: usize| {
            let from_centre = k as f64 - last / 2.0;
            let ideal = if from_centre == 0.0 { turn } else { (turn * from_centre).sin() / from_centre };
            let window = 0.54 - 0.46 * (2.0 * PI * k as f64 / last.max(1.0)).cos();
            ideal * window
        };
        let taps: Vec<f64> = (0..self.taps).map(tap).collect();
        let sum: f64 = taps.iter().sum();
        Ok(taps.iter().map(|tap| (tap / sum) as f32).collect())
    }
}

/// How loud a sound is, frame by frame; 1 is the loudness of the greatest numbers there are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loudness {
    /// As it is.
    pub before: Vec<f32>,
    /// Behind the low-pass.
    pub behind: Vec<f32>,
}

impl Loudness {
    /// The seconds at which a frame begins.
    pub fn seconds(frame: usize) -> f64 {
        frame as f64 / FRAMES_PER_SECOND as f64
    }

    /// The root of the mean square of all frames.
    pub fn overall(frames: &[f32]) -> f64 {
        let squares: f64 = frames.iter().map(|rms| f64::from(*rms).powi(2)).sum();
        (squares / frames.len().max(1) as f64).sqrt()
    }
}

/// Measures a sound before and behind the low-pass, on any executor. What is behind the last whole frame is left out.
///
/// # Errors
/// The sound is none that can be read, or has fewer than 50 numbers per second; the low-pass makes no sense for it; what the executor could
/// not do.
pub fn loudness<'p>(
    sound: impl Read + Send + 'p,
    low_pass: LowPass,
    executor: &impl BlockingExecutor<'p>,
) -> Result<Report<Loudness>, Box<dyn Error>> {
    let sound = hound::WavReader::new(sound)?;
    let rate = sound.spec().sample_rate;
    let frame = rate as usize / FRAMES_PER_SECOND;
    if frame == 0 {
        return Err(format!("{rate} numbers per second are fewer than {FRAMES_PER_SECOND}").into());
    }
    let fir = Fir::new(low_pass.taps(rate)?)?;
    let before = fir.taps().len() - 1;
    let blocks = Blocks { numbers: mono(sound), size: frame * FRAMES_OF_BLOCK, tail: vec![0.0; before] };
    let read = from_iter(blocks).try_map(|block| block).named("read");
    let report = read.transform(Measure { fir, frame }).collect().run_on(executor)?;
    Ok(report.map(|frames| {
        let (before, behind) = frames.concat().into_iter().unzip();
        Loudness { before, behind }
    }))
}

/// The numbers of a sound between -1 and 1, all channels as one.
type Numbers<'p> = Box<dyn Iterator<Item = Result<f32, hound::Error>> + Send + 'p>;

fn mono<'p>(sound: hound::WavReader<impl Read + Send + 'p>) -> Numbers<'p> {
    let spec = sound.spec();
    let channels = usize::from(spec.channels.max(1));
    let mut numbers: Numbers<'p> = match spec.sample_format {
        hound::SampleFormat::Float => Box::new(sound.into_samples::<f32>()),
        hound::SampleFormat::Int => {
            let scale = 0.5_f32.powi(i32::from(spec.bits_per_sample) - 1);
            Box::new(sound.into_samples::<i32>().map(move |number| Ok(number? as f32 * scale)))
        }
    };
    Box::new(std::iter::from_fn(move || {
        let all: Result<Vec<f32>, _> = numbers.by_ref().take(channels).collect();
        match all {
            Ok(all) if all.len() < channels => None,
            Ok(all) => Some(Ok(all.iter().sum::<f32>() / channels as f32)),
            Err(error) => Some(Err(error)),
        }
    }))
}

/// A sound in blocks. Each begins with as many numbers of the one before as the filter looks back, silence in front of the first one.
struct Blocks<'p> {
    numbers: Numbers<'p>,
    /// How many are new in a block; the last one may have fewer.
    size: usize,
    tail: Vec<f32>,
}

impl Iterator for Blocks<'_> {
    type Item = Result<Vec<f32>, hound::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut block = self.tail.clone();
        for number in self.numbers.by_ref().take(self.size) {
            match number {
                Ok(number) => block.push(number),
                Err(error) => return Some(Err(error)),
            }
        }
        let fresh = block.len() - self.tail.len();
        self.tail.copy_from_slice(&block[fresh..]);
        (fresh > 0).then_some(Ok(block))
    }
}

/// Of each whole frame of a block how loud it is, and how loud behind the filter: a kernel of our own, put together of the runner's.
struct Measure {
    fir: Fir<f32>,
    frame: usize,
}

impl Kernel<f32> for Measure {
    type Out = (f32, f32);

    fn compute(
        &self,
        worker: &mut dyn KernelWorker<f32>,
        block: &[f32],
        out: &mut Vec<(f32, f32)>,
    ) -> Result<(), BoxError> {
        let mut filtered = Vec::new();
        self.fir.compute(worker, block, &mut filtered)?;
        let fresh = &block[block.len() - filtered.len()..];
        for (before, behind) in fresh.chunks_exact(self.frame).zip(filtered.chunks_exact(self.frame)) {
            out.push((root_mean_square(worker, before)?, root_mean_square(worker, behind)?));
        }
        Ok(())
    }
}

fn root_mean_square(worker: &mut dyn KernelWorker<f32>, frame: &[f32]) -> Result<f32, BoxError> {
    let mut squares = frame.to_vec();
    worker.run(&Program::new().square(), &mut squares)?;
    Ok((worker.sum(&squares)? / frame.len() as f64).sqrt() as f32)
}

/// Draws how loud a sound is over time, before the low-pass and behind it, as SVG.
///
/// # Errors
/// The file cannot be written.
pub fn plot(path: &Path, loudness: &Loudness, low_pass: LowPass) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(path, (960, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let seconds = Loudness::seconds(loudness.before.len()).max(0.02);
    let most = loudness.before.iter().chain(&loudness.behind).fold(0.01_f32, |most, rms| most.max(*rms));
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .caption(format!("Loudness, and what is left of it below {} Hz", low_pass.cutoff), ("sans-serif", 20))
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..seconds, 0.0..most * 1.1)?;
    chart
        .configure_mesh()
        .x_desc("seconds")
        .y_desc("root of the mean square")
        .light_line_style(WHITE)
        .draw()?;
    for (name, frames, colour) in [
        ("before", &loudness.before, RGBColor(170, 170, 170)),
        ("behind", &loudness.behind, RGBColor(0, 90, 170)),
    ] {
        let points = frames.iter().enumerate().map(|(frame, rms)| (Loudness::seconds(frame), *rms));
        let line = chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
        line.label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(area.present()?)
}
