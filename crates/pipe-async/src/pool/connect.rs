//! How connections come into being.

use pipe_core::BoxError;
use std::future::{Future, ready};

/// Opens connections for a [`ConnectionPool`](crate::ConnectionPool). Closures that give a future of one are, without a check.
#[diagnostic::on_unimplemented(
    message = "`{Self}` opens no connections",
    note = "a closure whose future gives a `Result` does, if that future is `Send`"
)]
pub trait Connect: Send + Sync + 'static {
    /// What it opens. It is closed by being dropped.
    type Connection: Send + 'static;

    /// Opens one. The pool drops the future when who asked has waited long enough.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, BoxError>> + Send;

    /// Whether a connection that has been idle for a while may still be used. Unless it is written, it may.
    fn check(&self, connection: &mut Self::Connection) -> impl Future<Output = bool> + Send {
        let _ = connection;
        ready(true)
    }
}

impl<F, Fut, T, E> Connect for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send,
    T: Send + 'static,
    E: Into<BoxError>,
{
    type Connection = T;

    async fn connect(&self) -> Result<T, BoxError> {
        self().await.map_err(Into::into)
    }
}
