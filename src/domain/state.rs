//! The state machines of tasks and of steps.
//!
//! ```text
//!  task   pending -> in_progress | cancelled | error        step   pending -> in_progress | error | cancelled
//!         in_progress -> complete | error | cancelled                         | resolved_manually
//!                        | pending                                 in_progress -> complete | error | cancelled
//!                                                                                 | pending
//!         error -> pending | resolved_manually | cancelled         error -> pending | resolved_manually
//!         the rest is final                                         cancelled -> pending
//!                                                                   the rest is final
//! ```
//!
//! An operator may give up a failed task. A task that is complete or resolved is final. A step that the missed deadline of its
//! task cancelled is pending again when the task is retried. `in_progress -> pending` of a step is an attempt that was
//! handed back.

use std::fmt;

/// The state of a task or of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum State {
    /// Created, or waiting.
    #[default]
    Pending = 0,
    /// Running.
    InProgress = 1,
    /// Finished well.
    Complete = 2,
    /// Failed.
    Error = 3,
    /// Cancelled on request.
    Cancelled = 4,
    /// Declared done by a person.
    ResolvedManually = 5,
}

/// Whose state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A task.
    Task,
    /// A step.
    Step,
}

/// A move that the state machine does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The owner is there already.
    #[error("already in target state {0}")]
    AlreadyThere(State),
    /// The table has no such move.
    #[error("a {} cannot go from {from} to {to}", owner.label())]
    NotAllowed {
        /// Whose move.
        owner: Owner,
        /// The present state.
        from: State,
        /// The wanted state.
        to: State,
    },
}

impl State {
    /// Every state, in the order of their codes.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::InProgress, Self::Complete, Self::Error, Self::Cancelled, Self::ResolvedManually];

    /// The code under which the state is stored.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The state with this code.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Pending),
            1 => Some(Self::InProgress),
            2 => Some(Self::Complete),
            3 => Some(Self::Error),
            4 => Some(Self::Cancelled),
            5 => Some(Self::ResolvedManually),
            _ => None,
        }
    }

    /// The name used everywhere outside.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Complete => "complete",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::ResolvedManually => "resolved_manually",
        }
    }

    /// The state with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.label() == label)
    }

    /// Whether children and the task may count on it: complete or resolved manually.
    pub const fn is_satisfied(self) -> bool {
        matches!(self, Self::Complete | Self::ResolvedManually)
    }

    /// Whether a step in this state never moves again.
    pub const fn is_settled_step(self) -> bool {
        matches!(self, Self::Complete | Self::Cancelled | Self::ResolvedManually)
    }

    /// Whether a task in this state never moves by itself.
    pub const fn is_settled_task(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress)
    }

    /// Whether a task in this state has ended: no step of it is ever started again, unless somebody intervenes.
    pub const fn is_ended_task(self) -> bool {
        matches!(self, Self::Complete | Self::Cancelled | Self::ResolvedManually)
    }

    /// The states that the owner may go to from here.
    pub const fn allowed(self, owner: Owner) -> &'static [Self] {
        match (owner, self) {
            (Owner::Task, Self::Pending) => &[Self::InProgress, Self::Cancelled, Self::Error],
            (Owner::Task, Self::InProgress) => &[Self::Complete, Self::Error, Self::Cancelled, Self::Pending],
            (Owner::Task, Self::Error) => &[Self::Pending, Self::ResolvedManually, Self::Cancelled],
            (Owner::Task, Self::Complete | Self::ResolvedManually | Self::Cancelled) => &[],
            (Owner::Step, Self::Pending) => &[Self::InProgress, Self::Error, Self::Cancelled, Self::ResolvedManually],
            (Owner::Step, Self::InProgress) => &[Self::Pending, Self::Complete, Self::Error, Self::Cancelled],
            (Owner::Step, Self::Error) => &[Self::Pending, Self::ResolvedManually],
            (Owner::Step, Self::Cancelled) => &[Self::Pending],
            (Owner::Step, Self::Complete | Self::ResolvedManually) => &[],
        }
    }

    /// Checks a move against the table.
    pub fn check(self, owner: Owner, to: Self) -> Result<(), Refusal> {
        if self == to {
            Err(Refusal::AlreadyThere(to))
        } else if self.allowed(owner).contains(&to) {
            Ok(())
        } else {
            Err(Refusal::NotAllowed { owner, from: self, to })
        }
    }
}

