//! A file that nobody can write to while parts of it are mapped.
//!
//! ```text
//! another process      |     open(O_WRONLY) or truncate ........ waits .................> goes on
//! the system           |            the lease is asked back                       ^
//! this file            | map, map   ^ noticed   no new windows | live windows     | the lease is given back
//!                      |                                       | become copies ---'
//! ```
//!
//! A read lease (`F_SETLEASE`) is granted only while nobody has the file open for writing, on any path; whoever wants to from then on waits
//! until it is given back, for at most `/proc/sys/fs/lease-break-time` seconds. So as long as it is held, and all mappings are made while it
//! is, no byte of them changes.
//!
//! Three places notice that it is asked back: each new window looks first, the thread here looks every 20 milliseconds, in case the
//! chunks rest with somebody; and whoever drops the last window. Each then does, under the lock that also covers mapping and unmapping:
//!
//! 1. no window is made any more: parts are read from now on;
//! 2. each live window is read into fresh memory, which then takes its place at the same address by one system call (`mremap`), with the
//!    same content: who reads there meanwhile reads the same bytes, from the one or the other;
//! 3. a window for which there is no memory stays, and so does the lease, until the next look;
//! 4. the lease is given back. Only if the process was stopped for too long is it gone by then, and the next part is an error.
//!
//! Signals are not needed, and not wanted: the one that comes with a lease (`SIGIO`) would end the process.

#![expect(
    unsafe_code,
    reason = "system calls that no library has: fcntl with leases, mremap over a place in use"
)]

use super::window::{Window, page_size};
use super::{Keeper, Refused};
use memmap2::{Mmap, MmapMut};
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::fs::File;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A lease, and the windows that were made under it. Given back when it is dropped, which each window outlives.
pub(super) struct Lease {
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

struct Shared {
    file: Arc<File>,
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    phase: Phase,
    /// By their address: what is mapped under the lease, and where it stands in the file.
    windows: BTreeMap<usize, Span>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody can write.
    Held,
    /// Somebody wants to; some windows could not be replaced yet.
    AskedBack,
    /// Given back after all windows were replaced or dropped.
    GivenBack,
    /// Taken away before that.
    Lost,
}

#[derive(Clone, Copy)]
struct Span {
    offset: u64,
    len: usize,
}

/// How long somebody who wants to write waits at most until it is noticed. Costs 50 looks of a microsecond each second.
const EVERY: Duration = Duration::from_millis(20);

/// Sets the signal that comes with a lease. Not in libc for all targets.
const F_SETSIG: c_int = 10;

impl Lease {
    /// Why not, if not.
    pub(super) fn take(file: Arc<File>) -> Result<Self, String> {
        if !has_leases_that_hold(&file).map_err(|error| format!("its file system is not known: {error}"))? {
            return Err("its file system may change without asking this one".to_owned());
        }
        // Until it has no receiver, the signal goes to this process. SIGIO would end it, SIGURG is ignored unless somebody waits for it.
        let refused = |error: io::Error| match error.raw_os_error() {
            Some(libc::EAGAIN) => "it is open for writing".to_owned(),
            Some(libc::EACCES) => "it belongs to another user".to_owned(),
            _ => format!("its file system has no leases: {error}"),
        };
        control(&file, F_SETSIG, libc::SIGURG).map_err(refused)?;
        control(&file, libc::F_SETLEASE, libc::F_RDLCK).map_err(refused)?;
        let state = Mutex::new(State { phase: Phase::Held, windows: BTreeMap::new() });
        let mut lease =
            Lease { shared: Arc::new(Shared { file, state, ended: Condvar::new() }), watcher: None };
        control(&lease.shared.file, libc::F_SETOWN, 0).map_err(refused)?;
        let shared = lease.shared.clone();
        let watcher = thread::Builder::new().name("pipe-stream-lease".to_owned());
        let watcher = watcher.spawn(move || shared.watch());
        lease.watcher = Some(watcher.map_err(|error| format!("no thread to watch over it: {error}"))?);
        Ok(lease)
    }

    /// Whether it still keeps others out.
    pub(super) fn is_held(&self) -> bool {
        self.shared.lock().phase == Phase::Held
    }

    /// Whether it was taken away while there were windows.
    pub(super) fn is_lost(&self) -> bool {
        self.shared.look().phase == Phase::Lost
    }

    /// Why nothing is mapped any more, if so.
    pub(super) fn check(&self) -> Result<(), Refused> {
        match self.shared.look().phase {
            Phase::Held => Ok(()),
            Phase::AskedBack | Phase::GivenBack => Err(Refused::Unmappable),
            Phase::Lost => Err(Refused::Lost),
        }
    }

