//! Tags inside a plain name: `node.cpu{"type": "idle"}`, as Python's `json` writes and reads them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use apptuit::encode_sorted;
use pyo3::prelude::*;
use pyo3::type_object::PyTypeInfo;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString, PyTuple};

use crate::errors::{type_error, value_error};
use crate::names::checked_metric;
use crate::objects::{is_at, is_sole, places};
use crate::once::{Once, intern};
use crate::texts::Texts;
use crate::values;

/// Decoded names that are kept: more than a program has instruments.
const MAX_KEPT: usize = 32 * 1024;

/// As many as eight times the names that are known to have come once: few are taken for others.
const SEEN_BITS: usize = 8 * MAX_KEPT;

/// What is known of decoded names, each a [`Known`].
static KEPT: Once<Py<PyDict>> = Once::new();

/// A metric and tags.
type Decoded<'py> = Bound<'py, PyTuple>;

/// A name that was decoded before.
#[pyclass(frozen, module = "apptuit._native")]
struct Known {
    /// The metric and its tags, as they were handed out.
    answer: Py<PyTuple>,
    /// The tags, in a dict that nobody else has.
    tags: Py<PyDict>,
    /// Where its keys and values are.
    places: Box<[usize]>,
}

impl Known {
    /// The metric and a dict of the tags that nobody else has: the one that was handed out, if it was
    /// given back unchanged.
    fn answer<'py>(&self, py: Python<'py>) -> PyResult<Decoded<'py>> {
        let answer = self.answer.bind_borrowed(py);
        let (metric, tags) = (answer.get_borrowed_item(0)?, answer.get_borrowed_item(1)?);
        let is_free = is_sole(&answer) && is_sole(&tags);
        if is_free && tags.cast::<PyDict>().is_ok_and(|tags| is_at(&tags, &self.places)) {
            return Ok(answer.to_owned());
        }
        (metric, self.tags.bind(py).copy()?).into_pyobject(py)
    }
}

/// Makes the class of what is kept.
pub(crate) fn make_types(py: Python<'_>) {
    Known::type_object(py);
}

/// One string that holds a metric and its tags: the metric, and the tags as Python's JSON of them
/// with keys in order. The tags may be passed by either name.
#[pyfunction]
#[pyo3(signature = (metric_name, metric_tags=None, *, tags=None))]
pub(crate) fn encode_metric<'py>(
    metric_name: &Bound<'py, PyAny>,
    metric_tags: Option<&Bound<'py, PyAny>>,
    tags: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyString>> {
    let metric = checked_metric(Some(metric_name))?;
    let given = metric_tags.or(tags);
    let tags = given.and_then(|tags| tags.cast::<PyDict>().ok()).ok_or_else(|| {
        let metric = values::shown(metric);
        let shown = given.map_or_else(|| "None".to_owned(), |tags| values::shown(tags));
        value_error(format!("cannot encode `{shown}` as tags of `{metric}`: expected a dict"))
    })?;
    encode(metric, tags)
}

/// Text behind text, mostly: then it is done here. `json` does the rest.
pub(crate) fn encode<'py>(
    metric: &Bound<'py, PyString>,
    tags: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyString>> {
    let py = metric.py();
    if let Some(encoded) = encode_texts(metric, tags) {
        return Ok(PyString::new(py, &encoded));
    }
    let sorted = PyDict::new(py);
    sorted.set_item(intern!(py, "sort_keys"), true)?;
    let json = py.import(intern!(py, "json"))?;
    let json = json.call_method(intern!(py, "dumps"), (tags,), Some(&sorted))?;
    Ok(metric.add(json)?.cast_into()?)
}

fn encode_texts<'py>(metric: &Bound<'py, PyString>, tags: &Bound<'py, PyDict>) -> Option<String> {
    if !tags.is_exact_instance_of::<PyDict>() {
        return None;
    }
    let mut pairs = Vec::with_capacity(tags.len());
    // Exact texts have no code of their own that could change the dict.
    for (key, value) in tags {
        let key = key.cast_into_exact::<PyString>().ok()?;
        pairs.push((key, value.cast_into_exact::<PyString>().ok()?));
    }
    let texts = pairs.iter().map(|(key, value)| Some((key.to_cow().ok()?, value.to_cow().ok()?)));
    let mut texts: Vec<_> = texts.collect::<Option<_>>()?;
    texts.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let texts = texts.iter().map(|(key, value)| (&**key, &**value));
    Some(encode_sorted(&metric.to_cow().ok()?, texts))
}

/// The metric and the tags inside a string; the tags keep the types their JSON has, and are a dict
/// of their own each time.
#[pyfunction]
pub(crate) fn decode_metric<'py>(
    encoded_metric_name: &Bound<'py, PyAny>,
) -> PyResult<Decoded<'py>> {
    let py = encoded_metric_name.py();
    let kept = KEPT.get(py, || PyDict::new(py).unbind()).bind(py);
    let Ok(encoded) = encoded_metric_name.cast_exact::<PyString>() else {
        return decode_other(encoded_metric_name);
    };
    if let Some(known) = kept.get_item(encoded)? {
        return known.cast_exact::<Known>()?.get().answer(py);
    }
    decode_new(encoded, kept)
}

