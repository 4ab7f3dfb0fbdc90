//! Critical paths: the five with the highest score, exactly, without looking at the others.
//!
//! A path's score is a sum over its steps, times a factor that all paths share, and never below 0. So the best paths
//! from a step are made of the best paths from its children, and the five best of the whole graph take time by its
//! edges. The floor is what needs care: below it all paths are equal, and their names alone decide. Sums are whole
//! numbers (of 1/60,000), so that equal is equal. Of a task that has ended only the durations count, which are then
//! those of this very task: its critical path is the one that took longest.

use serde::{Deserialize, Serialize};

use super::{Durations, Policy, Shape, StepStates, step_states::Condition};
use crate::domain::ids::StepNo;

/// Paths that are shown.
pub const PATHS_MAX: usize = 5;

/// Steps in trouble that are shown of a path.
pub const PATH_BOTTLENECKS_MAX: usize = 10;

/// A score of 1 as a whole number: a minute of duration weighs 2, a millisecond therefore 2 of these.
const UNIT: i64 = 60_000;

/// The critical paths of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriticalPaths {
    /// The highest-scoring paths, ties by the names along them; at most [`PATHS_MAX`].
    pub paths: Vec<Path>,
}

/// A way from a root to a leaf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Path {
    /// The steps from root to leaf.
    pub steps: Vec<StepNo>,
    /// Complete or resolved ones.
    pub completed: u32,
    /// Those that wait for parents.
    pub blocked: u32,
    /// Failed ones.
    pub errors: u32,
    /// Failed ones that have been attempted.
    pub retries: u32,
    /// Those that could start now.
    pub ready: u32,
    /// How long the whole path takes.
    pub duration_ms: u64,
    /// How long what is not done of it takes.
    pub remaining_ms: u64,
    /// Steps whose duration was measured; that of the others is estimated.
    pub measured: u32,
    /// How critical the path is, from 0.
    pub score: f64,
    /// The most severe of its steps in trouble; at most [`PATH_BOTTLENECKS_MAX`].
    pub bottlenecks: Vec<PathBottleneck>,
    /// How many of its steps are in trouble.
    pub bottlenecks_total: u32,
}

/// A step of a path that is blocked or has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathBottleneck {
    /// The step.
    pub step: StepNo,
    /// Why it does not start.
    pub reason: BlockingReason,
    /// How severe that is.
    pub severity: i64,
    /// Steps behind it on this path.
    pub blocks: u32,
}

/// Why a step does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockingReason {
    /// It could.
    NotBlocked,
    /// Parents are not done.
    DependenciesNotSatisfied,
    /// It has no attempts left, or its failure is permanent.
    RetryNotEligible,
    /// Its backoff has not elapsed.
    InBackoff,
    /// It is in a state from which it does not start.
    InvalidState,
}

/// One of the best ways from a step to a leaf: its score and, unless the step is a leaf, the child that it goes on
/// through and the place of the rest among that child's best.
#[derive(Debug, Clone, Copy)]
struct Way {
    score: i64,
    next: Option<(StepNo, u8)>,
}

/// The best ways of one step, best first.
#[derive(Debug, Clone, Copy, Default)]
struct Ways {
    found: [Option<Way>; PATHS_MAX],
    count: usize,
}

pub(super) fn analyse(shape: &Shape, states: &StepStates, durations: &Durations, policy: &Policy) -> CriticalPaths {
    let weights = Weights { shape, states, durations, policy };
    let scores: Vec<i64> = states.numbered().map(|(no, step)| weights.of(no, step)).collect();
    let paths = best(shape, &scores).into_iter().map(|(score, steps)| weights.path(score, steps)).collect();
    CriticalPaths { paths }
}

/// The best paths with their sums. Those below 0 are as good as 0: there the names decide.
pub(super) fn best(shape: &Shape, scores: &[i64]) -> Vec<(i64, Vec<StepNo>)> {
    let ways = ways(shape, scores);
    let mut top = Ways::default();
    for root in shape.roots() {
        top.join(shape, *root, &ways[usize::from(*root)], 0);
    }
    let positive = top.iter().filter(|way| way.score > 0);
    let mut paths: Vec<(i64, Vec<StepNo>)> = positive.map(|way| (way.score, follow(&ways, *way))).collect();
    if paths.len() < PATHS_MAX {
        let missing = PATHS_MAX - paths.len();
        paths.extend(non_positive(shape, scores, missing).into_iter().map(|path| (0, path)));
    }
    paths
}

