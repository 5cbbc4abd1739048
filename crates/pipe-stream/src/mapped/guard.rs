//! What is done where bytes of a mapping are missing.
//!
//! Touching a page behind the end of a file that was cut raises `SIGBUS` in the thread that touches it. The handler here looks whether the
//! address lies in one of the windows that are watched. If so it maps zeros from that page to the end of the window, writes down that this
//! window was hit, and returns: the thread goes on. If not it does what would have been done without it.
//!
//! Zeros in the place of records must not go unseen, so a window is asked twice: before records of it are lent, which is after their ends were
//! looked for, and after they were. Both ask also for the length of the file: what is missing of a page that still is there reads as zeros
//! without a signal. If only the second look finds something, records were lent that were not there; the run then ends with an error, and
//! what became of them is not handed on.
//!
//! # Races
//!
//! * The handler reads the table while other threads change it. A slot is changed under an odd `turn`, and one that was changed meanwhile is
//!   not looked at: the slot of the window that was touched does not change, since the thread that touches it holds the window.
//! * Two threads touch missing pages of one window at once: both map zeros, the later over the earlier.
//! * The file is cut between the second look and the drop of the window: nobody reads there any more.
//! * The file is cut and grows again between two looks: whoever touched a page meanwhile has set the mark; zeros at the end of a page that
//!   were read meanwhile are not noticed. Programs that write to a file in place are beyond what the guard is for.

#![expect(unsafe_code, reason = "a handler of a signal, which changes mappings")]

use super::window::page_size;
use std::ffi::{c_int, c_void};
use std::io;
use std::ops::Range;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*, fence};

/// A slot of the table; free again when it is dropped.
pub(super) struct Guard {
    slot: &'static Slot,
}

struct Slot {
    taken: AtomicBool,
    /// Odd while it is changed.
    turn: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
    hit: AtomicBool,
}

/// More windows than that are read. The handler looks at all of them.
const MOST: usize = 1024;

static TABLE: [Slot; MOST] = [const { Slot::new() }; MOST];

/// What was done about the signal before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

impl Guard {
    /// Sees to it that the handler is there.
    pub(super) fn install() -> io::Result<()> {
        static DONE: OnceLock<Result<(), i32>> = OnceLock::new();
        // The handler needs it, and must not be the first to ask.
        page_size();
        let done = DONE.get_or_init(|| install().map_err(|error| error.raw_os_error().unwrap_or(0)));
        done.map_err(io::Error::from_raw_os_error)
    }

    /// A slot, if there is one.
    pub(super) fn free() -> Option<Self> {
        let slot = TABLE.iter().find(|slot| {
            !slot.taken.load(Relaxed) && slot.taken.compare_exchange(false, true, Acquire, Relaxed).is_ok()
        })?;
        Some(Guard { slot })
    }

    pub(super) fn watch(&self, window: Range<usize>) {
        self.slot.hit.store(false, Relaxed);
        self.slot.set(window);
    }

    pub(super) fn forget(&self) {
        self.slot.set(0..0);
    }

    pub(super) fn was_hit(&self) -> bool {
        self.slot.hit.load(Relaxed)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.slot.taken.store(false, Release);
    }
}

impl Slot {
    const fn new() -> Self {
        Slot {
            taken: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            hit: AtomicBool::new(false),
        }
    }

    /// Only by who has taken it.
    fn set(&self, window: Range<usize>) {
        let turn = self.turn.load(Relaxed);
        self.turn.store(turn + 1, Relaxed);
        fence(Release);
        self.start.store(window.start, Relaxed);
        self.end.store(window.end, Relaxed);
        self.turn.store(turn + 2, Release);
    }

    /// The window that it watches, unless that is changing.
    fn window(&self) -> Option<Range<usize>> {
        let turn = self.turn.load(Acquire);
        let window = self.start.load(Relaxed)..self.end.load(Relaxed);
        fence(Acquire);
        (turn.is_multiple_of(2) && self.turn.load(Relaxed) == turn).then_some(window)
    }
}

fn install() -> io::Result<()> {
    let check = |answer| if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    // SAFETY: all zeros is a valid `sigaction`: numbers, and a handler that is the default.
    let (mut before, mut ours): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
    // SAFETY: asks what is set; there is room for the answer.
    check(unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), &mut before) })?;
    BEFORE.get_or_init(|| before);
    ours.sa_sigaction = handle as extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) as usize;
    // On the other stack, if the thread has one: Rust's threads do, and handlers of Go's need it.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: the handler does only what handlers may: it reads and writes atomics, and maps memory.
    check(unsafe { libc::sigaction(libc::SIGBUS, &ours, ptr::null_mut()) })
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system calls this with the description of the signal, which is valid until this returns.
    let is_fault = unsafe { (*info).si_code } > 0;
    if !is_fault {
        // Another process sent it. Then the place of the address holds numbers of that process, which must not be taken for an address.
        return hand_on(signal, info, context);
    }
    // SAFETY: as above; a fault has an address.
    let address = unsafe { (*info).si_addr() } as usize;
    let hit =
        TABLE.iter().find_map(|slot| Some((slot, slot.window()?)).filter(|(_, at)| at.contains(&address)));
    if let Some((slot, window)) = hit {
        let page = address - address % page_size();
        slot.hit.store(true, Relaxed);
        map_zeros(page..window.end);
        return;
    }
    hand_on(signal, info, context);
}

/// If it fails, the process ends: what was there may be gone, and another mapping may land in its place and be read as records.
fn map_zeros(range: Range<usize>) {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    let start = ptr::without_provenance_mut(range.start);
    // SAFETY: the range is the end of a window that is alive, since this thread was reading it, and whose owner unmaps all of it whatever
    // lies there.
    let mapped = unsafe { libc::mmap(start, range.len(), libc::PROT_READ, flags, -1, 0) };
    if mapped == libc::MAP_FAILED {
        const WHY: &[u8] = b"pipe-stream: no zeros in the place of a file that was cut; aborting\n";
        // SAFETY: handlers may call both. Without standard error there is nobody to tell.
        unsafe {
            libc::write(libc::STDERR_FILENO, WHY.as_ptr().cast(), WHY.len());
            libc::abort();
        }
    }
}

/// What would have been done without the guard.
fn hand_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let before = BEFORE.get();
    match before.map_or(libc::SIG_DFL, |before| before.sa_sigaction) {
        // The instruction is run again when this returns, and the signal then has its way.
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: sets the default, which is all zeros.
            unsafe {
                let default: libc::sigaction = std::mem::zeroed();
                libc::sigaction(signal, &default, ptr::null_mut());
            }
        }
        handler if before.is_some_and(|before| before.sa_flags & libc::SA_SIGINFO != 0) => {
            // SAFETY: whoever set this handler said by the flag that it takes three arguments.
            unsafe {
                let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                    std::mem::transmute(handler);
                handler(signal, info, context);
            }
        }
        handler => {
            // SAFETY: without the flag it takes the number of the signal.
            unsafe {
                let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
                handler(signal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_guards_as_the_table_has_places_and_those_dropped_come_back() {
        let all: Vec<_> = std::iter::from_fn(Guard::free).collect();
        assert!(all.len() <= MOST && all.len() > MOST / 2 && Guard::free().is_none());
        all[0].watch(4_096..8_192);
        assert_eq!(all[0].slot.window(), Some(4_096..8_192));
        all[0].forget();
        drop(all);
        assert!(Guard::free().is_some());
    }
}
