//! The specification's worked examples, the expected finish, and a graph with more paths than anybody could walk.

mod properties;

use std::{sync::Arc, time::Instant};

use super::*;
use crate::domain::{
    ids::StepNo,
    run::tests::stage::{Stage, compile, play, spec},
    template::Template,
};

/// Five steps, five edges, two paths of four steps.
const EXAMPLE: &str = "A; B <- A; C <- A; D <- B C; E <- D";

const A_DONE: &str = "claim A, complete A";
const B_WAITS: &str = "claim A, complete A, claim B & claim C, complete C, fail B";
const B_GAVE_UP: &str =
    "claim A, complete A, claim B & claim C, complete C, fail B 0s, claim B, fail B 0s, claim B, fail B";
const ALL_DONE: &str =
    "claim A, complete A, claim B & claim C, complete C, complete B, claim D, complete D, claim E, complete E";

fn stage(history: &str) -> Stage {
    let (stage, refusals) = play(EXAMPLE, history);
    assert_eq!(refusals, []);
    stage
}

fn analyse(stage: &Stage) -> (Shape, StepStates, Analysis) {
    let shape = Shape::of(stage.run.template());
    let states = StepStates::of(&stage.run, stage.now);
    let analysis = Analysis::of(&shape, &states, &Durations::default(), &Policy::default());
    assert!(analysis.fits(&shape));
    (shape, states, analysis)
}

/// `names score` with what is not 0 of completed, ready, blocked, errors and retries, and the duration.
fn check_paths(history: &str, expected: [&str; 2]) {
    let stage = stage(history);
    let (_, _, analysis) = analyse(&stage);
    let show = |path: &paths::Path| {
        let names: String = path.steps.iter().map(|no| &*stage.run.template().step(*no).name).collect();
        format!(
            "{names} {} c{} r{} b{} e{}/{} {}s",
            path.score,
            path.completed,
            path.ready,
            path.blocked,
            path.errors,
            path.retries,
            path.duration_ms / 1_000
        )
    };
    assert_eq!(analysis.critical_paths.paths.iter().map(show).collect::<Vec<_>>(), expected, "{history}");
}

#[test]
fn critical_paths() {
    check_paths("", ["ABDE 119 c0 r1 b3 e0/0 120s", "ACDE 119 c0 r1 b3 e0/0 120s"]);
    check_paths(A_DONE, ["ABDE 75.2 c1 r1 b2 e0/0 150s", "ACDE 75.2 c1 r1 b2 e0/0 150s"]);
    check_paths(B_WAITS, ["ABDE 143.44 c1 r0 b2 e1/1 240s", "ACDE 80.08 c2 r0 b2 e0/0 180s"]);
    check_paths(B_GAVE_UP, ["ABDE 145.2 c1 r0 b2 e1/1 300s", "ACDE 80.08 c2 r0 b2 e0/0 180s"]);
    check_paths(ALL_DONE, ["ABDE 2.8 c4 r0 b0 e0/0 120s", "ACDE 2.8 c4 r0 b0 e0/0 120s"]);
}

/// `step severity reason blocks` of the first path.
fn check_path_bottlenecks(history: &str, expected: &str) {
    let stage = stage(history);
    let (_, _, analysis) = analyse(&stage);
    let show = |found: &paths::PathBottleneck| {
        let name = &stage.run.template().step(found.step).name;
        format!("{name} {} {:?} {}", found.severity, found.reason, found.blocks)
    };
    let found: Vec<String> = analysis.critical_paths.paths[0].bottlenecks.iter().map(show).collect();
    assert_eq!(found.join(", "), expected, "{history}");
}

#[test]
fn bottlenecks_of_a_path() {
    check_path_bottlenecks(
        "",
        "B 5 DependenciesNotSatisfied 2, D 5 DependenciesNotSatisfied 1, E 5 DependenciesNotSatisfied 0",
    );
    let blocked = "D 5 DependenciesNotSatisfied 1, E 5 DependenciesNotSatisfied 0";
    check_path_bottlenecks(B_WAITS, &format!("B 15 InBackoff 2, {blocked}"));
    check_path_bottlenecks(B_GAVE_UP, &format!("B 45 RetryNotEligible 2, {blocked}"));
}

