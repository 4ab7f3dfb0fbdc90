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
    proto::ExpectedFinish { finish_time: Some(micros(NOW + at)), ..proto::ExpectedFinish::default() }
}

/// What a client makes of the response that is sent.
fn received(kept: Bytes, moment: &proto::TaskGraph) -> proto::TaskGraph {
    // The field as the contract has it.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Generated {
        #[prost(message, optional, tag = "1")]
        graph: Option<proto::TaskGraph>,
    }
    let graph = vec![kept, moment.encode_to_vec().into()];
    let sent = crate::rpc::graph::GetTaskGraphResponse { graph }.encode_to_vec();
    Generated::decode(&*sent).unwrap().graph.unwrap()
}

#[test]
fn two_pieces_make_the_graph_again() {
    let (kept, moment) = split(graph());
    assert_eq!(received(kept, &moment), graph());
}

#[test]
fn without_critical_paths_nothing_is_told_of_the_finish() {
    let bare = proto::TaskGraph { critical_paths: None, ..graph() };
    let (kept, moment) = split(bare.clone());
    assert_eq!(moment, proto::TaskGraph { generate_time: Some(micros(NOW)), ..proto::TaskGraph::default() });
    assert_eq!(received(kept, &moment), bare);
}

#[test]
fn another_moment_changes_what_goes_by_the_clock_and_nothing_else() {
    let (kept, _) = split(graph());
    let later = proto::TaskGraph {
        generate_time: Some(micros(NOW + 1)),
        critical_paths: Some(going(Some(finish(2)))),
        ..proto::TaskGraph::default()
    };
    let mut expected = proto::TaskGraph { generate_time: Some(micros(NOW + 1)), ..graph() };
    expected.critical_paths.as_mut().unwrap().expected_finish = Some(finish(2));
    assert_eq!(received(kept, &later), expected);
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
