//! One operation for a whole batch of items, with an answer for each of them.

use crate::async_step::AsyncStep;
use crate::opaque::opaque;
use crate::stage::BoxError;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Made by [`Pipeline::try_map_batch_async`](crate::Pipeline::try_map_batch_async).
pub struct BatchCall<F, T, U, E> {
    call: F,
    items: PhantomData<fn(T) -> (U, E)>,
}

opaque!([F, T, U, E] BatchCall[F, T, U, E]);

impl<F, T, U, E> BatchCall<F, T, U, E> {
    pub(crate) fn new(call: F) -> Self {
        BatchCall { call, items: PhantomData }
    }
}

impl<T, U, E, F, Fut> AsyncStep for BatchCall<F, T, U, E>
where
    T: Send + 'static,
    U: Send + 'static,
    E: Into<BoxError>,
    F: Fn(Vec<T>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Vec<U>, E>>,
{
    type In = Vec<T>;
    type Out = Vec<U>;
    type Future = Answers<Fut>;

    fn call(&self, items: Vec<T>) -> Answers<Fut> {
        Answers { asked: items.len(), call: Box::pin((self.call)(items)) }
    }

    fn settle((asked, answers): (usize, Result<Vec<U>, E>)) -> Result<Vec<U>, BoxError> {
        let answers = answers.map_err(Into::into)?;
        if answers.len() == asked {
            return Ok(answers);
        }
        Err(WrongAnswers { asked, answered: answers.len() }.into())
    }
}

/// The operation of a batch, which knows how many answers there must be. In a box, one for each batch: so it can be polled without
/// unsafe code.
pub struct Answers<Fut> {
    asked: usize,
    call: Pin<Box<Fut>>,
}

opaque!([Fut] Answers[Fut]);

impl<Fut: Future> Future for Answers<Fut> {
    type Output = (usize, Fut::Output);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let asked = self.asked;
        self.call.as_mut().poll(cx).map(|answers| (asked, answers))
    }
}

/// A call for a whole batch did not give an answer for each of its items: the stage's error then, as any other of its own. Which answer is
/// that of which item cannot be known, so all of them are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrongAnswers {
    /// How many items there were.
    pub asked: usize,
    /// How many answers.
    pub answered: usize,
}

impl fmt::Display for WrongAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answers to {} items", self.answered, self.asked)
    }
}

impl Error for WrongAnswers {}
