//! The kernels as they were compiled: by `cargo xtask cuda build`, never by a build of this crate. `kernels/out/MANIFEST` says from what.

/// How many sources there are, each with an image of every kind.
pub(crate) const SOURCES: usize = 5;

/// Devices of compute capability 8.x: how the names of the images end, and their bytes.
pub(crate) const SM_80: (&str, [&[u8]; SOURCES]) = (
    "sm_80.cubin",
    [
        include_bytes!("../kernels/out/map.sm_80.cubin"),
        include_bytes!("../kernels/out/blocks.sm_80.cubin"),
        include_bytes!("../kernels/out/totals.sm_80.cubin"),
        include_bytes!("../kernels/out/scan.sm_80.cubin"),
        include_bytes!("../kernels/out/mapped.sm_80.cubin"),
    ],
);
/// Devices of compute capability 9.x.
pub(crate) const SM_90: (&str, [&[u8]; SOURCES]) = (
    "sm_90.cubin",
    [
        include_bytes!("../kernels/out/map.sm_90.cubin"),
        include_bytes!("../kernels/out/blocks.sm_90.cubin"),
        include_bytes!("../kernels/out/totals.sm_90.cubin"),
        include_bytes!("../kernels/out/scan.sm_90.cubin"),
        include_bytes!("../kernels/out/mapped.sm_90.cubin"),
    ],
);
/// All others, and those that refuse the images made for them: the driver compiles it.
pub(crate) const PTX: (&str, [&str; SOURCES]) = (
    "compute_75.ptx",
    [
        include_str!("../kernels/out/map.compute_75.ptx"),
        include_str!("../kernels/out/blocks.compute_75.ptx"),
        include_str!("../kernels/out/totals.compute_75.ptx"),
        include_str!("../kernels/out/scan.compute_75.ptx"),
        include_str!("../kernels/out/mapped.compute_75.ptx"),
    ],
);
