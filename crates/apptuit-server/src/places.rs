//! Places for connections, of which one address leaves some to others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::turns::Client;

/// One of so many places is left for other addresses.
const LEFT_OF: usize = 8;

/// Places for connections.
#[derive(Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    /// The most places of one address.
    share: usize,
    taken: Mutex<HashMap<Client, usize>>,
}

/// A place, taken by an address until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    client: Client,
    _one: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(places: usize) -> Arc<Self> {
        let places = places.min(Semaphore::MAX_PERMITS);
        let (free, taken) = (Arc::new(Semaphore::new(places)), Mutex::default());
        Arc::new(Self { free, share: places - places / LEFT_OF, taken })
    }

    /// Waits until there is a place for anyone.
    pub(crate) async fn free(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.free).acquire_owned().await.expect("it is never closed")
    }

    /// Gives the place to an address; `None` if it has as many as it may have.
    pub(crate) fn take(
        self: &Arc<Self>,
        place: OwnedSemaphorePermit,
        address: IpAddr,
    ) -> Option<Place> {
        let client = Client::at(address);
        let mut taken = self.taken();
        let of_client = taken.entry(client).or_default();
        if *of_client == self.share {
            return None;
        }
        *of_client += 1;
        Some(Place { places: Arc::clone(self), client, _one: place })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(of_client) = taken.get_mut(&self.client) {
            *of_client -= 1;
            if *of_client == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_an_eighth_of_the_places_and_gets_its_own_back() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let places = Places::new(16);
            let [one, other] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(IpAddr::from);
            let mut taken = Vec::new();
            for _ in 0..14 {
                taken.push(places.take(places.free().await, one).expect("its share"));
            }
            assert!(places.take(places.free().await, one).is_none());
            taken.push(places.take(places.free().await, other).expect("a place that was left"));
            assert!(places.take(places.free().await, one).is_none());
            taken.swap_remove(0);
            assert!(places.take(places.free().await, one).is_some());
            drop(taken);
            assert!(places.taken().is_empty());
            assert_eq!(places.free.available_permits(), 16);
        });
    }

    #[test]
    fn where_there_are_few_places_one_address_may_have_them_all() {
        assert_eq!([1, 2, 7, 8, 1024].map(|places| Places::new(places).share), [1, 2, 7, 7, 896]);
    }
}