/// Apart, so that the way of names that are kept stays short.
#[inline(never)]
fn decode_new<'py>(
    encoded: &Bound<'py, PyString>,
    kept: &Bound<'py, PyDict>,
) -> PyResult<Decoded<'py>> {
    let (metric, tags) = decode(encoded)?;
    let answer = (metric, &tags).into_pyobject(encoded.py())?;
    // What comes once is not worth a copy.
    if SEEN.before(encoded.py(), encoded.hash()?.cast_unsigned())
        && tags.values().iter().all(|value| is_scalar(&value))
    {
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        let (answer, places) = (answer.clone().unbind(), places(&tags).collect());
        let known = Known { answer, tags: tags.copy()?.unbind(), places };
        kept.set_item(encoded, known)?;
    }
    Ok(answer)
}

/// Whether a copy of the dict that has this value is one of the value too.
fn is_scalar(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBool>()
        || value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>()
}

/// Hashes of names that have been decoded, three bits of one word for each (a Bloom filter; Bloom 1970).
/// A name that is taken for another is kept when it comes first.
///
/// Used under the interpreter's lock only, so that no two threads meet.
struct Seen {
    words: [AtomicU64; SEEN_BITS / 64],
    names: AtomicUsize,
}

static SEEN: Seen =
    Seen { words: [const { AtomicU64::new(0) }; SEEN_BITS / 64], names: AtomicUsize::new(0) };

impl Seen {
    fn before(&self, _locked: Python<'_>, hash: usize) -> bool {
        if self.names.load(Ordering::Relaxed) >= MAX_KEPT {
            self.words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
            self.names.store(0, Ordering::Relaxed);
        }
        let bit = |at: u32| 1 << ((hash as u64 >> at) % 64);
        let bits = bit(16) | bit(24) | bit(32);
        let word = &self.words[hash % self.words.len()];
        let had = word.load(Ordering::Relaxed);
        let before = had & bits == bits;
        word.store(had | bits, Ordering::Relaxed);
        let names = self.names.load(Ordering::Relaxed) + usize::from(!before);
        self.names.store(names, Ordering::Relaxed);
        before
    }
}

/// Subclasses of text, and what is no name.
#[cold]
fn decode_other<'py>(given: &Bound<'py, PyAny>) -> PyResult<Decoded<'py>> {
    if !given.is_truthy()? {
        return Err(value_error("the metric has no name"));
    }
    let text = given
        .cast::<PyString>()
        .map_err(|_| type_error(format!("`{}` is no name: expected text", values::shown(given))))?;
    decode(text)?.into_pyobject(given.py())
}

fn decode<'py>(
    encoded: &Bound<'py, PyString>,
) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyDict>)> {
    let py = encoded.py();
    let text = &*values::text("the name", encoded)?;
    if text.is_empty() {
        return Err(value_error("the metric has no name"));
    }
    let Some(brace) = text.find('{') else {
        return Ok((PyString::new(py, text.trim()), PyDict::new(py)));
    };
    let (metric, json) = text.split_at(brace);
    let tags = match decode_texts(py, json)? {
        Some(tags) => tags,
        None => decode_json(text, json, py)?,
    };
    Ok((PyString::new(py, metric.trim()), tags))
}

fn decode_json<'py>(text: &str, json: &str, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
    let loads = py.import(intern!(py, "json"))?.getattr(intern!(py, "loads"))?;
    let tags = loads.call1((json,)).map_err(|error| {
        let why = error.value(py);
        value_error(format!("`{text}` is not a metric with encoded tags: {why}"))
    })?;
    // What begins with a brace is an object.
    Ok(tags.cast_into()?)
}

/// An object of plain texts, as [`encode_metric`] mostly writes it; None for `json` to read.
fn decode_texts<'py>(py: Python<'py>, json: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
    let tags = PyDict::new(py);
    let mut texts = Texts::lock();
    let Some(mut rest) = json.strip_prefix('{') else { return Ok(None) };
    loop {
        let member = || {
            let (key, rest) = plain_text(unpadded(rest))?;
            let rest = unpadded(rest).strip_prefix(':')?;
            let (value, rest) = plain_text(unpadded(rest))?;
            Some((key, value, unpadded(rest)))
        };
        let Some((key, value, after)) = member() else { return Ok(None) };
        tags.set_item(texts.get(py, key), texts.get(py, value))?;
        if let Some(next) = after.strip_prefix(',') {
            rest = next;
            continue;
        }
        let ends = after.strip_prefix('}').is_some_and(|end| unpadded(end).is_empty());
        return Ok(ends.then_some(tags));
    }
}

/// What follows the blanks that JSON may have here.
fn unpadded(json: &str) -> &str {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    &json[json.bytes().take_while(is_blank).count()..]
}

/// The text between two quotes, without escapes, and what follows it.
fn plain_text(json: &str) -> Option<(&str, &str)> {
    let text = json.strip_prefix('"')?;
    let end = plain_bytes(text.as_bytes());
    (text.as_bytes().get(end) == Some(&b'"')).then(|| (&text[..end], &text[end + 1..]))
}

/// How many bytes precede a quote, an escape or a control character; eight are looked at at once.
fn plain_bytes(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // The first byte below a limit (of at most 128) has its highest bit set here.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & (ONES << 7);
    let (words, rest) = text.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let ends = below(word, u64::from(b' ')) | is(b'"') | is(b'\\');
        if ends != 0 {
            return n * 8 + ends.trailing_zeros() as usize / 8;
        }
    }
    let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    words.len() * 8 + rest.iter().position(is_end).unwrap_or(rest.len())
}
