//! Short texts that recur, as keys and values of tags do: each is made once for as long as others do
//! not take its place.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Texts that are kept.
const PLACES: usize = 2048;

/// Bytes of a text that is kept.
const MAX_LEN: usize = 64;

/// Held only while no code of Python's can run; whoever finds it locked all the same, as a fork may,
/// does without.
static KEPT: Mutex<Vec<Option<Py<PyString>>>> = Mutex::new(Vec::new());

/// The kept texts, for the reader of one name.
pub(crate) struct Texts(Option<MutexGuard<'static, Vec<Option<Py<PyString>>>>>);

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
        let Some(place) = places.and_then(|places| places.get_mut(place_of(text.as_bytes())))
        else {
            return PyString::new(py, text);
        };
        match place.as_ref().map(|known| known.bind(py)) {
            Some(known) if known.to_str().is_ok_and(|known| known == text) => known.clone(),
            _ => place.insert(PyString::new(py, text).unbind()).bind(py).clone(),
        }
    }
}

/// Of the length and of the bytes at both ends, which tell most texts apart.
fn place_of(text: &[u8]) -> usize {
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let (head, tail) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => (word(text), 0),
    };
    let mixed = (head ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let mixed = (mixed ^ tail).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize % PLACES
}
