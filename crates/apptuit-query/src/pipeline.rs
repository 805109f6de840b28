//! Series through stages, split over threads, with the same result for any number of them.
//!
//! Series stand in one order. Threads take blocks of neighbours, each block once, put its series
//! through the stages one after the other, and hand in what came out; what is handed in is put
//! together in the order of the blocks. So a sum adds its values in one order, whoever worked them
//! out, and of a series only a piece and its results are in memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use apptuit_model::{TimeRange, Timestamp};

use crate::error::Fault;
use crate::frame::{Columns, Frame, POINT_BYTES, Series, all_finite, cmp_tags};
use crate::operators::aggregate::{Aggregate, Group};
use crate::operators::stage::{Chain, Stage, read_range};
use crate::run::Run;
use crate::source::Selection;
use crate::syntax::Span;

/// Points that go through the stages in one go: few enough for the nearest cache.
const PIECE: usize = 1024;
/// Series in a block at the most.
const MAX_BLOCK: usize = 64;
/// Blocks for each thread, where there are enough series: some take longer than others.
const BLOCKS_PER_THREAD: usize = 8;
/// Blocks that a thread may be ahead of what is put together.
const AHEAD: usize = 64;
/// Points for which a second thread is not worth its start.
const FEW_POINTS: usize = 50_000;

/// Where the series are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From a source, untouched: not all of it may be asked for or finite.
    Source,
    /// From a source that has done some stages.
    HelpfulSource,
    /// From an operator.
    Frame,
}

/// The frame that becomes of a selection by stages.
pub(crate) fn run(
    selection: &dyn Selection,
    origin: Origin,
    stages: &[Stage],
    run: &Run<'_>,
    span: Span,
) -> Result<Frame, Fault> {
    let aggregate = stages.iter().find_map(|stage| match stage {
        Stage::Aggregate(aggregate) => Some(aggregate),
        _ => None,
    });
    // One pass over all tags, which may be more than a cache holds.
    let mut numbering = aggregate.map(|aggregate| aggregate.grouping.numbering());
    let (mut in_order, mut groups) = (true, Vec::new());
    for n in 0..selection.series() {
        let tags = selection.tags(n);
        in_order &= n == 0 || cmp_tags(selection.tags(n - 1), tags).is_le();
        groups.extend(numbering.as_mut().map(|numbering| numbering.of(tags)));
    }
    let group = |n: usize| groups.get(n).copied().unwrap_or(0);
    let mut order: Vec<usize> = (0..selection.series()).collect();
    if !in_order {
        order.sort_by(|a, b| cmp_tags(selection.tags(*a), selection.tags(*b)));
    }
    if aggregate.is_some() {
        // Stable: within a group the order stays.
        order.sort_by_key(|n| group(*n));
    }

    let few = selection.points().is_some_and(|points| points < FEW_POINTS);
    let threads = if few { 1 } else { run.threads() };
    let block = (order.len() / (threads * BLOCKS_PER_THREAD)).clamp(1, MAX_BLOCK);
    let work = Work {
        selection,
        origin,
        stages,
        aggregate,
        reads: read_range(run.range(), stages),
        order: order.iter().map(|n| (*n, group(*n))).collect(),
        block,
        run,
        span,
        next: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
        result: Mutex::new(Assembly::default()),
        turn: Condvar::new(),
    };
    let helpers = threads.min(work.order.len().div_ceil(block)).saturating_sub(1);
    thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|| work.go());
        }
        work.go();
    });
    work.finish()
}

struct Work<'a> {
    selection: &'a dyn Selection,
    origin: Origin,
    stages: &'a [Stage],
    aggregate: Option<&'a Aggregate>,
    reads: TimeRange,
    /// The series in the order of the result, each with its group; groups are together.
    order: Vec<(usize, usize)>,
    /// Series in a block.
    block: usize,
    run: &'a Run<'a>,
    span: Span,
    /// The first block that nobody has taken.
    next: AtomicUsize,
    stopped: AtomicBool,
    result: Mutex<Assembly>,
    /// Told whenever `result` has grown, and at a stop.
    turn: Condvar,
}

