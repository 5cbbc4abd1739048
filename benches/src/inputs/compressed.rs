//! A text, compressed as a log is that was rotated: many members or frames, one behind the other.

use super::Generator;
use super::text::{Known, Text};
use crate::measure::BoxError;
use crate::rng::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

#[derive(Clone, Copy)]
pub(crate) enum Codec {
    Gzip,
    Zstd,
}

pub(crate) struct Compressed {
    text: Text,
    codec: Codec,
}

impl Compressed {
    pub(crate) fn new(codec: Codec) -> Self {
        Self { text: Text::new(), codec }
    }
}

/// At the levels that the programs `gzip` and `zstd` take by themselves: 6 and 3.
fn compress(codec: Codec, plain: &[u8]) -> Result<Vec<u8>, BoxError> {
    match codec {
        Codec::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(plain)?;
            Ok(encoder.finish()?)
        }
        Codec::Zstd => Ok(zstd::bulk::compress(plain, zstd::DEFAULT_COMPRESSION_LEVEL)?),
    }
}

impl Generator for Compressed {
    type Known = Known;

    fn block(&self, rng: &mut Rng, rows: u64, text: &mut Vec<u8>) -> Known {
        let mut plain = Vec::new();
        let known = self.text.block(rng, rows, &mut plain);
        text.extend(compress(self.codec, &plain).expect("compressing from memory to memory cannot fail"));
        known
    }

    fn merge(&self, all: &mut Known, block: Known) {
        self.text.merge(all, block);
    }

    fn answer(&self, known: &Known) -> String {
        self.text.answer(known)
    }
}
