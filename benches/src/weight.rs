//! Raises the scheduling weight of a contender's process, so that other work on the machine disturbs it less.
//!
//! Where the kernel groups processes by session (autogroup), niceness counts inside a group only; so a contender opens a
//! session of its own, raises that group, and then itself. All of it is a wish: without permission the run goes on, and
//! the report says that it did.

use rustix::process::{Signal, setpriority_process, setsid};

/// Nice levels go from 19 to -20.
const STRONGEST: i32 = -20;

/// Raises this process as far as the machine permits, and tells how far that was.
pub(crate) fn lift() -> String {
    // A process that leads its group already cannot open a session; its group is then left as it is.
    let group = setsid().is_ok() && std::fs::write("/proc/self/autogroup", STRONGEST.to_string()).is_ok();
    let nice = setpriority_process(None, STRONGEST).is_ok();
    die_with_parent();
    match (group, nice) {
        (true, true) => "raised: autogroup -20, nice -20".to_owned(),
        (true, false) => "raised: autogroup -20".to_owned(),
        (false, true) => "raised: nice -20 (no autogroup, or not permitted)".to_owned(),
        (false, false) => "not raised: not permitted".to_owned(),
    }
}

/// In a session of its own the process no longer hears the terminal's Ctrl-C, so it ends with the runner.
#[cfg(target_os = "linux")]
fn die_with_parent() {
    // Refused only for an invalid signal; then the runner's own limit on a contender is what is left.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent() {}
