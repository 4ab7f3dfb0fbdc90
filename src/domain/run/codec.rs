//! The stored form of a run.
//!
//! Eight bytes per step, described in the migration that creates `tasks`; what few steps have goes into
//! `detail`, a JSON object by step number.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Micros, Run, State, Step, StepNo, Template};

const RECORD_BYTES: usize = 8;
const PERMANENT: u8 = 1;
const BYPASSED: u8 = 2;
const INPUTS_CHANGED: u8 = 4;
const EXPIRED: u8 = 8;
/// The flags' upper bits count the attempts that were handed back.
const HANDED_BACK_SHIFT: u32 = 4;

/// A run as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The task's state.
    pub state: State,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// The sequence number of the newest transition.
    pub revision: u32,
    /// Eight bytes per step.
    pub steps: Vec<u8>,
    /// What few steps have, as JSON.
    pub detail: Option<String>,
}

/// The stored form does not fit the template or is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored run is corrupt: {0}")]
pub struct Corrupt(pub &'static str);

#[derive(Debug, Serialize, Deserialize, Default)]
struct Detail {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    retry_limit: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    next_retry_at: Option<Micros>,
}

impl Run {
    /// The stored form.
    pub fn store(&self) -> Stored {
        Stored {
            state: self.state,
            reason: self.reason.clone().map(Cow::into_owned),
            revision: self.revision,
            steps: self.steps.iter().flat_map(record).collect(),
            detail: self.detail(),
        }
    }

    /// Reads the stored form of a task of this template.
    pub fn load(template: Arc<Template>, stored: &Stored) -> Result<Self, Corrupt> {
        if stored.steps.len() != template.steps.len() * RECORD_BYTES {
            return Err(Corrupt("the number of steps is not the template's"));
        }
        let detail: BTreeMap<StepNo, Detail> = match &stored.detail {
            Some(json) => serde_json::from_str(json).map_err(|_| Corrupt("detail is not as written"))?,
            None => BTreeMap::new(),
        };
        let mut steps = Vec::with_capacity(template.steps.len());
        for (no, (record, spec)) in stored.steps.chunks_exact(RECORD_BYTES).zip(&template.steps).enumerate() {
            let detail = StepNo::try_from(no).ok().and_then(|no| detail.get(&no));
            let mut step = Step::fresh(spec);
            step.state = State::from_code(record[0]).ok_or(Corrupt("a step has an unknown state"))?;
            step.permanent = record[1] & PERMANENT != 0;
            step.bypassed = record[1] & BYPASSED != 0;
            step.inputs_changed = record[1] & INPUTS_CHANGED != 0;
            step.handed_back = record[1] >> HANDED_BACK_SHIFT;
            step.expired = record[1] & EXPIRED != 0;
            step.attempts = u16::from_be_bytes([record[2], record[3]]);
            step.outcome_sequence = u32::from_be_bytes([record[4], record[5], record[6], record[7]]);
            step.retry_limit = detail.and_then(|detail| detail.retry_limit).unwrap_or(spec.retry_limit);
            step.next_retry_at = detail.and_then(|detail| detail.next_retry_at);
            steps.push(step);
        }
        let satisfied: Vec<bool> = steps.iter().map(|step| step.state.is_satisfied()).collect();
        for (step, spec) in steps.iter_mut().zip(&template.steps) {
            let met = spec.parents.iter().filter(|parent| satisfied[usize::from(**parent)]).count();
            step.unmet -= u16::try_from(met).expect("not more than all parents");
        }
        Ok(Self {
            template,
            state: stored.state,
            reason: stored.reason.clone().map(Cow::Owned),
            revision: stored.revision,
            steps,
        })
    }

    fn detail(&self) -> Option<String> {
        let detail: BTreeMap<usize, Detail> = self
            .steps
            .iter()
            .zip(&self.template.steps)
            .enumerate()
            .filter(|(_, (step, spec))| step.next_retry_at.is_some() || step.retry_limit != spec.retry_limit)
            .map(|(no, (step, spec))| {
                let retry_limit = (step.retry_limit != spec.retry_limit).then_some(step.retry_limit);
                (no, Detail { retry_limit, next_retry_at: step.next_retry_at })
            })
            .collect();
        (!detail.is_empty()).then(|| serde_json::to_string(&detail).expect("numbers are JSON"))
    }
}

fn record(step: &Step) -> [u8; RECORD_BYTES] {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let flags = flag(step.permanent, PERMANENT)
        | flag(step.bypassed, BYPASSED)
        | flag(step.inputs_changed, INPUTS_CHANGED)
        | flag(step.expired, EXPIRED)
        | step.handed_back << HANDED_BACK_SHIFT;
    let [a, b] = step.attempts.to_be_bytes();
    let [c, d, e, f] = step.outcome_sequence.to_be_bytes();
    [step.state.code(), flags, a, b, c, d, e, f]
}