/// The best ways from every step, found from the leaves up.
fn ways(shape: &Shape, scores: &[i64]) -> Vec<Ways> {
    let mut ways = vec![Ways::default(); shape.steps()];
    for no in shape.order().iter().rev() {
        let score = scores[usize::from(*no)];
        let mut own = Ways::default();
        if shape.children(*no).is_empty() {
            own.found[0] = Some(Way { score, next: None });
            own.count = 1;
        }
        for child in shape.children(*no) {
            own.join(shape, *child, &ways[usize::from(*child)], score);
        }
        ways[usize::from(*no)] = own;
    }
    ways
}

impl Ways {
    fn iter(&self) -> impl Iterator<Item = &Way> {
        self.found.iter().flatten()
    }

    /// Takes over those ways through a child that are among the best. The child's come best first.
    fn join(&mut self, shape: &Shape, child: StepNo, of_child: &Self, score: i64) {
        for (place, way) in (0..).zip(of_child.iter()) {
            let new = Way { score: score + way.score, next: Some((child, place)) };
            if !self.insert(shape, new) {
                return;
            }
        }
    }

    /// Puts a way where it belongs; false when it is not among the best.
    fn insert(&mut self, shape: &Shape, new: Way) -> bool {
        let better = |other: &Way| {
            other.score > new.score || (other.score == new.score && name(shape, other) <= name(shape, &new))
        };
        let at = self.iter().take_while(|other| better(other)).count();
        if at == PATHS_MAX {
            return false;
        }
        self.count = (self.count + 1).min(PATHS_MAX);
        self.found[at..self.count].rotate_right(1);
        self.found[at] = Some(new);
        true
    }
}

/// What decides between ways of equal score: the first step in which they differ is the next one, or they go through
/// the same child and come in its order.
fn name(shape: &Shape, way: &Way) -> Option<(StepNo, u8)> {
    way.next.map(|(child, place)| (shape.rank(child), place))
}

/// The steps of a way, from the step that it leads to.
fn follow(ways: &[Ways], from: Way) -> Vec<StepNo> {
    let mut steps = Vec::new();
    let mut way = from;
    while let Some((child, place)) = way.next {
        steps.push(child);
        way = ways[usize::from(child)].found[usize::from(place)].expect("a way leads to a way");
    }
    steps
}

/// The first paths by name whose sum is not above 0. Nobody is visited from whom there is no such way, so the time
/// goes by the length of what is found.
fn non_positive(shape: &Shape, scores: &[i64], wanted: usize) -> Vec<Vec<StepNo>> {
    let mut least = vec![0_i64; shape.steps()];
    for no in shape.order().iter().rev() {
        let below = shape.children(*no).iter().map(|child| least[usize::from(*child)]).min();
        least[usize::from(*no)] = scores[usize::from(*no)] + below.unwrap_or(0);
    }
    let by_name = |steps: &[StepNo]| {
        let mut steps = steps.to_vec();
        // The last is taken first.
        steps.sort_unstable_by_key(|no| std::cmp::Reverse(shape.rank(*no)));
        steps
    };
    let mut found = Vec::new();
    let (mut path, mut sum): (Vec<StepNo>, i64) = (Vec::new(), 0);
    let mut open = vec![by_name(shape.roots())];
    while let Some(next) = open.last_mut() {
        let Some(no) = next.pop() else {
            open.pop();
            sum -= path.pop().map_or(0, |no| scores[usize::from(no)]);
            continue;
        };
        if sum + least[usize::from(no)] > 0 {
            continue;
        }
        path.push(no);
        sum += scores[usize::from(no)];
        if shape.children(no).is_empty() {
            found.push(path.clone());
            if found.len() == wanted {
                return found;
            }
        }
        open.push(by_name(shape.children(no)));
    }
    found
}

struct Weights<'a> {
    shape: &'a Shape,
    states: &'a StepStates,
    durations: &'a Durations,
    policy: &'a Policy,
}

