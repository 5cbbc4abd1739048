//! Levels of x86-64.

use super::Level;
use pulp::Arch;
use pulp::x86::{V3, V4};

pub(super) fn arch(level: Level) -> Option<Arch> {
    match level {
        Level::Scalar => Some(Arch::Scalar),
        Level::Neon => None,
        Level::V3 => V3::try_new().map(Arch::V3),
        Level::V4 => V4::try_new().map(Arch::V4),
    }
}
