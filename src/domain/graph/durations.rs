//! How long steps take: measured where earlier runs tell, estimated elsewhere.

use sha2::{Digest, Sha256};

use super::policy::DurationEstimates;
use crate::domain::ids::StepNo;

/// The longest duration that is believed: ten years. Keeps sums over thirty thousand steps within 64 bits.
const MILLIS_MAX: u64 = 10 * 366 * 86_400_000;

/// How long the steps of a handler version take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Durations {
    by_step: Vec<Option<Measured>>,
    fingerprint: [u8; 16],
}

/// How long a step took in earlier runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Half of its attempts took no longer, in milliseconds.
    pub median_ms: u64,
    /// 95 of 100 took no longer, in milliseconds.
    pub p95_ms: u64,
    /// How many attempts were looked at.
    pub samples: u32,
}

impl Durations {
    /// Durations of so many steps, by number; steps that are not named have no measurement.
    pub fn new(steps: usize, measured: impl IntoIterator<Item = (StepNo, Measured)>) -> Self {
        let mut by_step = vec![None; steps];
        for (no, measured) in measured {
            if let Some(step) = by_step.get_mut(usize::from(no)) {
                let Measured { median_ms, p95_ms, samples } = measured;
                let p95_ms = p95_ms.max(median_ms).min(MILLIS_MAX);
                *step = Some(Measured { median_ms: median_ms.min(MILLIS_MAX), p95_ms, samples });
            }
        }
        let fingerprint = fingerprint(&by_step);
        Self { by_step, fingerprint }
    }

    /// Durations of so many steps of a task that has ended, as it had them itself; a step without any took no time.
    pub fn of_task(steps: usize, measured: impl IntoIterator<Item = (StepNo, Measured)>) -> Self {
        let none = Measured { median_ms: 0, p95_ms: 0, samples: 0 };
        let steps_max = u16::try_from(steps).unwrap_or(u16::MAX);
        Self::new(steps, (0..steps_max).map(|no| (no, none)).chain(measured))
    }

    /// What was measured of a step.
    pub fn measured(&self, no: StepNo) -> Option<Measured> {
        self.by_step.get(usize::from(no)).copied().flatten()
    }

    /// How long one attempt takes, in milliseconds.
    pub fn typical_ms(&self, no: StepNo, estimates: &DurationEstimates) -> u64 {
        self.measured(no).map_or(u64::from(estimates.base_step_seconds) * 1_000, |measured| measured.median_ms)
    }

    /// How long one attempt takes when it takes long, in milliseconds.
    pub fn long_ms(&self, no: StepNo, estimates: &DurationEstimates) -> u64 {
        self.measured(no).map_or(u64::from(estimates.base_step_seconds) * 1_000, |measured| measured.p95_ms)
    }

    /// Equal for durations that give equal analyses.
    pub const fn fingerprint(&self) -> [u8; 16] {
        self.fingerprint
    }
}

/// Analyses look at medians only. Where nothing was measured there is nothing to tell apart.
fn fingerprint(by_step: &[Option<Measured>]) -> [u8; 16] {
    if by_step.iter().all(Option::is_none) {
        return [0; 16];
    }
    let mut hash = Sha256::new();
    for (no, measured) in (0_u16..).zip(by_step) {
        if let Some(Measured { median_ms, .. }) = measured {
            hash.update(no.to_be_bytes());
            hash.update(median_ms.to_be_bytes());
        }
    }
    let digest = hash.finalize();
    std::array::from_fn(|at| digest[at])
}
