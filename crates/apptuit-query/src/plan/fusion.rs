//! Instructions made one: what follows a fetch goes where the series are read.

use crate::operators::stage::Stage;

use super::{Operation, Plan};

/// Joins filters and stages to the fetch, or the stages, that they follow, where nobody else needs
/// what lies between. Instructions that are left over go.
///
/// The result of the two stands in the place of the first, so that of several mistakes that only
/// the data shows the first is still found first.
pub(super) fn fuse(plan: &mut Plan) {
    let uses = plan.uses();
    // Where the value of each slot is from now on.
    let mut moved: Vec<usize> = Vec::with_capacity(plan.instructions.len());
    let mut kept = Vec::with_capacity(plan.instructions.len());
    for mut instruction in std::mem::take(&mut plan.instructions) {
        let alone = |slot: usize| uses.get(slot) == Some(&1);
        let alone = instruction.operation.inputs().all(alone);
        instruction.operation.move_inputs(&moved);
        let input = instruction.operation.inputs().next();
        let before = input.and_then(|slot| kept.get_mut(slot).map(|before| (slot, before)));
        let joined = before.filter(|_| alone).and_then(|(slot, before)| {
            let before: &mut super::Instruction = before;
            join(&mut before.operation, &mut instruction.operation).then_some(slot)
        });
        moved.push(joined.unwrap_or(kept.len()));
        if joined.is_none() {
            kept.push(instruction);
        }
    }
    for output in &mut plan.outputs {
        output.slot = moved.get(output.slot).copied().unwrap_or(output.slot);
    }
    plan.instructions = kept;
}

/// Whether `after` has become part of `before`.
fn join(before: &mut Operation, after: &mut Operation) -> bool {
    match (before, after) {
        // Stages of single series leave tags as they are, so it does not matter when they are
        // looked at.
        (Operation::Fetch(fetch), Operation::Filter { matcher, .. }) => {
            let open = !fetch.stages.last().is_some_and(Stage::is_aggregate);
            if open {
                fetch.selector.matchers.push(matcher.0.clone());
            }
            open
        }
        (Operation::Fetch(fetch), Operation::Stages { stages, .. }) => {
            append(&mut fetch.stages, stages)
        }
        (Operation::Stages { stages: first, .. }, Operation::Stages { stages, .. }) => {
            append(first, stages)
        }
        _ => false,
    }
}

/// An aggregation is always the last.
fn append(first: &mut Vec<Stage>, more: &mut Vec<Stage>) -> bool {
    let open = !first.last().is_some_and(Stage::is_aggregate);
    if open {
        first.append(more);
    }
    open
}