#[test]
fn parallelism() {
    let check = |history: &str, expected: &str| {
        let (shape, states, analysis) = analyse(&stage(history));
        let levels = analysis.parallelism.levels.iter();
        let levels: Vec<String> = levels
            .map(|level| format!("{}r{}{}", level.steps, level.ready, if level.is_at_risk() { "!" } else { "" }))
            .collect();
        let (ready, blocked, efficiency) =
            (states.counts().ready, analysis.parallelism.blocked(), analysis.parallelism.efficiency);
        let found =
            format!("{} of {}, ready {ready}, blocked {blocked}, {efficiency} %", levels.join(" "), shape.width());
        assert_eq!(found, expected, "{history}");
    };
    check("", "1r1 2r0! 1r0! 1r0! of 2, ready 1, blocked 4, 0 %");
    check(A_DONE, "1r0 2r2 1r0! 1r0! of 2, ready 2, blocked 2, 25 %");
    check(ALL_DONE, "1r0 2r0 1r0 1r0 of 2, ready 0, blocked 0, 0 %");
}

#[test]
fn bottlenecks_of_a_task() {
    let check = |history: &str, expected: &str| {
        let stage = stage(history);
        let (_, states, analysis) = analyse(&stage);
        let show = |found: &bottlenecks::Bottleneck| {
            let step = states.step(found.step);
            let (name, impact, severity) = (&stage.run.template().step(found.step).name, found.impact, found.severity);
            let kind = bottlenecks::Kind::of(step);
            format!("{name} {impact} {severity:?} {kind:?} {:?}", bottlenecks::Strategy::of(step))
        };
        let found: Vec<String> = analysis.bottlenecks.worst.iter().map(show).collect();
        let Bottlenecks { total, critical, blocked, overall, .. } = analysis.bottlenecks;
        let found = format!("{} | {total} critical {critical} blocked {blocked} {overall:?}", found.join(", "));
        assert_eq!(found, expected, "{history}");
    };
    check(
        "",
        "B 48 Medium DependencyBlock CheckUpstream, C 48 Medium DependencyBlock CheckUpstream, \
         D 24 Medium DependencyBlock CheckUpstream, E 0 Low DependencyBlock CheckUpstream \
         | 4 critical 0 blocked 5 Low",
    );
    check(B_WAITS, "B 83 High ActiveError InvestigateError | 1 critical 0 blocked 2 Medium");
    check(B_GAVE_UP, "B 139 Critical PermanentFailure ManualIntervention | 1 critical 1 blocked 2 High");
    check(ALL_DONE, " | 0 critical 0 blocked 0 None");
    // Completed on its second attempt: no bottleneck any more.
    check(
        "claim A, fail A 0s, claim A, complete A, claim B & claim C, complete B & complete C, claim D, complete D",
        " | 0 critical 0 blocked 0 None",
    );
    // The last allowed attempt runs: not given up.
    let last = "claim A, fail A 0s, claim A, fail A 0s, claim A";
    let others = "B 48 Medium DependencyBlock CheckUpstream, C 48 Medium DependencyBlock CheckUpstream, \
                  D 24 Medium DependencyBlock CheckUpstream, E 0 Low DependencyBlock CheckUpstream";
    check(last, &format!("A 89 High RetryExhaustion MonitorRetries, {others} | 5 critical 0 blocked 9 Medium"));
}

#[test]
fn error_chains() {
    let check = |history: &str, expected: &str| {
        let stage = stage(history);
        let (_, states, analysis) = analyse(&stage);
        let name = |no: StepNo| stage.run.template().step(no).name.to_string();
        let show = |chain: &chains::Chain| {
            let behind: String = chain.downstream.iter().map(|no| name(*no)).collect();
            let recovery = chains::Recovery::of(states.step(chain.step));
            format!("{}>{behind} {} {:?} {recovery:?}", name(chain.step), chain.impact, chain.priority)
        };
        let ErrorChains { errors, percentage, blocked, chains } = &analysis.error_chains;
        let chains: Vec<String> = chains.iter().map(show).collect();
        let found = format!("{errors} {percentage} % blocked {blocked}: {}", chains.join(", "));
        assert_eq!(found, expected, "{history}");
    };
    check(A_DONE, "0 0 % blocked 0: ");
    check(B_WAITS, "1 20 % blocked 2: B>DE 43 Medium [WaitForBackoff]");
    check(&format!("{B_WAITS}, +10s"), "1 20 % blocked 2: B>DE 43 Medium [MonitorRetries]");
    check(B_GAVE_UP, "1 20 % blocked 2: B>DE 69 High [ManualResolution, IncreaseRetryLimit]");
    check("claim A, fail! A", "1 20 % blocked 4: A>BDEC 83 High [InvestigateRootCause]");
}

