//! The steps at which others stand: roots, and the steps that wait behind them.

use std::collections::{HashSet, VecDeque};

use super::{Explainer, TerminalCause};
use crate::domain::{ids::StepNo, run::Run, state::State};

/// Steps named of those that wait behind a root.
const WAITING_NAMED: usize = 16;

/// A step that no earlier step keeps, with the steps that wait behind it. Groups share no step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The step at which the others stand: it is not settled, or it was cancelled.
    pub root: StepNo,
    /// The first of the others, in the handler's order; at most 16.
    pub waiting: Vec<StepNo>,
    /// How many there are.
    pub waiting_count: usize,
}

/// Why the step itself, whatever is before it, will never be done; `None` when it may be.
pub fn terminal_cause(run: &Run, no: StepNo) -> Option<TerminalCause> {
    let step = run.step(no);
    match step.state {
        State::Cancelled => Some(TerminalCause::Cancelled),
        State::Pending | State::Error if step.permanent => Some(TerminalCause::Permanent),
        State::Pending | State::Error if !step.is_retry_eligible() => Some(TerminalCause::Exhausted),
        _ => None,
    }
}

/// The steps at which this one stands: unfinished steps before it that no earlier step keeps, nearest first, at most so
/// many.
pub fn roots(run: &Run, no: StepNo, most: usize) -> Vec<StepNo> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([no]);
    let mut next = VecDeque::from([no]);
    while let Some(at) = next.pop_front() {
        for parent in run.template().step(at).parents.iter().copied() {
            if run.step(parent).state.is_satisfied() || !seen.insert(parent) {
                continue;
            }
            if terminal_cause(run, parent).is_none() && run.step(parent).unmet > 0 {
                next.push_back(parent);
                continue;
            }
            found.push(parent);
            if found.len() == most {
                return found;
            }
        }
    }
    found
}

impl Explainer<'_> {
    /// The unsettled steps, grouped by the step at which they stand, in the handler's order of these. A step that waits
    /// behind several is in the group of the nearest stuck one, or else in that of the nearest one. Costs by the edges
    /// of the run, once.
    pub fn groups(&self) -> Vec<Group> {
        let owners = self.owners();
        let mut groups: Vec<Group> = Vec::new();
        let mut places = vec![None; owners.len()];
        let open = (0..).zip(&owners).filter(|(no, _)| !self.run().step(*no).state.is_settled_step());
        let owned = open.filter_map(|(no, owner)| owner.map(|root| (no, root)));
        for (no, root) in owned {
            let place = *places[usize::from(root)].get_or_insert_with(|| {
                groups.push(Group { root, waiting: Vec::new(), waiting_count: 0 });
                groups.len() - 1
            });
            if no == root {
                continue;
            }
            let group = &mut groups[place];
            group.waiting_count += 1;
            if group.waiting.len() < WAITING_NAMED {
                group.waiting.push(no);
            }
        }
        groups.sort_unstable_by_key(|group| group.root);
        groups
    }

    /// For each unsettled step the root of its group, maybe itself.
    fn owners(&self) -> Vec<Option<StepNo>> {
        let run = self.run();
        let mut owners = self.root_blockers().to_vec();
        let is_open = |no: StepNo| !run.step(no).state.is_settled_step();
        let mut next: VecDeque<StepNo> = (0..run.len())
            .filter(|no| is_open(*no) && owners[usize::from(*no)].is_none() && run.step(*no).unmet == 0)
            .collect();
        for no in &next {
            owners[usize::from(*no)] = Some(*no);
        }
        while let Some(no) = next.pop_front() {
            for child in run.template().step(no).children.iter().copied() {
                if is_open(child) && owners[usize::from(child)].is_none() {
                    owners[usize::from(child)] = owners[usize::from(no)];
                    next.push_back(child);
                }
            }
        }
        owners
    }
}
