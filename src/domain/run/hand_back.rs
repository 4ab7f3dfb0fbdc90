//! Attempts that end without a result and do not count.
//!
//! An interrupted attempt says nothing about the step: its worker went, does not run it, or never heard of it. The step may
//! begin again at once, elsewhere. So that no step goes round for ever, each is handed back a bounded number of times.

use std::time::Duration;

use super::{super::ids::StepNo, super::state::State, Cause, Changes, Claimed, Failure, HandBackReason, Micros};
use super::{Refusal, Released, Run};

/// Attempts of one step that may be handed back; from then on each is a failure. The stored form has four bits for it.
pub const HAND_BACKS_MAX: u8 = 15;

impl Run {
    /// Ends an attempt that does not count; the step may begin again at once. Beyond [`HAND_BACKS_MAX`] it is a failure, after
    /// which the next attempt is to wait for `wait`.
    pub fn hand_back(
        &mut self,
        no: StepNo,
        token: u16,
        reason: HandBackReason,
        now: Micros,
        wait: Duration,
        changes: &mut Changes,
    ) -> Result<(), Refusal> {
        self.hold(no, token)?;
        if self.step(no).handed_back >= HAND_BACKS_MAX {
            let failure = Failure {
                error_class: "HandedBack".to_owned(),
                message: format!("workers handed the step back {HAND_BACKS_MAX} times before ({})", reason.label()),
                ..Failure::default()
            };
            return self.fail(no, token, failure, now, wait, changes);
        }
        let step = &mut self.steps[usize::from(no)];
        step.attempts -= 1;
        step.handed_back += 1;
        self.move_step(no, State::Pending, token, Cause::HandedBack(reason), changes);
        changes.ended.push(Claimed { no, attempt: token });
        if self.step(no).is_startable() {
            changes.released.push(Released::now(no));
        }
        Ok(())
    }
}