impl Weights<'_> {
    /// What a step adds to the score of its paths.
    fn of(&self, no: StepNo, step: &Condition) -> i64 {
        let weigh = &self.policy.impact_multipliers;
        let when = |holds: bool, weight: u32| if holds { i64::from(weight) * UNIT } else { 0 };
        // A task that is not healthy makes what blocks it and what failed one and a half times as bad.
        let ill = |weight: i64| if self.states.is_healthy() { weight } else { weight / 2 * 3 };
        let duration = 2 * i64::try_from(self.duration_ms(no, step)).expect("durations are bounded");
        if self.states.has_ended() {
            return duration;
        }
        when(true, weigh.path_length_weight) - when(step.is_done(), weigh.completed_penalty)
            + ill(when(step.blocked, weigh.blocked_penalty))
            + ill(when(step.is_error(), weigh.error_penalty))
            + when(is_retry(step), weigh.retry_penalty)
            + duration
    }

    fn duration_ms(&self, no: StepNo, step: &Condition) -> u64 {
        let estimates = &self.policy.duration_estimates;
        if self.states.has_ended() {
            // All attempts of the step and the waits between them.
            return self.durations.typical_ms(no, estimates);
        }
        let errors = if step.is_error() { u64::from(estimates.error_penalty_seconds) } else { 0 };
        let retries = u64::from(step.attempts) * u64::from(estimates.retry_penalty_seconds);
        self.durations.typical_ms(no, estimates) + (errors + retries) * 1_000
    }

    fn path(&self, sum: i64, steps: Vec<StepNo>) -> Path {
        let conditions = || steps.iter().map(|no| (*no, self.states.step(*no)));
        let count = |wanted: &dyn Fn(&Condition) -> bool| number(conditions().filter(|(_, step)| wanted(step)).count());
        let estimates = &self.policy.duration_estimates;
        let ended = self.states.has_ended();
        let left = conditions().filter(|(_, step)| !ended && !step.is_done());
        let mut bottlenecks = self.bottlenecks(&steps);
        let bottlenecks_total = number(bottlenecks.len());
        bottlenecks.truncate(PATH_BOTTLENECKS_MAX);
        Path {
            completed: count(&Condition::is_done),
            blocked: count(&|step| step.blocked),
            errors: count(&Condition::is_error),
            retries: count(&is_retry),
            ready: count(&|step| step.ready),
            duration_ms: conditions().map(|(no, step)| self.duration_ms(no, step)).sum(),
            remaining_ms: left.map(|(no, _)| self.durations.typical_ms(no, estimates)).sum(),
            measured: number(steps.iter().filter(|no| self.durations.measured(**no).is_some()).count()),
            score: self.score(sum),
            bottlenecks,
            bottlenecks_total,
            steps,
        }
    }

    /// The sum as a score: less the further the task has come, and rounded only here.
    fn score(&self, sum: i64) -> f64 {
        let left = 100_000 - 3 * self.states.completion();
        let scaled = i128::from(sum.max(0)) * i128::from(left);
        scaled as f64 / (UNIT as f64 * 100_000.0)
    }

    /// The steps in trouble, the most severe first.
    fn bottlenecks(&self, steps: &[StepNo]) -> Vec<PathBottleneck> {
        let of = |(at, no): (usize, &StepNo)| {
            let step = self.states.step(*no);
            (step.blocked || step.is_error()).then(|| PathBottleneck {
                step: *no,
                reason: BlockingReason::of(step),
                severity: severity(step),
                blocks: number(steps.len() - at - 1),
            })
        };
        let mut found: Vec<PathBottleneck> = steps.iter().enumerate().filter_map(of).collect();
        found.sort_by_key(|bottleneck| (std::cmp::Reverse(bottleneck.severity), self.shape.rank(bottleneck.step)));
        found
    }
}

impl BlockingReason {
    /// Why a step does not start.
    pub const fn of(step: &Condition) -> Self {
        if step.ready {
            Self::NotBlocked
        } else if step.blocked {
            Self::DependenciesNotSatisfied
        } else if step.in_backoff {
            Self::InBackoff
        } else if !step.retry_eligible {
            Self::RetryNotEligible
        } else {
            Self::InvalidState
        }
    }
}

fn severity(step: &Condition) -> i64 {
    let when = |holds: bool, weight: i64| if holds { weight } else { 0 };
    when(step.is_error(), 10) + 5 * i64::from(step.attempts) + when(step.is_exhausted(), 20) + when(step.blocked, 5)
}

fn is_retry(step: &Condition) -> bool {
    step.is_error() && step.attempts > 0
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("there are fewer steps than numbers")
}
