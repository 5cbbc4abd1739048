//! A picture through numeric kernels: grey, blurred, its edges; and how often each brightness occurs.
//!
//! It goes in strips of rows, so that several workers have something to do and memory stays small beside the picture itself. A kernel looks at
//! neighbours, so a strip has two rows more above and below than it shows (`HALO`), and loses them at the end: strips of any height give
//! the same picture.

use pipe_core::kernel::{Bins, Cast, Grey, Histogram, Kernel, KernelWorker, Number, Program, Sobel, Stencil};
use pipe_core::{BlockingExecutor, BoxError, Boxed, Identity, Own, Pipeline, Report, RunError, from_range};
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// Colours in rows, each of three bytes: red, green, blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// What to make of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Show {
    /// Its brightness
    Grey,
    /// Its brightness, smoothed
    Blur,
    /// How steep its smoothed brightness is: bright where there is an edge
    Edges,
}

/// Rows above and below a strip that its kernels look at: one for the blur, one for the slopes of what is blurred.
const HALO: usize = 2;

/// Rows of a strip unless said otherwise: some hundred KiB of an ordinary picture, which the second level of a cache has room for.
pub const ROWS: usize = 32;

/// The most pixels that are read: a file of some bytes may say that it has any number.
pub const PIXELS_MOST: usize = 1 << 28;

impl Image {
    /// # Errors
    /// There are not three bytes for each pixel, or no pixels.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Result<Self, BadImage> {
        match width.checked_mul(height).filter(|pixels| (1..=PIXELS_MOST).contains(pixels)) {
            Some(pixels) if pixels * 3 == rgb.len() => Ok(Image { width, height, rgb }),
            _ => Err(BadImage::Size),
        }
    }

    /// Reads a PNG or a PPM file (`P6`, 8 bits); its first bytes say which it is.
    ///
    /// # Errors
    /// It cannot be read, is neither, or has more than [`PIXELS_MOST`].
    pub fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let file = File::open(path).map_err(|error| format!("open {path:?}: {error}"))?;
        let image = Self::read(BufReader::new(file)).map_err(|error| format!("read {path:?}: {error}"))?;
        Ok(image)
    }

    fn read(mut file: impl BufRead + io::Seek) -> Result<Self, Box<dyn Error>> {
        match file.fill_buf()? {
            [b'P', b'6', ..] => Self::read_ppm(file),
            _ => Self::read_png(file),
        }
    }

    fn read_png(file: impl BufRead + io::Seek) -> Result<Self, Box<dyn Error>> {
        let mut decoder = png::Decoder::new(file);
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info()?;
        let bytes =
            reader.output_buffer_size().filter(|bytes| *bytes <= 4 * PIXELS_MOST).ok_or(BadImage::Size)?;
        let mut buffer = vec![0; bytes];
        let info = reader.next_frame(&mut buffer)?;
        buffer.truncate(info.buffer_size());
        // What shines through is painted as if it did not.
        let rgb = match info.color_type.samples() {
            1 => buffer.iter().flat_map(|grey| [*grey; 3]).collect(),
            2 => buffer.as_chunks::<2>().0.iter().flat_map(|[grey, _]| [*grey; 3]).collect(),
            3 => buffer,
            _ => buffer.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect(),
        };
        Ok(Self::new(info.width as usize, info.height as usize, rgb)?)
    }

    fn read_ppm(mut file: impl BufRead) -> Result<Self, Box<dyn Error>> {
        file.consume(2);
        let mut numbers = [0; 3];
        for number in &mut numbers {
            *number = ppm_number(&mut file)?;
        }
        let [width, height, most] = numbers;
        if most != 255 {
            return Err(BadImage::Depth.into());
        }
        let pixels =
            width.checked_mul(height).filter(|pixels| *pixels <= PIXELS_MOST).ok_or(BadImage::Size)?;
        let mut rgb = Vec::new();
        file.take(pixels as u64 * 3).read_to_end(&mut rgb)?;
        Ok(Self::new(width, height, rgb)?)
    }

    /// The rows of a strip with those around them that its kernels need. Beyond the picture its outermost row is repeated.
    fn strip(&self, strip: usize, rows: usize) -> Vec<u8> {
        let (start, end) = (strip * rows, self.height.min((strip + 1) * rows));
        let last = self.height - 1;
        let row = |y: usize| {
            let y = y.saturating_sub(HALO).min(last);
            &self.rgb[3 * self.width * y..3 * self.width * (y + 1)]
        };
        (start..end + 2 * HALO).flat_map(row).copied().collect()
    }

    /// The colours, row by row.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The pixels of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of rows.
    pub fn height(&self) -> usize {
        self.height
    }
}