#[test]
fn the_summary_has_the_intended_values() {
    let check = |history: &str, expected: &str| {
        let stage = stage(history);
        let (_, _, analysis) = analyse(&stage);
        let advice = analysis.recommendations(stage.run.state().is_settled_task());
        assert_eq!(format!("{:?} {advice:?}", analysis.health()), expected, "{history}");
    };
    check("", "Healthy [OptimiseDependencies]");
    check(B_WAITS, "Critical [ResolveErrorChains, OptimiseDependencies]");
    check(B_GAVE_UP, "Critical [ResolveErrorChains, AddressCriticalBottlenecks]");
    check(ALL_DONE, "Healthy [Healthy]");
}

#[test]
fn an_elapsed_backoff_changes_the_key_and_the_clock_alone_does_not() {
    let key = |history: &str| {
        let (shape, states, _) = analyse(&stage(history));
        Key::of(&shape, &states, &Durations::default(), &Policy::default())
    };
    assert_eq!(key(B_WAITS), key(&format!("{B_WAITS}, +5s")));
    assert_ne!(key(B_WAITS), key(&format!("{B_WAITS}, +10s")));
    assert_ne!(key(B_WAITS), key(A_DONE));
}

/// With A measured at 2 s (late 4 s) and C at 10 s (late 60 s), the others estimated at 30 s; times in seconds from now.
fn check_forecast(history: &str, running_since: i64, expected: &str) {
    let stage = stage(history);
    let shape = Shape::of(stage.run.template());
    let measured = |median_ms, p95_ms| Measured { median_ms, p95_ms, samples: 9 };
    let durations = Durations::new(5, [(0, measured(2_000, 4_000)), (2, measured(10_000, 60_000))]);
    let began = |_| Some(stage.now - running_since * 1_000_000);
    let estimates = Policy::default().duration_estimates;
    let made = |now| forecast(&shape, &stage.run, &durations, &estimates, began, now);
    let found = made(stage.now);
    if is_steady(&stage.run, stage.now) {
        assert_eq!(made(stage.now + 7_000_000), found, "{history}: seven seconds later");
    }
    let seconds = |ahead: Option<i64>| ahead.map_or("never".to_owned(), |ahead| (ahead / 1_000_000).to_string());
    let names = |steps: &[StepNo]| steps.iter().map(|no| &*stage.run.template().step(*no).name).collect::<String>();
    let text = format!(
        "{} {} {} stuck {}",
        seconds(found.finish_in),
        seconds(found.late_finish_in),
        names(&found.steps),
        names(&found.stuck)
    );
    assert_eq!(text, expected, "{history}");
}

#[test]
fn the_expected_finish() {
    check_forecast("", 0, "92 124 ABDE stuck ");
    check_forecast("claim A", 1, "91 123 ABDE stuck ");
    // Longer than usual, then longer than ever.
    check_forecast("claim A", 3, "91 121 ABDE stuck ");
    check_forecast("claim A", 100, "90 120 ABDE stuck ");
    check_forecast("claim A, complete A, claim B, complete B", 0, "70 120 CDE stuck ");
    check_forecast(B_WAITS, 0, "100 100 BDE stuck ");
    check_forecast(&format!("{B_WAITS}, +10s"), 0, "90 90 BDE stuck ");
    check_forecast(B_GAVE_UP, 0, "never never  stuck ");
    check_forecast("cancel E", 0, "never never  stuck E");
    check_forecast(ALL_DONE, 0, "never never  stuck ");
}

