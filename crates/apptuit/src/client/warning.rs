//! What works, but should be changed: told once each, to whoever wants to know.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apptuit_model::{Sanitizer, Tags};

/// Warnings that are kept, and metric names that are compared; more are not.
const MAX_WARNINGS: usize = 100;
const MAX_NAMES: usize = 10_000;

/// Something that works, but that the program or its environment should change.
///
/// Its text is one clause in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    kind: WarningKind,
    message: String,
}

/// What a [`Warning`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WarningKind {
    /// A variable of the environment has another name by now.
    Deprecated,
    /// Two names become one by sanitising: two metrics are sent as one, or a tag is not sent.
    Collision,
}

impl Warning {
    pub(super) fn deprecated(old: &str, new: &str) -> Self {
        let message = format!("the variable `{old}` is deprecated, expected `{new}`");
        Self { kind: WarningKind::Deprecated, message }
    }

    fn of_metrics(one: &str, other: &str, clean: &str) -> Self {
        let message = format!("the metrics `{one}` and `{other}` are both sent as `{clean}`");
        Self { kind: WarningKind::Collision, message }
    }

    fn of_tags(lost: &str, kept: &str, clean: &str) -> Self {
        let message = format!(
            "the tags `{lost}` and `{kept}` of one metric are both sent as `{clean}`, \
             with the value of `{kept}`"
        );
        Self { kind: WarningKind::Collision, message }
    }

    /// What it is about.
    pub fn kind(&self) -> WarningKind {
        self.kind
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What is called with each warning.
pub(super) type WarningHook = Arc<dyn Fn(&Warning) + Send + Sync>;

/// The warnings of a client so far.
#[derive(Default)]
pub(super) struct Warnings {
    hook: Option<WarningHook>,
    told: Mutex<Vec<Warning>>,
    /// The metric that was sent first under each sanitised name.
    metrics: Mutex<HashMap<Box<str>, Box<str>>>,
}

impl Warnings {
    pub(super) fn new(hook: Option<WarningHook>, first: &[Warning]) -> Self {
        let warnings = Self { hook, ..Self::default() };
        for warning in first {
            warnings.tell(warning);
        }
        warnings
    }

    pub(super) fn all(&self) -> Vec<Warning> {
        lock(&self.told).clone()
    }

    /// Notes that `metric` is sent as `clean`, and warns if another one is too.
    pub(super) fn metric(&self, metric: &str, clean: &str) {
        let warning = {
            let mut metrics = lock(&self.metrics);
            match metrics.get(clean) {
                Some(known) if **known == *metric => return,
                Some(known) => Warning::of_metrics(known, metric, clean),
                None if metrics.len() >= MAX_NAMES => return,
                None => {
                    metrics.insert(clean.into(), metric.into());
                    return;
                }
            }
        };
        self.tell(&warning);
    }

    /// Warns of tags whose values are lost, since another key is sent as the same.
    pub(super) fn tags(&self, tags: &Tags, sanitizer: Sanitizer) {
        let mut kept: HashMap<Cow<'_, str>, &str> = HashMap::new();
        // Of keys that become one, the last wins.
        for (key, _) in tags.iter().collect::<Vec<_>>().into_iter().rev() {
            let clean = sanitizer.clean(key);
            if let Some(winner) = kept.get(&clean) {
                self.tell(&Warning::of_tags(key, winner, &clean));
            } else {
                kept.insert(clean, key);
            }
        }
    }

    fn tell(&self, warning: &Warning) {
        {
            let mut told = lock(&self.told);
            if told.len() >= MAX_WARNINGS || told.contains(warning) {
                return;
            }
            told.push(warning.clone());
        }
        // Outside of the lock: it may ask for the warnings.
        if let Some(hook) = &self.hook {
            hook(warning);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
