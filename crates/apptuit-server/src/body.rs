//! Bodies of requests, as they arrive.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::time::{Instant, timeout, timeout_at};

use crate::admission::Memory;
use crate::error::{ApiError, Kind};

/// Room made for a body at first, whatever it says of its size.
const FIRST_ROOM_BYTES: usize = 64 * 1024;

/// How large a body may be, and how slow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    pub(crate) max_bytes: usize,
    pub(crate) idle: Duration,
    pub(crate) total: Duration,
}

/// A body, and the memory it is counted with.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    _memory: Memory,
}

/// Reads a body to its end.
pub(crate) async fn receive(
    mut body: Body,
    limits: BodyLimits,
    mut memory: Memory,
) -> Result<Received, ApiError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    check_size(announced, limits.max_bytes)?;
    let mut bytes = Vec::with_capacity(announced.min(FIRST_ROOM_BYTES));
    let mut deadline = None;
    loop {
        // What is there already needs no clock.
        let piece = match poll_fn(|context| Poll::Ready(poll_next(&mut body, context))).await {
            Poll::Ready(piece) => piece?,
            Poll::Pending => {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + limits.total);
                // In a box, so that what bodies need which are there is small.
                Box::pin(later(&mut body, limits, deadline)).await?
            }
        };
        let Some(piece) = piece else { break };
        let size = bytes.len().saturating_add(piece.len());
        check_size(size, limits.max_bytes)?;
        memory.grow_to(size)?;
        bytes.extend_from_slice(&piece);
    }
    Ok(Received { bytes, _memory: memory })
}

fn check_size(bytes: usize, max_bytes: usize) -> Result<(), ApiError> {
    if bytes <= max_bytes {
        return Ok(());
    }
    let message = format!("the body is too large: at most {max_bytes} bytes are taken");
    Err(ApiError::new(Kind::TooLarge, message))
}

/// The next piece of data, or `None` at the end, as soon as it comes.
async fn later(
    body: &mut Body,
    limits: BodyLimits,
    deadline: Instant,
) -> Result<Option<Bytes>, ApiError> {
    let next = poll_fn(|context| poll_next(body, context));
    let message = match timeout_at(deadline, timeout(limits.idle, next)).await {
        Ok(Ok(piece)) => return piece,
        Ok(Err(_)) => format!("the body paused for more than {:?}", limits.idle),
        Err(_) => format!("the body took more than {:?}", limits.total),
    };
    Err(ApiError::new(Kind::SlowBody, message))
}

fn poll_next(body: &mut Body, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ApiError>> {
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(context)) {
            None => return Poll::Ready(Ok(None)),
            Some(Ok(frame)) => {
                // Trailers are skipped.
                if let Ok(data) = frame.into_data() {
                    return Poll::Ready(Ok(Some(data)));
                }
            }
            Some(Err(error)) => {
                let message = format!("the body could not be read to its end: {error}");
                return Poll::Ready(Err(ApiError::new(Kind::InvalidBody, message)));
            }
        }
    }
}
