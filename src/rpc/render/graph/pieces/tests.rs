use super::*;

const NOW: Micros = 1_700_000_000_000_000;
const SECOND: Micros = 1_000_000;

fn graph() -> proto::TaskGraph {
    let paths = proto::CriticalPaths {
        total_paths: "2".to_owned(),
        root_step_ids: vec!["root".to_owned()],
        expected_finish: Some(finish(1)),
        ..proto::CriticalPaths::default()
    };
    proto::TaskGraph {
        task_id: "task".to_owned(),
        revision: 7,
        generate_time: Some(micros(NOW)),
        critical_paths: Some(paths),
        summary: Some(proto::GraphSummary { total_steps: 4, ..proto::GraphSummary::default() }),
        ..proto::TaskGraph::default()
    }
}

fn finish(at: Micros) -> proto::ExpectedFinish {
    proto::ExpectedFinish {
        finish_time: Some(micros(NOW + at)),
        remaining_ms: 5,
        step_names: vec!["root".to_owned()],
        ..proto::ExpectedFinish::default()
    }
}

/// What a client makes of the response that is sent.
fn received(kept: &Kept, moment: &proto::TaskGraph) -> proto::TaskGraph {
    // The field as the contract has it.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Generated {
        #[prost(message, optional, tag = "1")]
        graph: Option<proto::TaskGraph>,
    }
    let graph = vec![kept.bytes.clone(), moment.encode_to_vec().into()];
    let sent = crate::rpc::graph::GetTaskGraphResponse { graph }.encode_to_vec();
    Generated::decode(&*sent).unwrap().graph.unwrap()
}

#[test]
fn two_pieces_make_the_graph_again() {
    for paced in [false, true] {
        let (kept, moment) = split(graph(), NOW, paced);
        assert_eq!(received(&kept, &moment), graph());
    }
}

#[test]
fn without_critical_paths_nothing_is_told_of_the_finish() {
    let bare = proto::TaskGraph { critical_paths: None, ..graph() };
    let (kept, moment) = split(bare.clone(), NOW, false);
    assert_eq!(moment, proto::TaskGraph { generate_time: Some(micros(NOW)), ..proto::TaskGraph::default() });
    assert_eq!(received(&kept, &moment), bare);
    let later = kept.moment(NOW + 1).unwrap();
    assert_eq!(received(&kept, &later), proto::TaskGraph { generate_time: Some(micros(NOW + 1)), ..bare });
}

/// The graph a second later, with this of its finish.
fn later(finish: proto::ExpectedFinish) -> proto::TaskGraph {
    let mut later = proto::TaskGraph { generate_time: Some(micros(NOW + SECOND)), ..graph() };
    later.critical_paths.as_mut().unwrap().expected_finish = Some(finish);
    later
}

#[test]
fn a_finish_that_is_always_as_far_ahead_is_told_with_other_times() {
    let (kept, _) = split(graph(), NOW, true);
    let moment = kept.moment(NOW + SECOND).unwrap();
    assert_eq!(received(&kept, &moment), later(finish(SECOND + 1)), "nothing is told of the late one, as before");
}

#[test]
fn another_finish_is_told_anew() {
    let (kept, _) = split(graph(), NOW, false);
    assert_eq!(kept.moment(NOW + SECOND), None);
    let other = proto::ExpectedFinish { step_names: vec!["other".to_owned()], ..finish(2) };
    let moment = of_moment(Some(micros(NOW + SECOND)), Some(of_finish(Some(other.clone()))));
    assert_eq!(received(&kept, &moment), later(other));
}

fn check(backoffs: &[i64], expected: (Option<i64>, Option<i64>)) {
    let steady = steady(backoffs.iter().map(|seconds| NOW + seconds * SECOND), NOW);
    assert!(steady.contains(&NOW), "{backoffs:?}");
    let seconds = |at: Micros| (at != Micros::MIN && at != Micros::MAX).then(|| (at - NOW) / SECOND);
    assert_eq!((seconds(steady.start), seconds(steady.end)), expected, "{backoffs:?}");
}

#[test]
fn a_graph_is_steady_until_a_backoff_elapses_or_has_a_minute_less_to_go() {
    check(&[], (None, None));
    check(&[30], (Some(-30), Some(30)));
    check(&[60], (Some(0), Some(60)));
    check(&[61], (Some(-59), Some(1)));
    check(&[0], (Some(0), None));
    check(&[-5], (Some(-5), None));
    check(&[-5, -2, 90, 200], (Some(-2), Some(20)));
}