    /// Maps a part of the file.
    pub(super) fn map(self: &Arc<Self>, range: &Range<u64>) -> Result<Window, Refused> {
        let shared = &*self.shared;
        let mut state = shared.look();
        match state.phase {
            Phase::Held => {}
            Phase::AskedBack | Phase::GivenBack => return Err(Refused::Unmappable),
            Phase::Lost => return Err(Refused::Lost),
        }
        let window = Window::new(&shared.file, range, Keeper::Lease(self.clone()));
        // Not an error that the lock was held on: its drop would wait for it.
        let window = window.map_err(|_| Refused::Unmappable)?;
        let (offset, len) = (range.end - window.mapped() as u64, window.mapped());
        state.windows.insert(window.address(), Span { offset, len });
        Ok(window)
    }

    /// Does something to a window, unless a copy has taken its place. Under the lock, so that none does meanwhile.
    pub(super) fn if_mapped(&self, address: usize, act: impl FnOnce()) {
        let state = self.shared.lock();
        if state.windows.contains_key(&address) {
            act();
        }
    }

    /// Under the lock, so that nobody puts a copy where something else is mapped by then.
    pub(super) fn unmap(&self, address: usize, map: Option<Mmap>) {
        let mut state = self.shared.lock();
        state.windows.remove(&address);
        drop(map);
        if state.phase == Phase::AskedBack {
            self.shared.let_go(&mut state);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.phase == Phase::Held {
            self.shared.give_back(&mut state);
        }
        drop(state);
        self.shared.ended.notify_all();
        // It does not panic, and there would be nobody to tell.
        self.watcher.take().map(JoinHandle::join).and_then(Result::err);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, after a look whether the lease is asked back.
    fn look(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if state.phase == Phase::AskedBack || state.phase == Phase::Held && self.is_asked_back() {
            self.let_go(&mut state);
        }
        state
    }

    /// The thread: lets go of the file when it is asked to.
    fn watch(&self) {
        let mut state = self.look();
        while let Phase::Held | Phase::AskedBack = state.phase {
            drop(self.ended.wait_timeout(state, EVERY));
            state = self.look();
        }
    }

    /// The system then names the kind of lease that would do, which is none, or says that there is none.
    fn is_asked_back(&self) -> bool {
        control(&self.file, libc::F_GETLEASE, 0).ok() != Some(libc::F_RDLCK)
    }

    /// Puts copies in the place of the windows, and gives the lease back if that went well.
    fn let_go(&self, state: &mut State) {
        state.phase = Phase::AskedBack;
        let mut lost = false;
        state.windows.retain(|address, span| match self.replace(*address, *span) {
            Ok(Copied::Whole) => false,
            Ok(Copied::Part) => {
                lost = true;
                false
            }
            Err(_) => true,
        });
        if state.windows.is_empty() {
            self.give_back(state);
        }
        if lost {
            state.phase = Phase::Lost;
        }
    }

    fn give_back(&self, state: &mut State) {
        // Refused if there is none any more.
        let given = control(&self.file, libc::F_SETLEASE, libc::F_UNLCK);
        state.phase = if given.is_ok() { Phase::GivenBack } else { Phase::Lost };
    }

    /// A copy of what is mapped there, in its place. Reads the file, not the mapping, which may be cut if the lease was lost.
    fn replace(&self, address: usize, span: Span) -> io::Result<Copied> {
        let mut copy = MmapMut::map_anon(span.len)?;
        let mut filled = 0;
        while filled < span.len {
            match self.file.read_at(&mut copy[filled..], span.offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        put_over(copy.make_read_only()?, address);
        Ok(if filled == span.len { Copied::Whole } else { Copied::Part })
    }
}

/// What could be read of a window.
enum Copied {
    Whole,
    Part,
}

/// Moves a mapping over the one at `address`, which is as long. A thread that reads there sees the one or the other, and never a gap: the system
/// holds the address space locked meanwhile.
///
/// If it fails, the process ends. The system takes away what was there before it has all it needs to put the copy there, and its answer
/// does not tell on which side of that it failed. So there may be a hole where others hold a `&[u8]`; what any thread maps next may land
/// in it, and be read as records. A look afterwards would come too late for that, and no call swaps mappings without the risk. It takes a
/// system without memory for its own tables, or a process with all mappings that it may have.
fn put_over(copy: Mmap, address: usize) {
    let (from, len) = (copy.as_ptr().cast_mut().cast(), copy.len());
    debug_assert!(address != 0 && address.is_multiple_of(page_size()), "a window begins with a page");
    let moves = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // SAFETY: `from` is a mapping of our own that nobody else knows. `address` begins a live window of the same length: windows are removed
    // from the list under the lock that is held here before they are unmapped. The `Mmap` of that window goes on owning the range. Content
    // and protection are those that it has.
    let moved =
        unsafe { libc::mremap(from, len, len, moves, std::ptr::without_provenance_mut::<u8>(address)) };
    if moved == libc::MAP_FAILED {
        let why = io::Error::last_os_error();
        // Without standard error there is nobody to tell.
        let _ =
            writeln!(io::stderr(), "pipe-stream: no copy in the place of a mapped window: {why}; aborting");
        process::abort();
    }
    // It is where the window is, and the window unmaps it.
    std::mem::forget(copy);
}

/// `fcntl` with a number.
fn control(file: &File, command: c_int, argument: c_int) -> io::Result<c_int> {
    // SAFETY: the descriptor is open as long as `file` is borrowed, and these commands take a number.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), command, argument) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// Whether all who can change the file do so through this system: not so where it lies on a server or in another file system.
fn has_leases_that_hold(file: &File) -> io::Result<bool> {
    let mut about = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the descriptor is open as long as `file` is borrowed, and there is room for the answer.
    if unsafe { libc::fstatfs(file.as_raw_fd(), about.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was filled, as the system did not refuse.
    let kind = unsafe { about.assume_init() }.f_type;
    Ok([
        libc::EXT4_SUPER_MAGIC,
        libc::XFS_SUPER_MAGIC,
        libc::BTRFS_SUPER_MAGIC,
        libc::F2FS_SUPER_MAGIC,
        libc::TMPFS_MAGIC,
    ]
    .contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    fn leased(bytes: &[u8]) -> Option<(tempfile::NamedTempFile, Arc<Lease>)> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let (file, path) = file.into_parts();
        drop(file);
        let file = tempfile::NamedTempFile::from_parts(File::open(&path).unwrap(), path);
        match Lease::take(Arc::new(file.as_file().try_clone().unwrap())) {
            Ok(lease) => Some((file, Arc::new(lease))),
            Err(why) => {
                io::stdout().write_all(format!("\nSKIP a lease: {why}\n").as_bytes()).unwrap();
                None
            }
        }
    }

    #[test]
    fn who_waits_to_write_is_let_in_while_windows_live_and_these_keep_their_bytes() {
        let Some((file, lease)) = leased(&[7; 10_000]) else { return };
        let Ok(window) = lease.map(&(4_000..9_000)) else { panic!("held") };
        let mapped = window.address();
        // Waits until a copy is there.
        File::options().write(true).open(file.path()).unwrap().set_len(0).unwrap();
        assert!(!lease.is_held() && !lease.is_lost());
        assert_eq!((window.address(), &window[..]), (mapped, &[7; 5_000][..]));
        assert!(matches!(lease.map(&(0..1)), Err(Refused::Unmappable)));
    }

    #[test]
    fn a_lease_that_was_taken_away_is_noticed() {
        let Some((file, lease)) = leased(&[7; 10_000]) else { return };
        let Ok(_window) = lease.map(&(0..10_000)) else { panic!("held") };
        assert!(!lease.is_lost());
        // As the system does to a process that does not answer.
        control(file.as_file(), libc::F_SETLEASE, libc::F_UNLCK).unwrap();
        assert!(lease.is_lost());
        assert!(matches!(lease.map(&(0..1)), Err(Refused::Lost)));
    }

    #[test]
    fn the_lease_ends_with_the_last_window() {
        let Some((file, lease)) = leased(&[7; 10]) else { return };
        let Ok(window) = lease.map(&(0..10)) else { panic!("held") };
        let held = |file: &File| control(file, libc::F_GETLEASE, 0).unwrap() == libc::F_RDLCK;
        drop(lease);
        assert!(held(file.as_file()));
        drop(window);
        assert!(!held(file.as_file()));
    }

    #[test]
    fn a_window_that_may_have_become_a_hole_ends_the_process() {
        const NAME: &str = "mapped::lease::tests::a_window_that_may_have_become_a_hole_ends_the_process";
        const IS_CHILD: &str = "PIPE_STREAM_HOLE";
        if env::var_os(IS_CHILD).is_some() {
            // The last page that an address can name is not the process's, so the system refuses.
            let nobodys = usize::MAX - (page_size() - 1);
            put_over(MmapMut::map_anon(1).unwrap().make_read_only().unwrap(), nobodys);
            return;
        }
        let mut child = Command::new(env::current_exe().unwrap());
        let ended = child.args(["--exact", NAME, "--nocapture"]).env(IS_CHILD, "").output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.signal(), Some(libc::SIGABRT), "{told}");
        assert!(told.contains("no copy in the place of a mapped window: Invalid argument"), "{told}");
    }
}
