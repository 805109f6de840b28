//! How much is let in at one time: puts, queries, and the memory of bodies.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use apptuit_model::wire::ContentEncoding;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::config::ServerConfig;
use crate::error::{ApiError, Kind};
use crate::turns::{Client, Turn, Turns};

/// Memory is counted in these, as the number of permits is limited.
const UNIT_BYTES: usize = 1024;
/// Memory taken at a time while a body arrives; the first of it is taken from no budget, so that large
/// bodies do not keep small ones out.
const STEP_BYTES: usize = 64 * 1024;
/// What deflate makes of the most regular input: 1032 bytes of one. Wrappers only add to the input.
const MAX_INFLATION: usize = 1032;
/// Of this many turns one is left for other clients.
const LEFT_OF: usize = 4;
/// Look-ups of names at one time; they are short.
const SUGGESTIONS: usize = 8;

/// What is let in at one time.
#[derive(Debug)]
pub(crate) struct Admission {
    puts: Arc<Turns>,
    reading: Arc<Turns>,
    queries: Arc<Turns>,
    suggestions: Arc<Turns>,
    held: Arc<Semaphore>,
    inflating: Arc<Semaphore>,
    max_inflated_bytes: usize,
    patience: Duration,
}

impl Admission {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        // The budget of all bodies is never less than what one may need, or that one never passes.
        let memory = |bytes: usize, one: usize| {
            let units = units(bytes.max(one).saturating_add(STEP_BYTES));
            Arc::new(Semaphore::new(units as usize))
        };
        let turns = |turns: usize| Turns::new(turns, turns - turns / LEFT_OF);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            puts: turns(config.max_concurrent_puts),
            reading: Turns::new(cores, cores),
            queries: turns(config.max_concurrent_queries),
            suggestions: turns(SUGGESTIONS),
            held: memory(config.max_held_bytes, config.max_body_bytes),
            inflating: memory(config.max_inflating_bytes, config.max_inflated_bytes),
            max_inflated_bytes: config.max_inflated_bytes,
            patience: config.max_wait,
        }
    }

    /// Threads that all who are let in need at most.
    pub(crate) fn threads(config: &ServerConfig) -> usize {
        let turns = config.max_concurrent_puts.saturating_add(config.max_concurrent_queries);
        // Besides the look-ups, a few for whoever closes the stores.
        turns.saturating_add(SUGGESTIONS + 4).min(4096)
    }

    /// Waits until one more put of this client may be read and kept.
    pub(crate) async fn put(&self, client: Client) -> Result<Turn, ApiError> {
        self.turn(&self.puts, client, "too many puts wait for their turn").await
    }

    /// Waits until one more large body of this client may be read, which takes a core for itself.
    pub(crate) async fn reading(&self, client: Client) -> Result<Turn, ApiError> {
        self.turn(&self.reading, client, "too many bodies wait to be read").await
    }

    /// Waits until one more query of this client may run.
    pub(crate) async fn query(&self, client: Client) -> Result<Turn, ApiError> {
        self.turn(&self.queries, client, "too many queries wait for their turn").await
    }

    /// Waits until names may be looked up once more for this client.
    pub(crate) async fn suggestion(&self, client: Client) -> Result<Turn, ApiError> {
        self.turn(&self.suggestions, client, "too many look-ups wait for their turn").await
    }

    async fn turn(&self, turns: &Arc<Turns>, client: Client, busy: &str) -> Result<Turn, ApiError> {
        let turn = turns.get(client, self.patience).await;
        turn.ok_or_else(|| ApiError::new(Kind::Overloaded, busy))
    }

    /// Waits for the memory that a body of `bytes` bytes can need once it is inflated.
    pub(crate) async fn inflation(
        &self,
        encoding: ContentEncoding,
        bytes: usize,
    ) -> Result<Room, ApiError> {
        let most = match encoding {
            ContentEncoding::Identity => bytes,
            _ => bytes.saturating_mul(MAX_INFLATION).min(self.max_inflated_bytes),
        };
        let waited = Arc::clone(&self.inflating).acquire_many_owned(units(most));
        let taken = timeout(self.patience, waited).await.ok().and_then(Result::ok);
        let taken = taken.ok_or_else(|| {
            ApiError::new(Kind::Overloaded, "too many large bodies wait for memory")
        })?;
        Ok(Room { taken })
    }

    /// Memory for a body that begins to arrive.
    pub(crate) fn memory(&self) -> Memory {
        Memory { budget: Arc::clone(&self.held), taken: None }
    }
}

