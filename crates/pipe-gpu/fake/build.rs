//! Gives the library the name by which a loader finds a driver: once it is loaded, who asks for `libcuda.so.1` gets this one. And compiles
//! the kernels' sources for the CPU, with the machine's C++ compiler; where there is none, the driver has no kernels.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// No operation is fused with another, as on the device. Numbers are looked at as other types in both, so types say nothing of what overlaps.
const OPTIONS: [&str; 9] = [
    "-std=c++17",
    "-O1",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-fno-exceptions",
    "-fno-rtti",
    "-fPIC",
    "-fvisibility=hidden",
    // CUDA's pragmas say how to unroll.
    "-Wno-unknown-pragmas",
];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=host");
    println!("cargo::rerun-if-changed=../kernels");
    println!("cargo::rerun-if-env-changed=CXX");
    println!("cargo::rustc-check-cfg=cfg(has_kernels)");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libcuda.so.1");
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    // What is built for another machine is not run here.
    if env::var("HOST") == env::var("TARGET") && compiles_cpp(&compiler) {
        compile_kernels(&compiler)?;
        println!("cargo::rustc-cfg=has_kernels");
    }
    Ok(())
}

/// Whether it is there, and knows C++17: a compiler of C alone says no.
fn compiles_cpp(compiler: &str) -> bool {
    let mut command = Command::new(compiler);
    command.args(["-std=c++17", "-x", "c++", "-fsyntax-only", "-include", "type_traits", "/dev/null"]);
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn compile_kernels(compiler: &str) -> io::Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let (text, object) = (out.join("kernels.cpp"), out.join("kernels.o"));
    fs::write(&text, all_sources(&here.join("host/cuda.h"), &here.join("../kernels"))?)?;
    let compiled =
        Command::new(compiler).args(OPTIONS).arg("-c").arg(&text).arg("-o").arg(&object).status()?;
    assert!(compiled.success(), "{compiler} does not compile the kernels for the CPU");
    println!("cargo::rustc-cdylib-link-arg={}", object.display());
    println!("cargo::rustc-cdylib-link-arg=-lm");
    Ok(())
}

/// All sources, each in a namespace of its own, and a table of their kernels: those that their committed images have.
fn all_sources(header: &Path, folder: &Path) -> io::Result<String> {
    let sources =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<BTreeSet<_>>>()?;
    let mut text = format!("#include \"{}\"\n", header.display());
    let mut table = String::new();
    for source in sources.iter().filter(|path| path.extension().is_some_and(|end| end == "cu")) {
        let name = source.file_stem().unwrap_or_default().to_string_lossy();
        writeln!(text, "namespace {name}_cu {{\n#include \"{}\"\n}}", source.display())
            .map_err(io::Error::other)?;
        let image = folder.join(format!("out/{name}.compute_75.ptx"));
        for kernel in kernels(&fs::read_to_string(image)?) {
            writeln!(table, "    host::Of<{name}_cu::{kernel}>::named(\"{kernel}\"),")
                .map_err(io::Error::other)?;
        }
    }
    let len = table.lines().count();
    Ok(format!(
        "{text}\nextern \"C\" const host::Kernel fake_kernel_table[{len}] = {{\n{table}}};\n\
        extern \"C\" const size_t fake_kernel_table_len = {len};\n"
    ))
}

fn kernels(ptx: &str) -> impl Iterator<Item = &str> {
    ptx.split(".entry ").skip(1).filter_map(|rest| rest.split('(').next())
}
