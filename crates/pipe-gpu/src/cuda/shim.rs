//! The driver's functions, found on first use: what cust links against is here, and forwards to `libcuda.so.1`.
//!
//! So a program with the feature `cuda` is linked without a toolkit and starts without a driver, and a driver that is missing is an
//! error value. The prototypes and the codes are those of `cust_raw`, made by `cargo xtask cuda shim`.
#![expect(
    unsafe_code,
    reason = "it defines C functions that forward to those of a library that is opened at run time"
)]
#![expect(non_snake_case, reason = "the driver's names")]

use cust_raw::*;
use libloading::Library;
use std::cell::Cell;
use std::error::Error;
use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Where drivers have it on Linux.
const DRIVER: &str = "libcuda.so.1";

/// The driver library, opened at most once and never closed: its functions are called until the process ends.
fn library() -> &'static Result<Library, String> {
    static LIBRARY: OnceLock<Result<Library, String>> = OnceLock::new();
    // The loader's own words are the error behind the error.
    let words =
        |error: libloading::Error| error.source().map_or_else(|| error.to_string(), ToString::to_string);
    // SAFETY: the initialisers of the vendor's library run, as they would if the program were linked against it.
    LIBRARY.get_or_init(|| unsafe { Library::new(DRIVER) }.map_err(words))
}

/// Why there is no driver library on this machine, in the loader's words.
pub(super) fn driver_library() -> Result<(), &'static str> {
    library().as_ref().map(|_| ()).map_err(String::as_str)
}

/// Marks a function that the driver has not.
const MISSING: *mut c_void = usize::MAX as *mut c_void;

/// The address of a function, or `MISSING`. A race finds the same address twice.
fn resolve(slot: &AtomicPtr<c_void>, name: &CStr) -> *mut c_void {
    let known = slot.load(Ordering::Acquire);
    if !known.is_null() {
        return known;
    }
    let found = library().as_ref().ok().and_then(|library| {
        // SAFETY: only the address is taken; who calls it gives it its type.
        unsafe { library.get::<*mut c_void>(name.to_bytes_with_nul()) }.ok().map(|symbol| *symbol)
    });
    let address = found.filter(|address| !address.is_null()).unwrap_or(MISSING);
    slot.store(address, Ordering::Release);
    address
}

thread_local! {
    /// The last code of this thread that `cust_raw` does not know.
    static FOLDED: Cell<Option<i32>> = const { Cell::new(None) };
}

/// `CUresult` is a closed enum of the codes of CUDA 11.4, and a later driver's code in it would be undefined behaviour: what it does not
/// know becomes 999, "unknown", and is kept aside.
fn fold(code: i32) -> CUresult {
    const KNOWN: &[i32] = &include!("codes.in");
    let known = KNOWN.binary_search(&code).is_ok();
    if !known {
        FOLDED.set(Some(code));
    }
    // SAFETY: the enum is `repr(i32)` and has each of these codes; the list is made from its declaration.
    unsafe { std::mem::transmute::<i32, CUresult>(if known { code } else { 999 }) }
}

/// The code that the driver gave where `fold` said "unknown"; asked for right after that call, on its thread.
pub(super) fn take_folded() -> Option<i32> {
    FOLDED.take()
}

/// What the driver calls a code: its name and its text.
pub(super) fn describe(code: i32) -> (String, String) {
    let text = |function: unsafe extern "C" fn(i32, *mut *const c_char) -> i32| {
        let mut text: *const c_char = ptr::null();
        // SAFETY: `text` is valid for a write, and is null or a string of static lifetime afterwards.
        let known = unsafe { function(code, &raw mut text) } == 0 && !text.is_null();
        // SAFETY: as above.
        known.then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    };
    let name = text(error_name).unwrap_or_else(|| format!("code {code}"));
    (name, text(error_text).unwrap_or_else(|| "the driver has no text for it".to_owned()))
}

// cust turns a text that is null into undefined behaviour, so these always give one.
macro_rules! texts {
    ($($forward:ident as $export:ident;)*) => { $(
        unsafe extern "C" fn $forward(code: i32, text: *mut *const c_char) -> i32 {
            static SLOT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
            let address = resolve(&SLOT, name!($export));
            if address == MISSING {
                return CUresult::CUDA_ERROR_NOT_FOUND as i32;
            }
            // SAFETY: the driver's function of this name has this type; its result is taken as a plain number.
            let function: unsafe extern "C" fn(i32, *mut *const c_char) -> i32 = unsafe { std::mem::transmute(address) };
            // SAFETY: `text` is the caller's, who promises that it is valid for a write.
            unsafe { function(code, text) }
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $export(code: CUresult, text: *mut *const c_char) -> CUresult {
            // SAFETY: as the caller promises.
            let known = unsafe { $forward(code as i32, text) } == 0 && !unsafe { *text }.is_null();
            if !known {
                // SAFETY: as above.
                unsafe { *text = c"no text: there is no driver, or it does not know this code".as_ptr() };
            }
            CUresult::CUDA_SUCCESS
        }
    )* };
}

macro_rules! name {
    ($name:ident) => {
        const {
            match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => panic!("a name holds no zero"),
            }
        }
    };
}

texts! {
    error_name as cuGetErrorName;
    error_text as cuGetErrorString;
}

// Each is, for example: pub unsafe extern "C" fn cuInit(Flags: c_uint) -> CUresult { /* found in the library, called, folded */ }
macro_rules! shim {
    ($(fn $name:ident($($argument:ident: $type:ty),*);)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> CUresult {
            static SLOT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
            let address = resolve(&SLOT, name!($name));
            if address == MISSING {
                return CUresult::CUDA_ERROR_NO_DEVICE;
            }
            // SAFETY: the driver's function of this name has the type that `cust_raw` declares, but for its result: that is taken as a
            // plain number.
            let function: unsafe extern "C" fn($($type),*) -> i32 = unsafe { std::mem::transmute(address) };
            // SAFETY: the arguments are the caller's, who promises what the driver asks.
            fold(unsafe { function($($argument),*) })
        }
    )* };
}
include!("prototypes.in");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_not_known_becomes_unknown_and_is_kept() {
        assert_eq!(fold(0), CUresult::CUDA_SUCCESS);
        assert_eq!(fold(719), CUresult::CUDA_ERROR_LAUNCH_FAILED);
        assert_eq!(take_folded(), None);
        for code in [915, -1, 1000, 9, i32::MAX] {
            assert_eq!(fold(code), CUresult::CUDA_ERROR_UNKNOWN);
            assert_eq!(take_folded(), Some(code));
        }
        assert_eq!(take_folded(), None);
    }
}
