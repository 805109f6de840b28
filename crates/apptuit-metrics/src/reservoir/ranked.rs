//! Values of the greatest priorities.

/// Values with a priority each, of which the one of the least priority is found at once.
///
/// A binary heap. Values are kept apart from priorities, because who reads a sample wants them alone:
/// that halves what is fetched from memory.
#[derive(Debug, Default)]
pub(super) struct Ranked {
    /// No priority is less than that of its parent, which is at half the way to the front.
    priorities: Vec<f64>,
    values: Vec<f64>,
}

impl Ranked {
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// In no order.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(super) fn least(&self) -> Option<f64> {
        self.priorities.first().copied()
    }

    pub(super) fn reserve_exact(&mut self, additional: usize) {
        self.priorities.reserve_exact(additional);
        self.values.reserve_exact(additional);
    }

    pub(super) fn clear(&mut self) {
        self.priorities.clear();
        self.values.clear();
    }

    pub(super) fn push(&mut self, priority: f64, value: f64) {
        let mut at = self.len();
        self.priorities.push(priority);
        self.values.push(value);
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.priorities[parent] <= priority {
                break;
            }
            self.swap(at, parent);
            at = parent;
        }
    }

    /// Puts a value in the place of the one of the least priority, if its own is greater.
    pub(super) fn replace_least(&mut self, priority: f64, value: f64) {
        match self.priorities.first_mut() {
            Some(least) if *least < priority => *least = priority,
            _ => return,
        }
        self.values[0] = value;
        let mut at = 0;
        while let Some(child) = self.lesser_child(at).filter(|c| self.priorities[*c] < priority) {
            self.swap(at, child);
            at = child;
        }
    }

    fn lesser_child(&self, parent: usize) -> Option<usize> {
        let (left, right) = (2 * parent + 1, 2 * parent + 2);
        let least = *self.priorities.get(left)?;
        let is_right = self.priorities.get(right).is_some_and(|priority| *priority < least);
        Some(if is_right { right } else { left })
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.priorities.swap(a, b);
        self.values.swap(a, b);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn those_of_the_greatest_priorities_stay(priorities in vec(0_u32..1000, 0..200), size in 1_usize..50) {
            let mut ranked = Ranked::default();
            for priority in priorities.iter().copied().map(f64::from) {
                if ranked.len() < size {
                    ranked.push(priority, -priority);
                } else {
                    ranked.replace_least(priority, -priority);
                }
                let least = ranked.values().iter().map(|value| -value).reduce(f64::min);
                prop_assert_eq!(ranked.least(), least);
            }
            let mut kept = ranked.values().to_vec();
            kept.sort_by(f64::total_cmp);
            let mut expected: Vec<f64> = priorities.into_iter().map(|p| -f64::from(p)).collect();
            expected.sort_by(f64::total_cmp);
            expected.truncate(size);
            prop_assert_eq!(kept, expected);
        }
    }
}
