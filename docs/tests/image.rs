//! The picture program: strips against the whole, files against what was written.

use docs::image::{Image, PIXELS_MOST, Show, histogram, shown, write_grey};
use pipe_cache::Tiled;
use pipe_core::{Executor, Inline, RunError};
use pipe_parallel::Parallel;
use std::fs;

/// A bright disc on a slope from dark to light, in colour.
fn picture(width: usize, height: usize) -> Image {
    let pixel = |at: usize| {
        let (x, y) = (at % width, at / width);
        let (right, down) = (x as f64 - width as f64 / 2.0, y as f64 - height as f64 / 2.0);
        let disc = right * right + down * down < (height * height) as f64 / 9.0;
        [if disc { 250 } else { (x * 100 / width) as u8 }, (y * 100 / height) as u8, 60]
    };
    Image::new(width, height, (0..width * height).flat_map(pixel).collect()).unwrap()
}

/// The same, pixel by pixel: the picture goes on beyond its border with the pixels at it.
fn naive(image: &[[u8; 3]], width: usize, height: usize, show: Show) -> Vec<u8> {
    let grey = |x: i64, y: i64| {
        let at = y.clamp(0, height as i64 - 1) as usize * width + x.clamp(0, width as i64 - 1) as usize;
        let [r, g, b] = image[at].map(u32::from);
        ((77 * r + 150 * g + 29 * b + 128) / 256) as f32
    };
    let near = |of: &dyn Fn(i64, i64) -> f32, weights: [f32; 9], x: i64, y: i64| {
        let places = (-1..=1).flat_map(|down| (-1..=1).map(move |right| (x + right, y + down)));
        places.zip(weights).map(|((x, y), weight)| weight * of(x, y)).reduce(|a, b| a + b).unwrap()
    };
    let blur = |x: i64, y: i64| near(&grey, [1, 2, 1, 2, 4, 2, 1, 2, 1].map(|w| w as f32 / 16.0), x, y);
    // A row is blurred as a whole before slopes are looked at, and repeats its outermost pixels then.
    let blurred = |x: i64, y: i64| blur(x.clamp(0, width as i64 - 1), y);
    let slope = |x: i64, y: i64| {
        let right = near(&blurred, [-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0], x, y);
        let down = near(&blurred, [-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0], x, y);
        (right * right + down * down).sqrt() * 0.25
    };
    let pixel = |at: usize| {
        let (x, y) = ((at % width) as i64, (at / width) as i64);
        let level = match show {
            Show::Grey => grey(x, y),
            Show::Blur => blur(x, y),
            Show::Edges => slope(x, y),
        };
        level.round_ties_even() as u8
    };
    (0..width * height).map(pixel).collect()
}

fn pixels(image: &Image) -> Vec<[u8; 3]> {
    image.rgb().as_chunks::<3>().0.to_vec()
}

#[test]
fn strips_of_any_height_give_the_picture_that_a_loop_over_pixels_gives() {
    for (width, height) in [(1, 1), (1, 7), (7, 1), (40, 33)] {
        let image = picture(width, height);
        for show in [Show::Grey, Show::Blur, Show::Edges] {
            let wanted = naive(&pixels(&image), width, height, show);
            for rows in [1, 2, 5, 32, 100] {
                let what = format!("{show:?} of {width} x {height} in strips of {rows}");
                let inline = shown(&image, show, rows, &Inline).unwrap().value;
                assert_eq!(inline, wanted, "{what}");
                assert_eq!(shown(&image, show, rows, &Tiled::new()).unwrap().value, wanted, "{what}");
                let parallel = Parallel::new().workers(3).kernels(Tiled::new());
                assert_eq!(shown(&image, show, rows, &parallel).unwrap().value, wanted, "{what}");
            }
        }
    }
}

#[test]
fn each_pixel_has_its_place_in_the_histogram() {
    let image = picture(50, 20);
    let grey = shown(&image, Show::Grey, 3, &Inline).unwrap().value;
    let mut wanted = [0; 16];
    grey.iter().for_each(|level| wanted[usize::from(level / 16)] += 1);
    assert_eq!(histogram(&image, 3, &Inline).unwrap().counts(), wanted);
    assert_eq!(histogram(&image, 7, &Tiled::new()).unwrap().counts(), wanted);
}

#[test]
fn a_strip_of_no_rows_is_a_config_error() {
    let image = picture(4, 4);
    let errors = [shown(&image, Show::Blur, 0, &Inline).err(), histogram(&image, 0, &Inline).err()];
    assert!(errors.iter().all(|error| matches!(error, Some(RunError::Config { field: "rows", .. }))));
}

#[test]
fn png_and_ppm_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let (ppm, png) = (folder.path().join("in"), folder.path().join("out.png"));
    let image = picture(12, 5);
    fs::write(&ppm, [&b"P6 # made by a test\n12\t5\n255\n"[..], image.rgb()].concat()).unwrap();
    assert_eq!(Image::open(&ppm).unwrap(), image);
    let grey = shown(&image, Show::Grey, 2, &Inline).unwrap().value;
    write_grey(&png, 12, &grey).unwrap();
    let again = Image::open(&png).unwrap();
    assert_eq!((again.width(), again.height()), (12, 5));
    assert_eq!(shown(&again, Show::Grey, 9, &Inline).unwrap().value, grey, "grey stays as grey as it is");
}

#[test]
fn what_is_no_picture_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in");
    let said = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Image::open(&path).unwrap_err().to_string()
    };
    let bytes = "there are not as many bytes as the picture says";
    assert!(said(b"P6 2 2 255\n0123456789").contains(bytes));
    assert!(said(b"P6 0 2 255\n").contains(bytes));
    assert!(said(format!("P6 {PIXELS_MOST} 2 255\n").as_bytes()).contains(bytes));
    assert!(said(b"P6 2 2 65535\n012345678901").contains("only 8 bits"));
    assert!(said(b"P6 two 2 255\n").contains("something else stands where a number should be"));
    assert!(said(b"P6 2 2").contains("failed to fill whole buffer"));
    assert!(said(b"no picture").contains(&format!("read {path:?}: ")));
    assert!(said(b"").contains(&format!("read {path:?}: ")));
}
