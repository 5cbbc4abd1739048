//! Between pipelines that block and programs that do not, in both directions.

mod from_stream;
mod output_sink;
mod outputs;

pub use from_stream::{FromStream, from_stream};
pub use output_sink::OutputSink;
pub use outputs::{OutputIter, Outputs};
