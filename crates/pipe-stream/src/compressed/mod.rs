//! Compressed input: recognised by its first bytes, decoded by a thread of its own beside who reads it.

mod codec;
mod decoded;
mod decoder;
mod gate;
mod helper;
mod input;

pub use codec::Codec;
pub(crate) use codec::Head;
pub use decoded::{Compression, Decoded};
pub(crate) use gate::Reads;
