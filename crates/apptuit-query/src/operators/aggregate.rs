//! One series for each group of series, instant by instant.

use std::collections::{BTreeSet, HashMap};

use apptuit_model::{Tags, Timestamp};

use crate::engine::Run;
use crate::error::Fault;
use crate::frame::{Frame, Series};
use crate::operators::reduce::{Accumulator, Reducer};
use crate::syntax::Span;

/// Which series are one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// Those that agree in these tags; a missing tag agrees with a missing one.
    By(BTreeSet<String>),
    /// Those that agree in all but these tags.
    Without(BTreeSet<String>),
}

impl Grouping {
    fn key(&self, tags: &Tags) -> Tags {
        match self {
            Self::By(keys) => tags.filtered(|tag| keys.contains(tag)),
            Self::Without(keys) => tags.filtered(|tag| !keys.contains(tag)),
        }
    }
}

/// Groups, and what becomes of the values of a group at one instant.
#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    pub(crate) reducer: Reducer,
    pub(crate) grouping: Grouping,
}

impl Aggregate {
    /// A group has a value at every instant where one of its series has one. Nothing is
    /// interpolated: a series without a point there takes no part.
    pub(crate) fn apply(&self, frame: &Frame, run: &Run<'_>, span: Span) -> Result<Frame, Fault> {
        let mut group_of_key: HashMap<Tags, usize> = HashMap::new();
        let mut groups: Vec<Vec<&Series>> = Vec::new();
        for series in &frame.series {
            let next = groups.len();
            let group = *group_of_key.entry(self.grouping.key(&series.tags)).or_insert(next);
            match groups.get_mut(group) {
                Some(members) => members.push(series),
                None => groups.push(vec![series]),
            }
        }
        let mut series = Vec::with_capacity(groups.len());
        for members in groups {
            series.push(self.one(&members, run, span)?);
        }
        Ok(Frame::sorted(series))
    }

    fn one(&self, members: &[&Series], run: &Run<'_>, span: Span) -> Result<Series, Fault> {
        let instants = instants(members);
        let mut taken = vec![Accumulator::new(self.reducer); instants.len()];
        for member in members {
            run.still_wanted(span)?;
            let mut at = 0;
            for (timestamp, value) in member.iter() {
                let rest = instants.get(at..).unwrap_or_default();
                // Mostly the very next one: series of one metric share their instants.
                if rest.first() != Some(&timestamp) {
                    at += rest.partition_point(|instant| *instant < timestamp);
                }
                if let Some(cell) = taken.get_mut(at) {
                    cell.take(value);
                }
                at += 1;
            }
        }
        let tags = self.common_tags(members);
        let aggregated = members
            .iter()
            .flat_map(|member| {
                let own = member.tags.iter().map(|(key, _)| key);
                own.chain(member.aggregated_tags.iter().map(String::as_str))
            })
            .filter(|key| tags.get(key).is_none())
            .collect::<BTreeSet<_>>();
        let aggregated = aggregated.into_iter().map(str::to_owned).collect();
        let mut output = Series::new(tags, aggregated);
        for (instant, cell) in instants.iter().zip(&mut taken) {
            output.push(*instant, cell.finish());
        }
        Ok(output)
    }

    /// The tags that all members have with one value, without those that were grouped away.
    fn common_tags(&self, members: &[&Series]) -> Tags {
        let Some((first, rest)) = members.split_first() else {
            return Tags::new();
        };
        let common = first
            .tags
            .filtered(|key| rest.iter().all(|member| member.tags.get(key) == first.tags.get(key)));
        match &self.grouping {
            Grouping::By(_) => common,
            Grouping::Without(_) => self.grouping.key(&common),
        }
    }
}

/// The instants at which any member has a point, ascending.
fn instants(members: &[&Series]) -> Vec<Timestamp> {
    let Some((first, rest)) = members.split_first() else {
        return Vec::new();
    };
    let mut instants = first.timestamps().to_vec();
    if rest.iter().any(|member| member.timestamps() != first.timestamps()) {
        for member in rest {
            instants.extend_from_slice(member.timestamps());
        }
        // The standard library's stable sort merges ascending runs, which these are.
        instants.sort();
        instants.dedup();
    }
    instants
}
