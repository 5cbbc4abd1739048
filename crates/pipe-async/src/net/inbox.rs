//! Frames that have come and have not been pulled.

use super::error::NetError;
use super::listener::Frame;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use tokio::sync::Semaphore;

/// Between the connections, which wait for room, and the one who pulls, who waits for frames.
pub(super) struct Inbox {
    state: Mutex<State>,
    come: Condvar,
    /// A permit for each byte.
    room: Semaphore,
    most: usize,
}

#[derive(Default)]
pub(super) struct State {
    frames: VecDeque<Result<Frame, NetError>>,
    waker: Option<Waker>,
    /// There will be no more, or only this error.
    ended: Option<Result<(), NetError>>,
}

/// What there is.
pub(super) enum Mail {
    Frames(Vec<Result<Frame, NetError>>),
    End(Result<(), NetError>),
    Nothing,
}

impl Inbox {
    pub(super) fn new(most: usize) -> Self {
        Inbox { state: Mutex::default(), come: Condvar::new(), room: Semaphore::new(most), most }
    }

    /// Adds a frame, or how a connection ended, as soon as there is room.
    pub(super) async fn put(&self, arrived: Result<Frame, NetError>) {
        let permits = u32::try_from(self.cost(&arrived)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        if let Ok(room) = self.room.acquire_many(permits).await {
            room.forget();
        }
        let mut state = self.lock();
        // Nobody reads behind the end, and what still came would keep its error back.
        if state.ended.is_none() {
            state.frames.push_back(arrived);
            self.tell(state);
        }
    }

    /// Ends it: what has come is given, and then how it ended. The first end counts.
    pub(super) fn end(&self, how: Result<(), NetError>) {
        let mut state = self.lock();
        state.ended.get_or_insert(how);
        self.tell(state);
    }

    fn tell(&self, mut state: MutexGuard<'_, State>) {
        let waker = state.waker.take();
        drop(state);
        self.come.notify_one();
        waker.into_iter().for_each(Waker::wake);
    }

    /// What has come, up to this many frames and about this many bytes.
    pub(super) fn look(&self, items: usize, bytes: usize, waker: Option<&Waker>) -> Mail {
        // Cloned before the lock is taken: a waker is foreign code.
        let waker = waker.cloned();
        self.collect(self.lock(), items, bytes, waker)
    }

    /// As `look`, once there is something.
    pub(super) fn wait(&self, items: usize, bytes: usize) -> Mail {
        let is_empty = |state: &mut State| state.frames.is_empty() && state.ended.is_none();
        let state = self.come.wait_while(self.lock(), is_empty).unwrap_or_else(PoisonError::into_inner);
        self.collect(state, items, bytes, None)
    }

    fn collect(
        &self,
        mut state: MutexGuard<'_, State>,
        items: usize,
        bytes: usize,
        waker: Option<Waker>,
    ) -> Mail {
        let (mut frames, mut taken, mut freed) = (Vec::new(), 0, 0);
        while frames.len() < items.max(1)
            && (frames.is_empty() || taken < bytes)
            && let Some(frame) = state.frames.pop_front()
        {
            taken += frame.as_ref().map_or(0, |frame| frame.bytes.len());
            freed += self.cost(&frame);
            frames.push(frame);
        }
        if !frames.is_empty() {
            drop(state);
            self.room.add_permits(freed);
            return Mail::Frames(frames);
        }
        match state.ended.take() {
            Some(how) => {
                state.ended = Some(Ok(()));
                Mail::End(how)
            }
            None => {
                let before = std::mem::replace(&mut state.waker, waker);
                drop(state);
                drop(before);
                Mail::Nothing
            }
        }
    }

    /// A frame with what it is kept in. One alone never waits for room that there is not.
    fn cost(&self, arrived: &Result<Frame, NetError>) -> usize {
        let bytes = arrived.as_ref().map_or(0, |frame| frame.bytes.len());
        (bytes + size_of::<Result<Frame, NetError>>()).min(self.most)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
