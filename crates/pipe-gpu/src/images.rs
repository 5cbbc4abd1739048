//! The kernels as they were compiled: by `cargo xtask cuda build`, never by a build of this crate. `kernels/out/MANIFEST` says from what.

/// Devices of compute capability 8.x: the name of the image, and its bytes.
pub(crate) const SM_80: (&str, &[u8]) = ("map.sm_80.cubin", include_bytes!("../kernels/out/map.sm_80.cubin"));
/// Devices of compute capability 9.x.
pub(crate) const SM_90: (&str, &[u8]) = ("map.sm_90.cubin", include_bytes!("../kernels/out/map.sm_90.cubin"));
/// All others, and those that refuse the image made for them: the driver compiles it.
pub(crate) const PTX: (&str, &str) =
    ("map.compute_75.ptx", include_str!("../kernels/out/map.compute_75.ptx"));
