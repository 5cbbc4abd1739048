//! Gives the library the name by which a loader finds a driver: once it is loaded, who asks for `libcuda.so.1` gets this one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libcuda.so.1");
}
