//! The decoders, each behind its feature.

use super::codec::Codec;
use super::input::{Account, Input};
use std::io::{self, BufReader, Read};

/// A reader of what its input was before it was compressed. After an error of its input it can be read on.
pub(crate) trait Decoder: Read {
    fn input(&mut self) -> &mut dyn Account;
}

/// Whether this build can decode it.
pub(crate) fn has(codec: Codec) -> bool {
    match codec {
        Codec::Gzip => cfg!(feature = "gzip"),
        Codec::Zstd => cfg!(feature = "zstd"),
    }
}

/// The decoder of a codec that this build has.
#[cfg_attr(not(any(feature = "gzip", feature = "zstd")), expect(unused_variables))]
pub(crate) fn over<R: Read + 'static>(
    codec: Codec,
    input: BufReader<Input<R>>,
) -> io::Result<Box<dyn Decoder>> {
    match codec {
        #[cfg(feature = "gzip")]
        Codec::Gzip => Ok(Box::new(flate2::bufread::MultiGzDecoder::new(input))),
        #[cfg(feature = "zstd")]
        Codec::Zstd => Ok(Box::new(zstd::Decoder::with_buffer(input)?)),
        #[cfg(not(all(feature = "gzip", feature = "zstd")))]
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(feature = "gzip")]
impl<R: Read> Decoder for flate2::bufread::MultiGzDecoder<BufReader<Input<R>>> {
    fn input(&mut self) -> &mut dyn Account {
        self.get_mut()
    }
}

#[cfg(feature = "zstd")]
impl<R: Read> Decoder for zstd::Decoder<'static, BufReader<Input<R>>> {
    fn input(&mut self) -> &mut dyn Account {
        self.get_mut()
    }
}
