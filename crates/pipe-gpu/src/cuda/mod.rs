//! The CUDA driver: its functions, found at run time, and the one module that calls them.

mod driver;
mod shim;

pub(crate) use driver::{Driver, Slot};
