//! What the driver knows: its devices, their contexts, and what lies in them.

use crate::kernels::{Grid, Launch};
use crate::memory::{DeviceMemory, HostMemory};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) const SUCCESS: i32 = 0;
pub(crate) const INVALID_VALUE: i32 = 1;
pub(crate) const OUT_OF_MEMORY: i32 = 2;
pub(crate) const NO_DEVICE: i32 = 100;
pub(crate) const INVALID_DEVICE: i32 = 101;
pub(crate) const NO_BINARY: i32 = 209;
pub(crate) const INVALID_CONTEXT: i32 = 201;
pub(crate) const ALREADY_REGISTERED: i32 = 712;
pub(crate) const NOT_FOUND: i32 = 500;

/// Everything; one lock, for every call.
pub(crate) struct State {
    /// Calls since the reset.
    pub(crate) calls: u64,
    pub(crate) failing: Option<Failing>,
    pub(crate) devices: i32,
    pub(crate) capability: i32,
    /// The device whose context is that of the thread that calls.
    pub(crate) current: i32,
    /// How often each context was retained and not released.
    pub(crate) retained: BTreeMap<i32, i64>,
    /// Which kernels each module has, by their places in the table, and on which device it is.
    pub(crate) modules: BTreeMap<usize, (i32, BTreeSet<usize>)>,
    /// Runs in place of the grid that was asked for.
    pub(crate) grid: Option<Grid>,
    /// What waits on each stream, and which device it is of.
    pub(crate) streams: BTreeMap<usize, (i32, VecDeque<Work>)>,
    pub(crate) host: HostMemory,
    pub(crate) device: DeviceMemory,
    pub(crate) violations: Vec<String>,
    /// The most streams that had work at once.
    pub(crate) busiest: usize,
    /// How many kernels were launched on each device.
    pub(crate) launched: BTreeMap<i32, usize>,
    next: usize,
}

/// Which call fails, and with what.
#[derive(Clone, Copy)]
pub(crate) struct Failing {
    pub(crate) at: u64,
    pub(crate) code: i32,
    /// Whether every later one fails, too: the device is lost.
    pub(crate) is_lost: bool,
    /// Only calls in the context of this one.
    pub(crate) device: Option<i32>,
}

/// What waits on a stream.
pub(crate) enum Work {
    There { device: u64, host: usize, bytes: usize },
    Back { device: u64, host: usize, bytes: usize },
    Within { to: u64, from: u64, bytes: usize },
    Launch(Launch),
}

impl State {
    const fn new() -> Self {
        State {
            calls: 0,
            failing: None,
            devices: 1,
            capability: 9,
            current: NO_CONTEXT,
            retained: BTreeMap::new(),
            modules: BTreeMap::new(),
            grid: None,
            streams: BTreeMap::new(),
            host: HostMemory::new(),
            device: DeviceMemory::new(),
            violations: Vec::new(),
            busiest: 0,
            launched: BTreeMap::new(),
            next: 0,
        }
    }

    /// A handle that none had before.
    pub(crate) fn handle(&mut self) -> usize {
        self.next += 1;
        0x1000 + self.next * 16
    }

