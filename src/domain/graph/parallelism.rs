//! What could run side by side, level by level.

use serde::{Deserialize, Serialize};

use super::{Shape, StepStates};

/// The levels of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parallelism {
    /// From the roots down.
    pub levels: Vec<Level>,
    /// Levels with more than one ready step in percent of all levels, to one decimal.
    pub efficiency: f64,
}

/// The steps that are equally far from the roots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Level {
    /// All of them.
    pub steps: u32,
    /// Those that could start now.
    pub ready: u32,
    /// Those that wait for parents.
    pub blocked: u32,
    /// Failed ones.
    pub errors: u32,
    /// Complete or resolved ones.
    pub completed: u32,
}

impl Level {
    /// Whether most of it is blocked.
    pub const fn is_at_risk(&self) -> bool {
        self.blocked > self.steps / 2
    }
}

impl Parallelism {
    /// Steps that wait for parents.
    pub fn blocked(&self) -> u32 {
        self.levels.iter().map(|level| level.blocked).sum()
    }
}

pub(super) fn analyse(shape: &Shape, states: &StepStates) -> Parallelism {
    let mut levels = vec![Level::default(); shape.depth()];
    for (no, step) in states.numbered() {
        let level = &mut levels[usize::from(shape.level(no))];
        level.steps += 1;
        level.ready += u32::from(step.ready);
        level.blocked += u32::from(step.blocked);
        level.errors += u32::from(step.is_error());
        level.completed += u32::from(step.is_done());
    }
    let wide = levels.iter().filter(|level| level.ready > 1).count();
    Parallelism { efficiency: percent(wide, levels.len()), levels }
}

/// A share in percent, rounded half up to one decimal; 0 of nothing.
pub fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 1_000.0 / whole as f64).round() / 10.0 }
}
