//! What is known of a device.

use std::fmt;

/// What is known of a device that is open; its `Display` is a line for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceFacts {
    /// What the driver calls it.
    pub name: String,
    /// How the files in `kernels/out` end that its kernels came from.
    pub image: &'static str,
    /// The newest CUDA that the driver knows: major and minor.
    pub cuda: (i32, i32),
}

impl fmt::Display for DeviceFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.cuda;
        write!(f, "{}, CUDA {major}.{minor}, kernels from {}", self.name, self.image)
    }
}