/// What has been put together.
#[derive(Default)]
struct Assembly {
    /// Blocks in it.
    blocks: usize,
    /// Blocks that came before their turn.
    early: BTreeMap<usize, Vec<Done>>,
    series: Vec<Series>,
    /// The group that grows, and its number.
    group: Option<(usize, Group)>,
    /// Bytes of the run's budget that it takes.
    bytes: usize,
    fault: Option<(usize, Fault)>,
}

/// A series that went through the stages.
struct Done {
    n: usize,
    group: usize,
    points: Columns,
}

impl Work<'_> {
    /// Works on blocks until there are no more.
    fn go(&self) {
        let _alarm = Alarm(self);
        let mut chain = Chain::new(self.stages, self.run.range());
        loop {
            let block = self.next.fetch_add(1, Ordering::Relaxed);
            let series = self.order.chunks(self.block).nth(block);
            let Some(series) = series.filter(|_| !self.stopped.load(Ordering::Relaxed)) else {
                return;
            };
            let done = self.put_through(series, &mut chain);
            if let Err(fault) = done.and_then(|done| self.hand_in(block, done)) {
                let mut result = self.result();
                if result.fault.as_ref().is_none_or(|(earlier, _)| block < *earlier) {
                    result.fault = Some((block, fault));
                }
                drop(result);
                self.stop();
                return;
            }
        }
    }

    fn put_through(
        &self,
        series: &[(usize, usize)],
        chain: &mut Chain,
    ) -> Result<Vec<Done>, Fault> {
        let mut done = Vec::with_capacity(series.len());
        // Mostly a series has as many points as its neighbour.
        let mut expected = 0;
        for &(n, group) in series {
            self.run.still_wanted(self.span)?;
            let mut points = Columns::with_capacity(expected);
            if self.one(n, chain, &mut points)? {
                self.run.hold(points.len() * POINT_BYTES, self.span)?;
                expected = points.len();
                done.push(Done { n, group, points });
            }
        }
        Ok(done)
    }

    /// Puts a series through the stages, and tells whether it is there at all: one without a point
    /// in the range is not, even where earlier points were read.
    fn one(&self, n: usize, chain: &mut Chain, out: &mut Columns) -> Result<bool, Fault> {
        let mut outcome = Ok(self.origin != Origin::Source);
        let mut finite = Columns::default();
        let read = self.selection.read(n, &mut |timestamps, values| {
            let (timestamps, values) = self.asked_for(timestamps, values);
            for (timestamps, values) in timestamps.chunks(PIECE).zip(values.chunks(PIECE)) {
                let taken = if all_finite(values) {
                    self.take(timestamps, values, chain, out)
                } else {
                    finite.clear();
                    finite.extend(timestamps, values);
                    self.take(finite.timestamps(), finite.values(), chain, out)
                };
                match (&mut outcome, taken) {
                    (Ok(there), Ok(inside)) => *there |= inside,
                    (_, Err(fault)) => outcome = Err(fault),
                    _ => {}
                }
                if outcome.is_err() {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        chain.finish(out);
        let there = outcome?;
        read.map_err(|error| Fault::of_source(&error, self.span))?;
        Ok(there)
    }

    /// Takes a piece, and tells whether it has a point in the range.
    fn take(
        &self,
        timestamps: &[Timestamp],
        values: &[f64],
        chain: &mut Chain,
        out: &mut Columns,
    ) -> Result<bool, Fault> {
        if self.origin == Origin::Source {
            self.run.count_read(0, timestamps.len(), self.span)?;
            self.run.still_wanted(self.span)?;
        }
        chain.take(timestamps, values, out);
        Ok(timestamps.last().is_some_and(|last| *last >= self.run.range().start()))
    }

    /// Of ascending points those that were to be read.
    fn asked_for<'p>(
        &self,
        timestamps: &'p [Timestamp],
        values: &'p [f64],
    ) -> (&'p [Timestamp], &'p [f64]) {
        let len = timestamps.len().min(values.len());
        let (mut from, mut to) = (0, len);
        if self.origin == Origin::Source {
            if timestamps.first().is_some_and(|first| *first < self.reads.start()) {
                from = timestamps.partition_point(|instant| *instant < self.reads.start());
            }
            if timestamps.last().is_some_and(|last| *last > self.reads.end()) {
                to = timestamps.partition_point(|instant| *instant <= self.reads.end()).min(len);
            }
        }
        let within = from.min(to)..to;
        (timestamps.get(within.clone()).unwrap_or_default(), values.get(within).unwrap_or_default())
    }

    /// Puts a block where it belongs, once those before it are there.
    fn hand_in(&self, block: usize, done: Vec<Done>) -> Result<(), Fault> {
        let mut result = self.result();
        while block > result.blocks + AHEAD && !self.stopped.load(Ordering::Relaxed) {
            result = self.turn.wait(result).unwrap_or_else(PoisonError::into_inner);
        }
        result.early.insert(block, done);
        loop {
            let next = result.blocks;
            let Some(done) = result.early.remove(&next) else { break };
            result.blocks += 1;
            for done in done {
                self.put(done, &mut result)?;
            }
        }
        drop(result);
        self.turn.notify_all();
        Ok(())
    }

    fn put(&self, done: Done, result: &mut Assembly) -> Result<(), Fault> {
        let tags = self.selection.tags(done.n);
        let aggregated_tags = self.selection.aggregated_tags(done.n);
        let bytes = done.points.len() * POINT_BYTES;
        let Some(aggregate) = self.aggregate else {
            let mut series = Series::new(tags.clone(), aggregated_tags.to_vec());
            series.points = done.points;
            result.series.push(series);
            result.bytes += bytes;
            return Ok(());
        };
        if result.group.as_ref().is_some_and(|(number, _)| *number != done.group) {
            self.end_group(aggregate, result)?;
        }
        let (_, group) =
            result.group.get_or_insert_with(|| (done.group, Group::new(aggregate.reducer)));
        let before = group.bytes();
        group.take(tags, aggregated_tags, &done.points);
        let after = group.bytes();
        self.run.release(bytes);
        self.run.hold(after.saturating_sub(before), self.span)?;
        self.run.release(before.saturating_sub(after));
        Ok(())
    }

    fn end_group(&self, aggregate: &Aggregate, result: &mut Assembly) -> Result<(), Fault> {
        if let Some((_, group)) = result.group.take() {
            let bytes = group.bytes();
            let series = group.finish(&aggregate.grouping);
            self.run.hold(series.len() * POINT_BYTES, self.span)?;
            self.run.release(bytes);
            result.bytes += series.len() * POINT_BYTES;
            result.series.push(series);
        }
        Ok(())
    }

    fn finish(self) -> Result<Frame, Fault> {
        let mut result = std::mem::take(&mut *self.result());
        if let Some((_, fault)) = result.fault {
            return Err(fault);
        }
        let Some(aggregate) = self.aggregate else {
            self.run.release(result.bytes);
            return Ok(Frame { series: result.series });
        };
        self.end_group(aggregate, &mut result)?;
        self.run.release(result.bytes);
        Ok(Frame::sorted(result.series))
    }

    /// Nothing is left half done under the lock but where a thread panics, and then nobody asks
    /// for the result.
    fn result(&self) -> MutexGuard<'_, Assembly> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        let _result = self.result();
        self.stopped.store(true, Ordering::Relaxed);
        self.turn.notify_all();
    }
}

/// Stops the others where a thread panics: they would wait for its block.
struct Alarm<'a, 'w>(&'a Work<'w>);

impl Drop for Alarm<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}
