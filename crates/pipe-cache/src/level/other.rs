//! Levels of other processors: what pulp finds, or plain code.

use super::Level;
use pulp::Arch;

pub(super) fn arch(level: Level) -> Option<Arch> {
    match level {
        Level::Scalar => Some(Arch::Scalar),
        Level::Neon if cfg!(target_arch = "aarch64") => {
            Some(Arch::new()).filter(|arch| !matches!(arch, Arch::Scalar))
        }
        Level::Neon | Level::V3 | Level::V4 => None,
    }
}
