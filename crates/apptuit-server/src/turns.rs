//! Turns to work, given to one client after the other: who has much waiting does not hold up who has
//! little.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hash};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::quality::RandomState;
use tokio::sync::oneshot;
use tokio::time::timeout;

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// Who takes turns with others. It is a hash: should two be taken for one, they share their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client(u64);

impl Client {
    pub(crate) fn of_tenant(name: &str) -> Self {
        Self(HASHER.hash_one(name))
    }

    /// Of an IPv6 address the network part: hosts choose the rest as they like.
    pub(crate) fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(HASHER.hash_one(address.octets())),
            IpAddr::V6(address) => Self(HASHER.hash_one(&address.segments()[..4])),
        }
    }
}

/// A number of turns that are there at one time.
#[derive(Debug)]
pub(crate) struct Turns {
    /// The most turns one client has at one time.
    share: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: usize,
    /// Those who have a turn or wait for one.
    lines: HashMap<Client, Line>,
    /// Those who wait, in the order in which the next turns are theirs.
    order: VecDeque<Client>,
}

#[derive(Debug, Default)]
struct Line {
    has: usize,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// Permission to work; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    client: Client,
}

impl Turns {
    /// So many turns, of which one client has at most `share` at one time.
    pub(crate) fn new(turns: usize, share: usize) -> Arc<Self> {
        let state = Mutex::new(State { free: turns, ..State::default() });
        Arc::new(Self { share: share.clamp(1, turns.max(1)), state })
    }

    /// Waits for a turn; `None` if there is none in time.
    pub(crate) async fn get(self: &Arc<Self>, client: Client, patience: Duration) -> Option<Turn> {
        let given = {
            let mut state = self.state();
            let state = &mut *state;
            let line = state.lines.entry(client).or_default();
            if state.free > 0 && line.has < self.share && line.waiting.is_empty() {
                state.free -= 1;
                line.has += 1;
                return Some(Turn { turns: Arc::clone(self), client });
            }
            let (give, given) = oneshot::channel();
            // Those who gave up waiting came first.
            while line.waiting.front().is_some_and(oneshot::Sender::is_closed) {
                line.waiting.pop_front();
            }
            if line.waiting.is_empty() && !state.order.contains(&client) {
                state.order.push_back(client);
            }
            line.waiting.push_back(give);
            given
        };
        timeout(patience, given).await.ok()?.ok()
    }

    fn give_back(self: &Arc<Self>, client: Client) {
        let next = {
            let mut state = self.state();
            state.free += 1;
            if let Some(line) = state.lines.get_mut(&client) {
                line.has -= 1;
            }
            let next = self.next(&mut state);
            if state.lines.get(&client).is_some_and(|line| line.has == 0 && line.waiting.is_empty())
            {
                state.lines.remove(&client);
            }
            next
        };
        if let Some((give, turn)) = next {
            // Who no longer waits drops the turn, and so gives it back.
            drop(give.send(turn));
        }
    }

    /// Takes a free turn for the client whose turn it is.
    fn next(self: &Arc<Self>, state: &mut State) -> Option<(oneshot::Sender<Turn>, Turn)> {
        for _ in 0..state.order.len() {
            let client = state.order.pop_front()?;
            let Some(line) = state.lines.get_mut(&client) else { continue };
            // Those who gave up waiting.
            while line.waiting.front().is_some_and(oneshot::Sender::is_closed) {
                line.waiting.pop_front();
            }
            let give = if line.has < self.share { line.waiting.pop_front() } else { None };
            if give.is_some() {
                line.has += 1;
                state.free -= 1;
            }
            if !line.waiting.is_empty() {
                state.order.push_back(client);
            } else if line.has == 0 {
                state.lines.remove(&client);
            }
            if let Some(give) = give {
                return Some((give, Turn { turns: Arc::clone(self), client }));
            }
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let turns = Arc::clone(&self.turns);
        turns.give_back(self.client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(future)
    }

    const LONG: Duration = Duration::from_mins(1);
    const A: Client = Client(1);
    const B: Client = Client(2);

    #[test]
    fn who_has_little_waiting_comes_next_and_each_ones_order_is_kept() {
        run(async {
            let turns = Turns::new(1, 1);
            let first = turns.get(A, LONG).await.expect("it is free");
            let served = Arc::new(Mutex::new(Vec::new()));
            let mut tasks = Vec::new();
            let line = (0..5).map(|n| (A, n)).chain((5..7).map(|n| (B, n)));
            for (client, n) in line {
                let (turns, served) = (Arc::clone(&turns), Arc::clone(&served));
                tasks.push(tokio::spawn(async move {
                    let turn = turns.get(client, LONG).await.expect("it comes");
                    served.lock().expect("no panic").push(n);
                    drop(turn);
                }));
                tokio::task::yield_now().await;
            }
            drop(first);
            for task in tasks {
                task.await.expect("no panic");
            }
            assert_eq!(*served.lock().expect("no panic"), [0, 5, 1, 6, 2, 3, 4]);
            assert!(turns.state().lines.is_empty() && turns.state().order.is_empty());
        });
    }

    #[test]
    fn one_client_never_has_more_than_its_share() {
        run(async {
            let turns = Turns::new(4, 3);
            let mut of_a = Vec::new();
            for _ in 0..3 {
                of_a.push(turns.get(A, LONG).await.expect("it is free"));
            }
            assert!(turns.get(A, Duration::ZERO).await.is_none());
            let of_b = turns.get(B, Duration::ZERO).await.expect("one is left for others");
            drop(of_b);
            assert!(turns.get(A, Duration::ZERO).await.is_none());
            of_a.pop();
            assert!(turns.get(A, Duration::ZERO).await.is_some());
        });
    }

    #[test]
    fn who_gave_up_takes_no_turn_and_none_is_lost() {
        run(async {
            let turns = Turns::new(2, 2);
            let held = [turns.get(A, LONG).await, turns.get(A, LONG).await];
            for client in [A, B, A, B] {
                assert!(turns.get(client, Duration::from_millis(1)).await.is_none());
            }
            drop(held);
            let again = [turns.get(B, Duration::ZERO).await, turns.get(B, Duration::ZERO).await];
            assert!(again.iter().all(Option::is_some));
            assert!(turns.get(A, Duration::ZERO).await.is_none());
            drop(again);
            assert_eq!(turns.state().free, 2);
        });
    }

    #[test]
    fn addresses_of_one_network_are_one_client() {
        let at = |address: &str| Client::at(address.parse().expect("an address"));
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
        assert_eq!(at("10.0.0.1"), at("::ffff:10.0.0.1"));
    }
}
