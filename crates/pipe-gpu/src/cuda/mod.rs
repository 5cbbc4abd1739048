//! The CUDA driver: its functions, found at run time, and all calls of them.

mod driver;
mod pages;
mod shim;
mod slot;

pub(crate) use driver::Driver;
pub(crate) use pages::{Pages, Registered, Target};
pub(crate) use slot::Slot;
