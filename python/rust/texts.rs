//! Short texts that recur, as keys and values of tags do: each is made once for as long as others do
//! not take its place.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Texts that are kept.
const PLACES: usize = 1024;

/// Bytes of a text that is kept.
const MAX_LEN: usize = 64;

struct Kept {
    ends: Ends,
    text: Py<PyString>,
}

/// Held only while no code of Python's can run; whoever finds it locked all the same, as a fork may,
/// does without.
static KEPT: Mutex<Vec<Option<Kept>>> = Mutex::new(Vec::new());

/// The kept texts, for the reader of one name.
pub(crate) struct Texts(Option<MutexGuard<'static, Vec<Option<Kept>>>>);

impl Texts {
    pub(crate) fn lock() -> Self {
        let mut kept = match KEPT.try_lock() {
            Ok(kept) => Some(kept),
            Err(TryLockError::Poisoned(poisoned)) => Some(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(kept) = kept.as_mut().filter(|kept| kept.is_empty()) {
            kept.resize_with(PLACES, || None);
        }
        Self(kept)
    }

    /// Python's text of this one.
    pub(crate) fn get<'py>(&mut self, py: Python<'py>, text: &str) -> Bound<'py, PyString> {
        let places = self.0.as_mut().filter(|_| text.len() <= MAX_LEN);
        let ends = Ends::of(text.as_bytes());
        let Some(place) = places.and_then(|places| places.get_mut(ends.place())) else {
            return PyString::new(py, text);
        };
        if let Some(known) = place.as_ref().filter(|known| known.ends == ends) {
            let known = known.text.bind(py);
            if ends.are_all() || known.to_cow().is_ok_and(|known| known == text) {
                return known.clone();
            }
        }
        let made = PyString::new(py, text);
        *place = Some(Kept { ends, text: made.clone().unbind() });
        made
    }
}

/// The first and the last eight bytes of a text, and how many it has: most texts differ in them.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ends {
    first: u64,
    last: u64,
    len: usize,
}

impl Ends {
    fn of(text: &[u8]) -> Self {
        let len = text.len();
        if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
            return Self { first, last, len };
        }
        let first = text.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        Self { first, last: 0, len }
    }

    /// Whether no byte of the text is elsewhere.
    fn are_all(self) -> bool {
        self.len <= 16
    }

    fn place(self) -> usize {
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (self.first ^ self.len as u64).wrapping_mul(MIX).rotate_left(29);
        ((mixed ^ self.last).wrapping_mul(MIX) >> 32) as usize % PLACES
    }
}
