//! Time, randomness, sleeping and spawning.

use std::future::Future;
use std::pin::Pin;

use domain::time::{Moment, Span};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the machine gives, so that nothing in `app` reaches for it by itself.
pub trait Runtime: Send + Sync + 'static {
    fn now(&self) -> Moment;
    /// Fills the buffer with random bytes fit for secrets.
    fn random(&self, buffer: &mut [u8]);
    fn sleep(&self, span: Span) -> BoxFuture<'static, ()>;
    /// Runs to its end even if nobody waits for it; a graceful shutdown waits.
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>);
    /// Runs CPU-heavy work (password hashing) away from the I/O threads.
    fn blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()>;
}