/// The memory one body takes while it is inflated, read and kept.
#[derive(Debug)]
pub(crate) struct Room {
    taken: OwnedSemaphorePermit,
}

impl Room {
    /// Gives back what is more than `bytes` bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let more = self.taken.num_permits().saturating_sub(units(bytes) as usize);
        drop(self.taken.split(more));
    }
}

/// The memory one body takes while it arrives and waits.
#[derive(Debug)]
pub(crate) struct Memory {
    budget: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// Takes more, so that it is enough for `bytes` bytes.
    ///
    /// Never waits: bodies that wait for each other's memory would wait for ever.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), ApiError> {
        let taken = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let needed = units(bytes.saturating_sub(STEP_BYTES)) as usize;
        if needed <= taken {
            return Ok(());
        }
        let more = units((needed - taken).saturating_mul(UNIT_BYTES).max(STEP_BYTES));
        let more = Arc::clone(&self.budget).try_acquire_many_owned(more).map_err(|_| {
            ApiError::new(Kind::Overloaded, "too many large bodies arrive at one time")
        })?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        Ok(())
    }
}

/// Bytes in units of the budgets, rounded up.
fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(u32::MAX >> 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(max_held_bytes: usize, max_inflating_bytes: usize) -> Admission {
        Admission::new(&ServerConfig {
            max_body_bytes: 1 << 20,
            max_inflated_bytes: 4 << 20,
            max_held_bytes,
            max_inflating_bytes,
            max_wait: Duration::from_millis(20),
            max_concurrent_queries: 1,
            ..ServerConfig::default()
        })
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(future)
    }

    #[test]
    fn a_body_of_the_limit_always_finds_room_and_the_memory_comes_back() {
        let admission = admission(0, 0);
        for _ in 0..3 {
            let mut one = admission.memory();
            for bytes in (0..=1 << 20).step_by(1000) {
                one.grow_to(bytes).expect("there is room for one");
            }
            one.grow_to(1 << 20).expect("there is room for one");
            let mut other = admission.memory();
            assert!(other.grow_to(1 << 20).is_err());
        }
    }

    #[test]
    fn what_a_small_body_could_inflate_to_is_reserved() {
        run(async {
            let admission = admission(0, 0);
            let bomb = admission.inflation(ContentEncoding::Deflate, 1 << 20).await.expect("room");
            // 4 MiB are taken, and nearly no room is left.
            assert!(admission.inflation(ContentEncoding::Gzip, 1024).await.is_err());
            assert!(admission.inflation(ContentEncoding::Identity, 1024).await.is_ok());
            let mut bomb = bomb;
            bomb.shrink_to(2 << 20);
            assert!(admission.inflation(ContentEncoding::Gzip, 1024).await.is_ok());
            assert!(admission.inflation(ContentEncoding::Gzip, 4096).await.is_err());
            drop(bomb);
            assert!(admission.inflation(ContentEncoding::Gzip, 4096).await.is_ok());
        });
    }

    #[test]
    fn who_waits_too_long_for_a_turn_is_sent_away() {
        run(async {
            let (admission, client) = (admission(0, 0), Client::of_tenant("one"));
            let first = admission.query(client).await.expect("the first");
            let second = admission.query(client).await.expect_err("there is one turn");
            assert_eq!(
                second,
                ApiError::new(Kind::Overloaded, "too many queries wait for their turn")
            );
            drop(first);
            assert!(admission.query(client).await.is_ok());
        });
    }
}