/// A number of the header, in front of which may be blanks and comments; one blank behind it goes with it.
fn ppm_number(file: &mut impl BufRead) -> Result<usize, Box<dyn Error>> {
    let mut digits = Vec::new();
    let mut byte = [0];
    loop {
        file.read_exact(&mut byte)?;
        match byte[0] {
            b'#' if digits.is_empty() => drop(file.by_ref().take(4_096).read_until(b'\n', &mut Vec::new())?),
            blank if blank.is_ascii_whitespace() && digits.is_empty() => {}
            blank if blank.is_ascii_whitespace() => return Ok(str::from_utf8(&digits)?.parse()?),
            digit if digit.is_ascii_digit() && digits.len() < 9 => digits.push(digit),
            _ => return Err(BadImage::Header.into()),
        }
    }
}

/// Brightness in strips, with the rows around them.
type Strips<'p> = Pipeline<Boxed<'p, Vec<f32>>, Identity, Own<Vec<f32>>>;

fn brightness(image: &Image, rows: usize) -> Strips<'_> {
    let strips = from_range(0..image.height.div_ceil(rows)).map(move |strip| image.strip(strip, rows));
    strips.transform(Grey).transform(Cast::to::<f32>()).boxed()
}

/// What is to be shown of a picture, one byte for each pixel, computed in strips of so many rows.
///
/// # Errors
/// `rows` is 0; what the executor could not do.
pub fn shown<'p>(
    image: &'p Image,
    show: Show,
    rows: usize,
    executor: &impl BlockingExecutor<'p>,
) -> Result<Report<Vec<u8>>, RunError> {
    let (grey, width) = (brightness(image, at_least_one(rows)?), image.width);
    let shown = match show {
        Show::Grey => grey,
        Show::Blur => grey.transform(Stencil::blur(width)?).boxed(),
        // The steepest slope is four times the greatest difference.
        Show::Edges => {
            let blurred = grey.transform(Stencil::blur(width)?);
            blurred.transform(Sobel::new(width)?).kernel(Program::new().scale(0.25)).boxed()
        }
    };
    let bytes = shown.kernel(Program::new().round()).transform(Cast::to::<u8>()).transform(Inner { width });
    Ok(bytes.collect().run_on(executor)?.map(|strips| strips.concat()))
}

/// How often each brightness occurs, in 16 steps.
///
/// # Errors
/// `rows` is 0; what the executor could not do.
pub fn histogram<'p>(
    image: &'p Image,
    rows: usize,
    executor: &impl BlockingExecutor<'p>,
) -> Result<Bins, RunError> {
    let inner = brightness(image, at_least_one(rows)?).transform(Inner { width: image.width });
    let bins = inner.reduce(Histogram::new(0.0, 256.0, 16)?).run_on(executor)?.value;
    Ok(bins.expect("an image has at least one strip"))
}

fn at_least_one(rows: usize) -> Result<usize, RunError> {
    let zero = RunError::Config { field: "rows", value: "0".to_owned(), why: "a strip has at least one row" };
    if rows == 0 { Err(zero) } else { Ok(rows) }
}

/// Takes the rows around a strip away: a kernel of our own.
struct Inner {
    width: usize,
}

impl<T: Number> Kernel<T> for Inner {
    type Out = T;

    fn compute(&self, _: &mut dyn KernelWorker<T>, strip: &[T], out: &mut Vec<T>) -> Result<(), BoxError> {
        let halo = HALO * self.width;
        out.extend_from_slice(&strip[halo..strip.len() - halo]);
        Ok(())
    }
}

/// Writes a grey picture as PNG.
///
/// # Errors
/// The file cannot be written.
pub fn write_grey(path: &Path, width: usize, grey: &[u8]) -> Result<(), Box<dyn Error>> {
    let file = File::create(path).map_err(|error| format!("create {path:?}: {error}"))?;
    let mut out = BufWriter::new(file);
    let mut encoder = png::Encoder::new(&mut out, u32::try_from(width)?, u32::try_from(grey.len() / width)?);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(grey)?;
    writer.finish()?;
    out.flush().map_err(|error| format!("write {path:?}: {error}").into())
}

/// Why a file is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadImage {
    /// There are not as many bytes as it says, none, or too many.
    Size,
    /// Something else stands where a number should be.
    Header,
    /// Its greatest brightness is not 255.
    Depth,
}

impl fmt::Display for BadImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadImage::Size => {
                "there are not as many bytes as the picture says, none, or more than 2^28 pixels"
            }
            BadImage::Header => "something else stands where a number should be",
            BadImage::Depth => "only 8 bits for a colour are known",
        })
    }
}

impl Error for BadImage {}
