//! The sound program: tones whose loudness is known.

use docs::signal::{Loudness, LowPass, loudness, plot};
use pipe_cache::Tiled;
use pipe_core::{Executor, Inline};
use pipe_parallel::Parallel;
use std::f64::consts::PI;
use std::io::Cursor;

const RATE: u32 = 16_000;

/// A low tone of 200 Hz, and a high one of 5,000 Hz after a second, each with an amplitude of one half.
fn tones(seconds: f64) -> Vec<f64> {
    let tone = |at: f64, hertz: f64| 0.5 * (2.0 * PI * hertz * at).sin();
    let number = |n: u32| {
        let at = f64::from(n) / f64::from(RATE);
        tone(at, 200.0) + if at < 1.0 { 0.0 } else { tone(at, 5_000.0) }
    };
    (0..(seconds * f64::from(RATE)) as u32).map(number).collect()
}

fn wav(numbers: &[f64], channels: u16, sample_format: hound::SampleFormat) -> Vec<u8> {
    let bits_per_sample = if sample_format == hound::SampleFormat::Int { 16 } else { 32 };
    let spec = hound::WavSpec { channels, sample_rate: RATE, bits_per_sample, sample_format };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for number in numbers {
        match sample_format {
            hound::SampleFormat::Int => writer.write_sample((number * 32_767.0) as i16).unwrap(),
            hound::SampleFormat::Float => writer.write_sample(*number as f32).unwrap(),
        }
    }
    writer.finalize().unwrap();
    file.into_inner()
}

const LOW_PASS: LowPass = LowPass { cutoff: 1_000.0, taps: 101 };

#[test]
fn a_low_pass_leaves_the_low_tone_and_takes_the_high_one() {
    let sound = wav(&tones(2.5), 1, hound::SampleFormat::Float);
    let Loudness { before, behind } = loudness(Cursor::new(sound), LOW_PASS, &Inline).unwrap().value;
    assert_eq!((before.len(), behind.len()), (125, 125));
    let (one, both) = (0.5 * 0.5_f32.sqrt(), 0.5);
    for frame in (2..49).chain(52..125) {
        let wanted = if frame < 50 { one } else { both };
        assert!((before[frame] - wanted).abs() < 0.01, "frame {frame}: {}", before[frame]);
        assert!((behind[frame] - one).abs() < 0.01, "frame {frame} behind: {}", behind[frame]);
    }
    assert!((Loudness::overall(&[3.0, 3.0]) - 3.0).abs() < 1e-9);
}

#[test]
fn all_executors_and_formats_and_channels_give_the_same() {
    let tones = tones(2.3);
    let sound = wav(&tones, 1, hound::SampleFormat::Float);
    let inline = loudness(Cursor::new(&sound), LOW_PASS, &Inline).unwrap().value;
    let parallel = Parallel::new().workers(3).kernels(Tiled::new());
    assert_eq!(loudness(Cursor::new(&sound), LOW_PASS, &parallel).unwrap().value, inline);
    let integers = wav(&tones, 1, hound::SampleFormat::Int);
    // The left channel alone sounds, and both of them half as loud.
    let stereo: Vec<f64> = tones.iter().flat_map(|x| [*x, 0.0]).collect();
    let stereo = wav(&stereo, 2, hound::SampleFormat::Float);
    for (sound, times) in [(integers, 1.0), (stereo, 2.0)] {
        let other = loudness(Cursor::new(sound), LOW_PASS, &Tiled::new()).unwrap().value;
        assert_eq!(other.before.len(), inline.before.len());
        for (other, wanted) in other.behind.iter().zip(&inline.behind) {
            assert!((other * times - wanted).abs() < 1e-3, "{other} and not {wanted}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_said_before_a_sound_is_filtered() {
    let sound = || Cursor::new(wav(&tones(0.1), 1, hound::SampleFormat::Int));
    let said = |cutoff, taps| loudness(sound(), LowPass { cutoff, taps }, &Inline).unwrap_err().to_string();
    assert!(said(0.0, 101).starts_with("cutoff = 0: "));
    assert!(said(8_000.0, 101).starts_with("cutoff = 8000: "));
    assert!(said(f64::NAN, 101).starts_with("cutoff = NaN: "));
    assert!(said(100.0, 0).starts_with("taps = 0: "));
    assert!(said(100.0, 100).starts_with("taps = 100: "));
    assert!(loudness(Cursor::new(b"no sound"), LOW_PASS, &Inline).is_err());
}

#[test]
fn a_sound_that_breaks_off_is_an_error() {
    let mut sound = wav(&tones(1.0), 1, hound::SampleFormat::Int);
    sound.truncate(sound.len() / 2);
    let error = loudness(Cursor::new(sound), LOW_PASS, &Inline).unwrap_err().to_string();
    assert!(error.starts_with("stage read failed"), "{error}");
}

#[test]
fn a_plot_has_a_line_for_each_and_says_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.svg");
    let frames = |level: f32| (0..100).map(|at| level * (at as f32 * 0.1).sin().abs()).collect();
    plot(&path, &Loudness { before: frames(0.8), behind: frames(0.2) }, LOW_PASS).unwrap();
    let svg = std::fs::read_to_string(&path).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    for text in ["before", "behind", "seconds", "1000 Hz"] {
        assert!(svg.contains(text), "{text}");
    }
    // A sound that is shorter than a frame has a plot without lines.
    plot(&path, &Loudness::default(), LOW_PASS).unwrap();
}
