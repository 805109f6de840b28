//! Points of batches go to the head when a store is opened.
//!
//! To add a point is mostly to wait for the memory of its series, so several threads do it, each with
//! series of its own.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use apptuit_model::Timestamp;

use super::head::Head;
use crate::{Points, SeriesId};

/// The most threads: more would wait for the one that reads.
const THREADS: usize = 8;
/// Points that a thread is sent at a time.
const PIECE_POINTS: usize = 8192;
/// Pieces that wait for a thread.
const PIECES: usize = 4;

/// Points for one thread.
#[derive(Debug, Default)]
struct Piece {
    points: Points,
    /// Of which batches they are: the number of each, and how many points.
    batches: Vec<(i64, usize)>,
}

/// What gives each thread its points, in the order of their batches.
#[derive(Debug)]
pub(super) struct Replay {
    threads: Vec<(SyncSender<Piece>, Piece)>,
}

/// The points that `read` adds.
pub(super) fn replay<E>(read: impl FnOnce(&mut Replay) -> Result<(), E>) -> Result<Head, E> {
    let count = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    thread::scope(|scope| {
        let (mut threads, mut heads) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (sender, pieces) = sync_channel(PIECES);
            threads.push((sender, Piece::default()));
            heads.push(scope.spawn(move || add(&pieces)));
        }
        let mut replay = Replay { threads };
        let outcome = read(&mut replay);
        for thread in &mut replay.threads {
            flush(thread);
        }
        drop(replay);
        let heads =
            heads.into_iter().map(|head| head.join().expect("a thread adds what it is sent"));
        let head = Head::joined(heads.collect());
        outcome.map(|()| head)
    })
}

/// A head of the points of one thread.
fn add(pieces: &Receiver<Piece>) -> Head {
    let mut head = Head::default();
    for Piece { points, batches } in pieces {
        let mut rest = points.columns();
        for (batch, count) in batches {
            let (of_batch, others) = rest.split_at(count);
            head.add(of_batch, batch);
            rest = others;
        }
    }
    head
}

impl Replay {
    /// Adds a point of a batch, which none before is later than.
    pub(super) fn add(&mut self, series: u32, at: Timestamp, value: f64, batch: i64) {
        let (place, number) = Head::part(series, self.threads.len());
        let Some(thread) = self.threads.get_mut(place) else { return };
        let Piece { points, batches } = &mut thread.1;
        points.push(SeriesId::new(number), at, value);
        match batches.last_mut() {
            Some((last, count)) if *last == batch => *count += 1,
            _ => batches.push((batch, 1)),
        }
        if points.len() == PIECE_POINTS {
            flush(thread);
        }
    }
}

fn flush((sender, piece): &mut (SyncSender<Piece>, Piece)) {
    sender.send(std::mem::take(piece)).expect("a thread adds all that it is sent");
}
