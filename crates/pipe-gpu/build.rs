//! Satisfies the `-lcuda` that `cust_raw` asks of the linker, with an archive of nothing: all driver functions are in `src/cuda/shim.rs`.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return Ok(());
    }
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("libcuda.a"), b"!<arch>\n")?;
    println!("cargo::rustc-link-search=native={out}");
    Ok(())
}