    pub(crate) fn violated(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// Whether something of this device is used in the context of another one, which is a violation.
    pub(crate) fn is_elsewhere(&mut self, what: &str, owner: Option<i32>) -> bool {
        let is_elsewhere = owner.is_some_and(|owner| owner != self.current);
        if is_elsewhere {
            self.violated(format!("{what} of device {owner:?} in the context of {}", self.current));
        }
        is_elsewhere
    }

    /// Queues work; it runs when the stream is waited for.
    pub(crate) fn queue(&mut self, stream: usize, work: Work) -> i32 {
        let addresses: Vec<u64> = match &work {
            Work::There { device, .. } | Work::Back { device, .. } => vec![*device],
            Work::Within { to, from, .. } => vec![*to, *from],
            Work::Launch(launch) => launch.addresses().collect(),
        };
        for address in addresses {
            let owner = self.device.owner(address);
            self.is_elsewhere("memory", owner);
        }
        let owner = self.streams.get(&stream).map(|(owner, _)| *owner);
        self.is_elsewhere("a stream", owner);
        let Some((_, waiting)) = self.streams.get_mut(&stream) else {
            self.violated("work for a stream that does not exist");
            return INVALID_VALUE;
        };
        waiting.push_back(work);
        let busy = self.streams.values().filter(|(_, waiting)| !waiting.is_empty()).count();
        self.busiest = self.busiest.max(busy);
        SUCCESS
    }

    /// Does all that waits on the stream.
    pub(crate) fn synchronize(&mut self, stream: usize) -> i32 {
        let owner = self.streams.get(&stream).map(|(owner, _)| *owner);
        self.is_elsewhere("a stream", owner);
        let Some((_, waiting)) = self.streams.get_mut(&stream) else {
            self.violated("waited for a stream that does not exist");
            return INVALID_VALUE;
        };
        for work in std::mem::take(waiting) {
            let done = match work {
                Work::There { device, host, bytes } => self.device.write(device, &mut self.host, host, bytes),
                Work::Back { device, host, bytes } => self.device.read(device, &mut self.host, host, bytes),
                Work::Within { to, from, bytes } => self.device.copy(to, from, bytes),
                Work::Launch(launch) => launch.run(&mut self.device),
            };
            if let Err(what) = done {
                self.violated(what);
            }
        }
        SUCCESS
    }

    /// Whether something that waits on a stream uses the buffer that begins there, of the host or of the device.
    pub(crate) fn is_used(&self, host: Option<usize>, device: Option<u64>) -> bool {
        let of_host = |address: usize| host.is_some_and(|buffer| self.host.is_in(buffer, address));
        let of_device = |address: u64| device.is_some_and(|buffer| self.device.holds(buffer, address));
        let uses = |work: &Work| match work {
            Work::There { device, host, .. } | Work::Back { device, host, .. } => {
                of_host(*host) || of_device(*device)
            }
            Work::Within { to, from, .. } => of_device(*to) || of_device(*from),
            Work::Launch(launch) => launch.addresses().any(of_device),
        };
        self.streams.values().flat_map(|(_, waiting)| waiting).any(uses)
    }

    /// The context of a device goes, and all that lies in it; that is a leak, unless the device was lost.
    pub(crate) fn tear_down(&mut self, device: i32) {
        let before = self.left();
        self.modules.retain(|_, (owner, _)| *owner != device);
        self.streams.retain(|_, (owner, _)| *owner != device);
        self.host.clear(device);
        self.device.clear(device);
        let left = before - self.left();
        let is_lost = self.failing.is_some_and(|failing| {
            failing.is_lost && self.calls >= failing.at && failing.device.is_none_or(|lost| lost == device)
        });
        if left > 0 && !is_lost {
            self.violated(format!("the context went with {left} objects in it"));
        }
    }

    /// Objects in all contexts.
    pub(crate) fn left(&self) -> usize {
        self.modules.len() + self.streams.len() + self.host.len() + self.device.len()
    }
}

/// What is current on a thread that has no context.
pub(crate) const NO_CONTEXT: i32 = -1;

static STATE: Mutex<State> = Mutex::new(State::new());

thread_local! {
    /// The device whose context it is.
    static CONTEXT: Cell<i32> = const { Cell::new(NO_CONTEXT) };
}

pub(crate) fn set_context(device: i32) {
    CONTEXT.set(device);
}

pub(crate) fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Back to the beginning.
pub(crate) fn reset() {
    *state() = State::new();
}

/// What a call is to do when it was told to fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// Nothing.
    Plain,
    /// Nothing. It belongs to this device, whichever is current.
    Entering(i32),
    /// Nothing; and it needs a context, which is a violation to lack.
    InContext,
    /// What it always does: it frees. It needs a context.
    Freeing,
    /// As `Freeing`, also when the device is lost: the context itself.
    Closing,
}

/// Makes a call: counts it, fails it if it is its turn, else does what it does.
pub(crate) fn call(name: &str, kind: Call, action: impl FnOnce(&mut State) -> i32) -> i32 {
    let mut state = state();
    state.calls += 1;
    state.current = CONTEXT.get();
    let current = if let Call::Entering(device) = kind { device } else { state.current };
    if matches!(kind, Call::InContext | Call::Freeing) && current == NO_CONTEXT {
        state.violated(format!("{name} without a context"));
        return INVALID_CONTEXT;
    }
    let failing = state.failing.filter(|failing| failing.device.is_none_or(|device| device == current));
    let turn = failing.filter(|failing| match failing.is_lost {
        true => state.calls >= failing.at,
        false => state.calls == failing.at,
    });
    let Some(failing) = turn else { return action(&mut state) };
    let acts = kind == Call::Closing || (kind == Call::Freeing && !failing.is_lost);
    if acts {
        action(&mut state);
    }
    failing.code
}
