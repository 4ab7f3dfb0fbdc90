//! What lies behind a step.

use super::{Shape, StepStates};
use crate::domain::ids::StepNo;

/// Columns that are looked at together: eight words of 64 steps.
const WORDS: usize = 8;
const COLUMNS: usize = WORDS * 64;

/// How many steps lie behind a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Behind {
    /// All of them.
    pub(super) steps: u32,
    /// Those with unmet dependencies.
    pub(super) blocked: u32,
}

/// The steps behind a step, each once, depth first.
pub(super) fn descendants(shape: &Shape, from: StepNo) -> Vec<StepNo> {
    let mut seen = vec![false; shape.steps()];
    let mut found = Vec::new();
    let mut stack: Vec<StepNo> = shape.children(from).iter().rev().copied().collect();
    while let Some(no) = stack.pop() {
        if std::mem::replace(&mut seen[usize::from(no)], true) {
            continue;
        }
        found.push(no);
        stack.extend(shape.children(no).iter().rev().filter(|child| !seen[usize::from(**child)]));
    }
    found
}

/// Counts what lies behind each of these steps.
pub(super) fn count(shape: &Shape, states: &StepStates, of: &[StepNo]) -> Vec<Behind> {
    // Walking from each step costs its edges; the closure costs all edges once for every 64 steps.
    if of.len() <= shape.steps().div_ceil(64) { walk(shape, states, of) } else { close(shape, states, of) }
}

fn walk(shape: &Shape, states: &StepStates, of: &[StepNo]) -> Vec<Behind> {
    let behind = |from: &StepNo| {
        let found = descendants(shape, *from);
        let blocked = found.iter().filter(|no| states.step(**no).blocked).count();
        Behind { steps: number(found.len()), blocked: number(blocked) }
    };
    of.iter().map(behind).collect()
}

/// The transitive closure, some columns at a time, so that thirty thousand steps need two megabytes.
fn close(shape: &Shape, states: &StepStates, of: &[StepNo]) -> Vec<Behind> {
    let mut found = vec![Behind::default(); of.len()];
    let mut rows = vec![[0_u64; WORDS]; shape.steps()];
    for (chunk, columns) in shape.order().chunks(COLUMNS).enumerate() {
        let mut bits = vec![None; shape.steps()];
        let mut blocked = [0_u64; WORDS];
        for (column, no) in columns.iter().enumerate() {
            let (word, bit) = (column / 64, 1_u64 << (column % 64));
            bits[usize::from(*no)] = Some((word, bit));
            if states.step(*no).blocked {
                blocked[word] |= bit;
            }
        }
        rows.fill([0; WORDS]);
        // What comes after these columns in the order has none of them behind it.
        for no in shape.order()[..chunk * COLUMNS + columns.len()].iter().rev() {
            let mut row = [0_u64; WORDS];
            for child in shape.children(*no) {
                let child = usize::from(*child);
                for (word, below) in row.iter_mut().zip(&rows[child]) {
                    *word |= below;
                }
                if let Some((word, bit)) = bits[child] {
                    row[word] |= bit;
                }
            }
            rows[usize::from(*no)] = row;
        }
        for (behind, no) in found.iter_mut().zip(of) {
            for (word, blocked) in rows[usize::from(*no)].iter().zip(&blocked) {
                behind.steps += word.count_ones();
                behind.blocked += (word & blocked).count_ones();
            }
        }
    }
    found
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("there are fewer steps than numbers")
}

#[cfg(test)]
pub(super) fn both_ways(shape: &Shape, states: &StepStates, of: &[StepNo]) -> (Vec<Behind>, Vec<Behind>) {
    (walk(shape, states, of), close(shape, states, of))
}
