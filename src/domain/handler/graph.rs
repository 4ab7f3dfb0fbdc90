//! Circles among steps.
//!
//! Everything here loops over lists instead of calling itself, so that a chain of ten thousand steps needs no
//! deep stack.

use crate::domain::ids::StepNo;

/// Circles reported at most; breaking these and looking again finds the rest.
const REPORTED_MAX: usize = 10;

/// Circles in a graph that is given by each step's parents, with no step in two of them. Each starts at its
/// lowest step and goes on to a step that waits for it.
pub(super) fn cycles(parents: &[Vec<StepNo>]) -> Vec<Vec<StepNo>> {
    let mut alive = vec![true; parents.len()];
    let mut found = Vec::new();
    while found.len() < REPORTED_MAX {
        settle(parents, &mut alive);
        let Some(start) = alive.iter().position(|alive| *alive) else { break };
        let cycle = walk(parents, &alive, start);
        for no in &cycle {
            alive[usize::from(*no)] = false;
        }
        found.push(cycle);
    }
    found
}

/// Takes out every step whose parents are out, over and over: what stays has a parent that stays.
fn settle(parents: &[Vec<StepNo>], alive: &mut [bool]) {
    let mut children = vec![Vec::new(); parents.len()];
    let mut unmet = vec![0_usize; parents.len()];
    for (no, of) in parents.iter().enumerate().filter(|(no, _)| alive[*no]) {
        for parent in of.iter().map(|parent| usize::from(*parent)).filter(|parent| alive[*parent]) {
            children[parent].push(no);
            unmet[no] += 1;
        }
    }
    let mut free: Vec<usize> = (0..parents.len()).filter(|no| alive[*no] && unmet[*no] == 0).collect();
    while let Some(no) = free.pop() {
        alive[no] = false;
        for child in &children[no] {
            unmet[*child] -= 1;
            if unmet[*child] == 0 {
                free.push(*child);
            }
        }
    }
}

/// Goes from parent to parent until a step comes up again.
fn walk(parents: &[Vec<StepNo>], alive: &[bool], start: usize) -> Vec<StepNo> {
    let mut seen_at = vec![usize::MAX; parents.len()];
    let mut path: Vec<StepNo> = Vec::new();
    let mut at = start;
    while seen_at[at] == usize::MAX {
        seen_at[at] = path.len();
        path.push(StepNo::try_from(at).expect("there are fewer steps than numbers"));
        let next = parents[at].iter().map(|parent| usize::from(*parent)).find(|parent| alive[*parent]);
        at = next.expect("what stays has a parent that stays");
    }
    let mut cycle = path.split_off(seen_at[at]);
    cycle.reverse();
    let lowest = (0..cycle.len()).min_by_key(|position| cycle[*position]).unwrap_or_default();
    cycle.rotate_left(lowest);
    cycle
}
