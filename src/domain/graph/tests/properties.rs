//! Against walking every path of small graphs.

use proptest::prelude::*;

use super::super::{paths::best, reach::both_ways, *};
use crate::domain::{ids::StepNo, state::State};

/// Up to nine steps whose names are in no order; each waits for some before it.
fn shapes() -> impl Strategy<Value = Shape> {
    let names: Vec<&str> = vec!["m", "c", "x", "a", "k", "b", "z", "d", "f"];
    (Just(names).prop_shuffle(), prop::collection::vec(any::<u16>(), 1..10)).prop_map(|(names, masks)| {
        let parents =
            (0_u16..).zip(&masks).map(|(no, mask)| (0..no).filter(|parent| mask >> parent & 1 == 1).collect());
        let parents: Vec<Vec<StepNo>> = parents.collect();
        let parents: Vec<&[StepNo]> = parents.iter().map(Vec::as_slice).collect();
        Shape::new(&names[..masks.len()], &parents).unwrap()
    })
}

/// Conditions that fit together within a step, not along edges: the rules look at steps one by one.
fn conditions() -> impl Strategy<Value = Vec<Condition>> {
    let step = (0_u8..6, 0_u16..4, 1_u16..4, any::<bool>(), any::<bool>(), any::<bool>());
    prop::collection::vec(step, 9).prop_map(|steps| {
        let condition =
            |(code, attempts, retry_limit, permanent, blocked, waits): &(u8, u16, u16, bool, bool, bool)| {
                let state = State::from_code(*code).unwrap();
                let retry_eligible = attempts < retry_limit && !permanent;
                let startable = matches!(state, State::Pending | State::Error) && !blocked && retry_eligible;
                Condition {
                    state,
                    attempts: *attempts,
                    retry_limit: *retry_limit,
                    retry_eligible,
                    blocked: *blocked && !state.is_settled_step(),
                    ready: startable && !waits,
                    in_backoff: startable && *waits,
                }
            };
        steps.iter().map(condition).collect()
    })
}

fn every_path(shape: &Shape) -> Vec<Vec<StepNo>> {
    let mut found = Vec::new();
    let mut open: Vec<Vec<StepNo>> = shape.roots().iter().map(|root| vec![*root]).collect();
    while let Some(path) = open.pop() {
        let children = shape.children(*path.last().unwrap());
        if children.is_empty() {
            found.push(path.clone());
        }
        open.extend(children.iter().map(|child| [path.as_slice(), &[*child]].concat()));
    }
    found
}

fn names(shape: &Shape, path: &[StepNo]) -> Vec<StepNo> {
    path.iter().map(|no| shape.rank(*no)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_best_paths_are_those_of_all(shape in shapes(), scores in prop::collection::vec(-3_i64..4, 9)) {
        let sum = |path: &[StepNo]| path.iter().map(|no| scores[usize::from(*no)]).sum::<i64>().max(0);
        let mut all = every_path(&shape);
        prop_assert_eq!(shape.paths(), all.len().to_string());
        prop_assert_eq!(shape.depth(), all.iter().map(Vec::len).max().unwrap());
        all.sort_by_key(|path| (std::cmp::Reverse(sum(path)), names(&shape, path)));
        all.truncate(paths::PATHS_MAX);
        let expected: Vec<(i64, Vec<StepNo>)> = all.into_iter().map(|path| (sum(&path), path)).collect();
        prop_assert_eq!(best(&shape, &scores[..shape.steps()]), expected);
    }

    #[test]
    fn scores_are_those_of_the_formula(shape in shapes(), steps in conditions()) {
        let states = StepStates::made_of(steps[..shape.steps()].to_vec());
        let policy = Policy::default();
        let analysis = Analysis::of(&shape, &states, &Durations::default(), &policy);
        let score = |path: &[StepNo]| {
            let count = |wanted: &dyn Fn(&Condition) -> bool| path.iter().filter(|no| wanted(states.step(**no))).count() as f64;
            let attempts: f64 = path.iter().map(|no| f64::from(states.step(*no).attempts)).sum();
            let errors = count(&Condition::is_error);
            let duration = 30.0 * path.len() as f64 + 60.0 * errors + 30.0 * attempts;
            let h = if states.is_healthy() { 1.0 } else { 1.5 };
            let sum = 10.0 * path.len() as f64 - 15.0 * count(&Condition::is_done)
                + 25.0 * h * count(&|step| step.blocked)
                + 30.0 * h * errors
                + 10.0 * count(&|step| step.is_error() && step.attempts > 0)
                + 2.0 * (duration / 60.0);
            let completion = states.counts().completion_percentage();
            (sum * (1.0 - 0.3 * completion / 100.0)).max(0.0)
        };
        let mut all: Vec<f64> = every_path(&shape).iter().map(|path| score(path)).collect();
        all.sort_by(|one, other| other.total_cmp(one));
        all.truncate(paths::PATHS_MAX);
        prop_assert_eq!(analysis.critical_paths.paths.len(), all.len());
        for (path, expected) in analysis.critical_paths.paths.iter().zip(all) {
            prop_assert!((path.score - expected).abs() < 1e-9, "{} is not {}", path.score, expected);
            prop_assert!((path.score - score(&path.steps)).abs() < 1e-9);
        }
    }

    #[test]
    fn both_ways_of_counting_agree(shape in shapes(), steps in conditions()) {
        let states = StepStates::made_of(steps[..shape.steps()].to_vec());
        let all: Vec<StepNo> = shape.order().to_vec();
        let (walked, closed) = both_ways(&shape, &states, &all);
        prop_assert_eq!(walked, closed);
    }

    #[test]
    fn an_analysis_survives_being_written_down(shape in shapes(), steps in conditions()) {
        let states = StepStates::made_of(steps[..shape.steps()].to_vec());
        let analysis = Analysis::of(&shape, &states, &Durations::default(), &Policy::default());
        let text = serde_json::to_string(&analysis).unwrap();
        let read: Analysis = serde_json::from_str(&text).unwrap();
        prop_assert!(read.fits(&shape));
        prop_assert_eq!(read, analysis);
    }
}
