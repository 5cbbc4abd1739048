//! How an input may be compressed, and what it begins with then.

use std::fmt;

/// A way to compress bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// RFC 1952: any number of members, one behind the other. Feature `gzip`.
    Gzip,
    /// RFC 8878: any number of frames, one behind the other; those to be skipped are. Feature `zstd`.
    Zstd,
}

/// What the first bytes of an input say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    Plain,
    Compressed(Codec),
    /// More of them are needed.
    TooShort,
}

impl Head {
    /// As many bytes always tell.
    pub(crate) const LEN: usize = 4;

    /// What an input is that begins with `bytes`. One that ends with them while they are too short is plain.
    pub(crate) fn of(bytes: &[u8]) -> Head {
        match bytes {
            [0x1f, 0x8b, ..] => Head::Compressed(Codec::Gzip),
            // A frame, or one to be skipped: parallel encoders begin with those.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Head::Compressed(Codec::Zstd)
            }
            [] | [0x1f] | [0x28] | [0x28, 0xb5] | [0x28, 0xb5, 0x2f] => Head::TooShort,
            [0x50..=0x5f] | [0x50..=0x5f, 0x2a] | [0x50..=0x5f, 0x2a, 0x4d] => Head::TooShort,
            _ => Head::Plain,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.feature())
    }
}

impl Codec {
    /// The feature of this crate that decodes it.
    pub fn feature(self) -> &'static str {
        match self {
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_is_too_short_could_become_each_of_two_things() {
        for len in 0..4 {
            for bytes in [[0x1f, 0x8b, 8, 0], [0x28, 0xb5, 0x2f, 0xfd], [0x53, 0x2a, 0x4d, 0x18]] {
                let told = bytes[0] == 0x1f && len >= 2;
                assert_eq!(Head::of(&bytes[..len]) == Head::TooShort, !told, "{len} of {bytes:x?}");
                let other = [&bytes[..len], &[b'x'; 4]].concat();
                assert_eq!(Head::of(&other) == Head::Plain, !told, "{other:x?}");
            }
        }
        for text in ["a", "PK", "(1)", "P*M.", "\n"] {
            let told = [text, "...."].concat();
            assert_eq!(Head::of(told.as_bytes()), Head::Plain, "{text:?}");
        }
    }
}