#[test]
fn the_critical_path_of_a_task_that_has_ended_is_the_one_that_took_longest() {
    let check = |history: &str, took: &[(StepNo, u64)], expected: &str| {
        let stage = stage(history);
        let shape = Shape::of(stage.run.template());
        let measured = |(no, ms): &(StepNo, u64)| (*no, Measured { median_ms: *ms, p95_ms: *ms, samples: 1 });
        let durations = Durations::of_task(5, took.iter().map(measured));
        let states = StepStates::of(&stage.run, stage.now);
        let found = Analysis::of(&shape, &states, &durations, &Policy::default()).critical_paths.paths;
        let names =
            |path: &paths::Path| path.steps.iter().map(|no| &*stage.run.template().step(*no).name).collect::<String>();
        let show = |path: &paths::Path| format!("{} {} left {}", names(path), path.duration_ms, path.remaining_ms);
        assert_eq!(found.iter().map(show).collect::<Vec<_>>().join(", "), expected, "{history} {took:?}");
    };
    let [slow_b, slow_c] = [[(1, 50), (2, 40)], [(1, 40), (2, 50)]];
    check(ALL_DONE, &slow_b, "ABDE 50 left 0, ACDE 40 left 0");
    check(ALL_DONE, &slow_c, "ACDE 50 left 0, ABDE 40 left 0");
    check("claim A, complete A, cancel", &[(0, 70)], "ABDE 70 left 0, ACDE 70 left 0");
}

#[test]
fn a_forecast_is_steady_while_nothing_runs_and_nothing_backs_off() {
    let keeps = |history: &str| {
        let stage = stage(history);
        is_steady(&stage.run, stage.now)
    };
    for history in ["", A_DONE, B_GAVE_UP, "cancel E", ALL_DONE, &format!("{B_WAITS}, +10s")] {
        assert!(keeps(history), "{history}");
    }
    for history in ["claim A", B_WAITS, &format!("{B_WAITS}, +9s")] {
        assert!(!keeps(history), "{history}");
    }
}

/// Layers of so many steps, every step of one waiting for every step of the layer before.
fn layers(depth: usize, width: usize) -> Arc<Template> {
    let number = |no: usize| StepNo::try_from(no).unwrap();
    let step = |no: usize| {
        let layer = no / width;
        let parents = if layer == 0 { 0..0 } else { (layer - 1) * width..layer * width };
        spec(&format!("s{no:04}"), true, 3, parents.map(number).collect())
    };
    compile((0..depth * width).map(step).collect())
}

#[test]
fn thirty_full_layers_are_analysed_exactly_and_soon() {
    let stage = Stage::begin(layers(30, 10), &[]);
    let began = Instant::now();
    let (shape, _, analysis) = analyse(&stage);
    assert!(began.elapsed().as_millis() < 500, "{:?}", began.elapsed());
    assert_eq!(shape.paths(), format!("1{}", "0".repeat(30)));
    assert_eq!(shape.depth(), 30);
    // All paths are alike: 30 steps, of which 29 are blocked. The names decide.
    let score = f64::from(10 * 30 + 25 * 29 + 30);
    let first: Vec<StepNo> = (0..30).map(|layer| layer * 10).collect();
    for (place, path) in (0..).zip(&analysis.critical_paths.paths) {
        let mut expected = first.clone();
        expected[29] += place;
        assert_eq!((&path.steps, path.score), (&expected, score));
    }
    assert_eq!(analysis.critical_paths.paths.len(), 5);
    let worst = &analysis.bottlenecks.worst[0];
    assert_eq!((worst.step, worst.downstream, worst.blocked), (10, 280, 280));
}

#[test]
fn ten_thousand_steps_need_no_deep_stack() {
    let stage = Stage::begin(layers(10_000, 1), &[]);
    let (shape, _, analysis) = analyse(&stage);
    assert_eq!((shape.paths(), shape.depth()), ("1", 10_000));
    assert_eq!(analysis.critical_paths.paths[0].steps.len(), 10_000);
    assert_eq!(analysis.critical_paths.paths[0].bottlenecks_total, 9_999);
}
