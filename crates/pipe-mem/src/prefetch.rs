//! Reading the next batch while this one is worked on.

use pipe_core::plan::{AnySource, BoxBatch, RunState, discard};
use pipe_core::{Payload, Permit, RunError, Want};
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Whether [`Lazy`](crate::Lazy) reads ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prefetch {
    /// Nothing is read before it is needed.
    #[default]
    Off,
    /// A second thread reads the next batch while this one is worked on.
    OneBatch,
}

/// Where the loop gets its batches from.
pub(crate) enum Reader<'s, 'p> {
    Direct(&'s mut (dyn AnySource + 'p)),
    Ahead(Ahead<'s>),
}

impl Reader<'_, '_> {
    /// The next batch. Waits for it if it is being read already, whatever was wanted then.
    pub(crate) fn next(&mut self, want: Want) -> Result<Option<BoxBatch>, RunError> {
        match self {
            Reader::Direct(source) => source.pull(want),
            Reader::Ahead(ahead) => {
                ahead.begin(want);
                ahead.wait()
            }
        }
    }

    /// Begins to read the next batch, if there is somebody to do it.
    pub(crate) fn begin(&mut self, want: Want) {
        match self {
            Reader::Direct(_) => {}
            Reader::Ahead(ahead) => ahead.begin(want),
        }
    }

    /// How many batches of the source may be alive at once.
    pub(crate) fn batches(&self) -> usize {
        match self {
            Reader::Direct(_) => 1,
            Reader::Ahead(_) => 2,
        }
    }

    /// Ends the thread, and drops what it has read for nothing.
    ///
    /// # Errors
    /// An item panicked in its `Drop`.
    pub(crate) fn close(self) -> Result<(), RunError> {
        match self {
            Reader::Direct(_) => Ok(()),
            Reader::Ahead(Ahead { wants, answers, thread, .. }) => {
                drop(wants);
                let drop_all = || answers.iter().for_each(drop);
                let panicked = |thrown| panicked("drop of an item", thrown);
                let dropped = catch_unwind(AssertUnwindSafe(drop_all)).map_err(panicked);
                // The scope waits for its body only, not for what the thread itself has to drop.
                let ended = thread.join().map_err(panicked);
                dropped.and(ended)
            }
        }
    }
}

/// A thread that pulls a batch whenever one is wanted: one at a time, since nobody asks before the last answer is there.
pub(crate) struct Ahead<'s> {
    wants: SyncSender<Want>,
    answers: Receiver<Answer>,
    begun: bool,
    thread: ScopedJoinHandle<'s, ()>,
}

struct Answer {
    pulled: Result<Option<BoxBatch>, RunError>,
    /// For as long as the batch waits here. Whoever works on it takes one of his own.
    permit: Option<Permit>,
}

impl<'s> Ahead<'s> {
    /// # Errors
    /// The system refuses the thread.
    pub(crate) fn start<'p>(
        scope: &'s Scope<'s, '_>,
        source: &'s mut (dyn AnySource + 'p),
        run: &'s RunState,
    ) -> io::Result<Self> {
        let (wants, wanted) = sync_channel(1);
        let (answer, answers) = sync_channel(1);
        let body = move || {
            for want in wanted {
                let answered = answer.send(Answer::of(source, want, run));
                // Nobody listens: the run ends in a panic already, and does not need a second one.
                let Err(unwanted) = answered else { continue };
                return discard(unwanted);
            }
        };
        let thread = Builder::new().name("pipe-mem-ahead".to_owned()).spawn_scoped(scope, body)?;
        Ok(Ahead { wants, answers, begun: false, thread })
    }

    fn begin(&mut self, want: Want) {
        if !self.begun {
            self.wants.send(want).expect("the thread listens as long as this lives");
            self.begun = true;
        }
    }

    fn wait(&mut self) -> Result<Option<BoxBatch>, RunError> {
        self.begun = false;
        let Answer { pulled, permit } = self.answers.recv().expect("each want is answered");
        drop(permit);
        pulled
    }
}

impl Answer {
    fn of(source: &mut dyn AnySource, want: Want, run: &RunState) -> Self {
        let pulled = catch_unwind(AssertUnwindSafe(|| source.pull(want)));
        let pulled = pulled.unwrap_or_else(|thrown| Err(panicked("source", thrown)));
        let bytes = pulled.as_ref().ok().and_then(|batch| Some(batch.as_ref()?.bytes()));
        Answer { pulled, permit: bytes.map(|bytes| run.budget().overdraw(bytes)) }
    }
}

pub(crate) fn panicked(stage: &str, thrown: Box<dyn Any + Send>) -> RunError {
    RunError::Panicked { stage: stage.to_owned(), at: None, payload: Payload::new(thrown) }
}
