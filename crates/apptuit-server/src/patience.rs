//! Connections whose other side does not read what it asked for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A connection that fails if what is written to it is not taken in time.
#[derive(Debug)]
pub(crate) struct Patient<S> {
    stream: S,
    limits: Patience,
    /// Since when the other side owes to take something, and since when it took nothing.
    owes: Option<Owes>,
}

/// How long the other side of a connection may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// To take any of what is written.
    pub(crate) idle: Duration,
    /// To take all of it.
    pub(crate) total: Duration,
}

#[derive(Debug)]
struct Owes {
    until: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, limits: Patience) -> Self {
        Self { stream, limits, owes: None }
    }

    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    /// What a write came to, or that it has waited too long.
    fn judged<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() && self.owes.is_none() {
            return written;
        }
        let Patience { idle, total } = self.limits;
        let now = Instant::now();
        match (&written, &mut self.owes) {
            (Poll::Pending, None) => {
                let until = now + total;
                let sleep = Box::pin(sleep_until(until.min(now + idle)));
                self.owes = Some(Owes { until, sleep });
            }
            (Poll::Ready(_), Some(owes)) => owes.sleep.as_mut().reset(owes.until.min(now + idle)),
            (_, _) => {}
        }
        match (written, &mut self.owes) {
            (Poll::Pending, Some(owes)) => {
                ready!(owes.sleep.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            (written, _) => written,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judged(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.judged(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        let flushed = self.judged(flushed, context);
        if flushed.is_ready() {
            // All that was written is on its way.
            self.owes = None;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judged(shut, context)
    }
}