impl Owner {
    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Step => "step",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// The lifecycle event that a move publishes; `from` is `None` at creation. `None` for moves outside the table.
pub const fn event(owner: Owner, from: Option<State>, to: State) -> Option<&'static str> {
    use State::{Cancelled, Complete, Error, InProgress, Pending, ResolvedManually};
    Some(match (owner, from, to) {
        (Owner::Task, None | Some(InProgress), Pending) => "task.initialize_requested",
        (Owner::Task, Some(Error), Pending) => "task.retry_requested",
        (Owner::Task, None | Some(Pending), InProgress) => "task.start_requested",
        (Owner::Task, None | Some(InProgress), Complete) => "task.completed",
        (Owner::Task, None | Some(Pending | InProgress), Error) => "task.failed",
        (Owner::Task, None | Some(Pending | InProgress | Error), Cancelled) => "task.cancelled",
        (Owner::Task, None | Some(Error), ResolvedManually) => "task.resolved_manually",
        (Owner::Step, None, Pending) => "step.initialize_requested",
        (Owner::Step, Some(Error | Cancelled), Pending) => "step.retry_requested",
        (Owner::Step, None | Some(Pending), InProgress) => "step.execution_requested",
        (Owner::Step, None | Some(Pending | InProgress), Complete) => "step.completed",
        (Owner::Step, None | Some(Pending | InProgress), Error) => "step.failed",
        (Owner::Step, None | Some(Pending | InProgress), Cancelled) => "step.cancelled",
        (Owner::Step, None | Some(Pending | Error), ResolvedManually) => "step.resolved_manually",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(owner: Owner) -> String {
        State::ALL
            .into_iter()
            .map(|from| {
                let to: Vec<_> = State::ALL
                    .into_iter()
                    .filter(|to| from.check(owner, *to).is_ok())
                    .map(|to| format!("{to} ({})", event(owner, Some(from), to).unwrap_or("no event")))
                    .collect();
                format!("{from} -> {}\n", to.join(", "))
            })
            .collect()
    }

    #[test]
    fn every_allowed_move_of_a_task() {
        insta::assert_snapshot!(table(Owner::Task), @r"
        pending -> in_progress (task.start_requested), error (task.failed), cancelled (task.cancelled)
        in_progress -> pending (task.initialize_requested), complete (task.completed), error (task.failed), cancelled (task.cancelled)
        complete -> 
        error -> pending (task.retry_requested), cancelled (task.cancelled), resolved_manually (task.resolved_manually)
        cancelled -> 
        resolved_manually -> 
        ");
    }

    #[test]
    fn every_allowed_move_of_a_step() {
        insta::assert_snapshot!(table(Owner::Step), @r"
        pending -> in_progress (step.execution_requested), error (step.failed), cancelled (step.cancelled), resolved_manually (step.resolved_manually)
        in_progress -> pending (no event), complete (step.completed), error (step.failed), cancelled (step.cancelled)
        complete -> 
        error -> pending (step.retry_requested), resolved_manually (step.resolved_manually)
        cancelled -> pending (step.retry_requested)
        resolved_manually -> 
        ");
    }

    #[test]
    fn the_present_state_is_refused_by_its_own_name() {
        for owner in [Owner::Task, Owner::Step] {
            for state in State::ALL {
                assert_eq!(state.check(owner, state), Err(Refusal::AlreadyThere(state)));
            }
        }
    }

    #[test]
    fn codes_and_labels_round_trip() {
        for state in State::ALL {
            assert_eq!(State::from_code(state.code()), Some(state));
            assert_eq!(State::from_label(state.label()), Some(state));
        }
        assert_eq!(State::from_code(6), None);
    }
}
