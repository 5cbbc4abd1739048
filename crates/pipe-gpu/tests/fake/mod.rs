//! The fake driver, as a test sees it: loaded once for the process, and used by one test at a time.
#![expect(dead_code, reason = "each file of tests uses a part of it")]
#![expect(unsafe_code, reason = "it loads a library and calls its functions")]

use libloading::Library;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The driver, reset, and this test's own until it is dropped.
pub(crate) struct Fake {
    library: &'static Library,
    _turn: MutexGuard<'static, ()>,
}

/// What a call fails with.
pub(crate) const LAUNCH_FAILED: i32 = 719;
pub(crate) const OUT_OF_MEMORY: i32 = 2;
/// A code that CUDA 11.4 did not have.
pub(crate) const NEW_CODE: i32 = 915;

/// Ways to fail that no call is spared.
pub(crate) const FAILS: [(i32, Failure); 2] =
    [(LAUNCH_FAILED, Failure::Once), (LAUNCH_FAILED, Failure::Lost)];

/// How long a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Once,
    Lost,
}

impl Fake {
    /// None, with a line that says so, where no C++ compiler was to make the kernels with.
    pub(crate) fn new() -> Option<Self> {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let fake = Fake { library: LIBRARY.get_or_init(load), _turn: turn };
        fake.again();
        if fake.number("fake_kernels") == 0 {
            println!("SKIP kernels on the CPU: no C++ compiler, `c++` or what CXX names, to make them with");
            return None;
        }
        Some(fake)
    }

    /// Back to the beginning.
    pub(crate) fn again(&self) -> &Self {
        // SAFETY: the function has this type.
        let call = unsafe { self.function::<extern "C" fn()>("fake_reset") };
        call();
        self
    }

    /// Back to the beginning, and every launch has this grid from now on, whichever is asked for; its last thread runs first. None is the grid
    /// that is asked for.
    pub(crate) fn again_on(&self, grid: Option<(u32, u32)>) -> &Self {
        self.again();
        if let Some((blocks, threads)) = grid {
            // SAFETY: the function has this type.
            let call = unsafe { self.function::<extern "C" fn(u32, u32)>("fake_grid") };
            call(blocks, threads);
        }
        self
    }

    /// # Safety
    /// `F` is the type of the function.
    unsafe fn function<F: Copy>(&self, name: &str) -> F {
        // SAFETY: as the caller promises.
        *unsafe { self.library.get::<F>(name) }.expect("the fake driver has it")
    }

    /// Lets the `at`th call from now on fail.
    pub(crate) fn fail(&self, at: u64, code: i32, failure: Failure) {
        // SAFETY: the function has this type.
        let call = unsafe { self.function::<extern "C" fn(u64, i32, bool)>("fake_fail") };
        call(at, code, failure == Failure::Lost);
    }

    /// Runs it while all is well, and then once for each call and each of these ways, in which that call fails. It is told what fails, finds
    /// that its results are right, and leaves nothing behind.
    pub(crate) fn fail_each_call(&self, least: u64, ways: &[(i32, Failure)], mut run: impl FnMut(&str)) {
        self.again();
        run("no call fails");
        self.assert_clean("no call fails");
        let calls = self.calls();
        assert!(calls > least, "{calls} calls are not much of a run");
        for at in 1..=calls {
            for (code, failure) in ways {
                let when = format!("call {at} fails with {code}, {failure:?}");
                self.again().fail(at, *code, *failure);
                run(&when);
                self.assert_clean(&when);
            }
        }
    }

    /// Lets every call in the context of this device fail, from the `at`th call on.
    pub(crate) fn lose(&self, device: i32, at: u64, code: i32) {
        // SAFETY: the function has this type.
        let call = unsafe { self.function::<extern "C" fn(i32, u64, i32)>("fake_lose") };
        call(device, at, code);
    }

    /// How many kernels were launched on a device.
    pub(crate) fn launched(&self, device: i32) -> usize {
        // SAFETY: the function has this type.
        let call = unsafe { self.function::<extern "C" fn(i32) -> usize>("fake_launched") };
        call(device)
    }

    /// The machine from now on.
    pub(crate) fn machine(&self, devices: i32, capability: i32, bytes: usize) {
        // SAFETY: the function has this type.
        let call = unsafe { self.function::<extern "C" fn(i32, i32, usize)>("fake_machine") };
        call(devices, capability, bytes);
    }

    fn number(&self, name: &str) -> usize {
        // SAFETY: those that are asked for here have this type.
        let call = unsafe { self.function::<extern "C" fn() -> usize>(name) };
        call()
    }

    pub(crate) fn calls(&self) -> u64 {
        self.number("fake_calls") as u64
    }

    pub(crate) fn alive(&self) -> usize {
        self.number("fake_alive")
    }

    pub(crate) fn peak(&self) -> usize {
        self.number("fake_peak")
    }

    /// Bytes that were copied from blocks themselves, and to them.
    pub(crate) fn straight(&self) -> usize {
        self.number("fake_straight")
    }

    pub(crate) fn busiest(&self) -> usize {
        self.number("fake_busiest")
    }

    /// Nothing is alive, and nothing was done that a driver does not allow.
    pub(crate) fn assert_clean(&self, when: impl std::fmt::Display) {
        let mut text = vec![0; 4096];
        // SAFETY: the function has this type, and writes no more than there is room for.
        let call = unsafe { self.function::<extern "C" fn(*mut u8, usize) -> usize>("fake_violations") };
        let len = call(text.as_mut_ptr(), text.len());
        text.truncate(len);
        assert_eq!(String::from_utf8_lossy(&text), "", "{when}");
        assert_eq!(self.alive(), 0, "{when}");
    }
}

/// Builds it, which takes no time where the whole workspace is tested, and loads it. Its name is that of a driver: the loader gives it to who
/// asks for `libcuda.so.1` from now on.
fn load() -> Library {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--package", "fake-cuda", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.expect("cargo starts").success(), "the fake driver does not build");
    // SAFETY: it has no initialisers.
    unsafe { Library::new(target.join("debug/libfake_cuda.so")) }.expect("it was built")
}
