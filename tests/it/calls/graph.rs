//! Dependency graphs of running tasks: their own methods, and beside tasks.

use prost::Message;
use tasker_sdk::proto::tasker::v1::{
    BottleneckType, DependencyAnalysis, DurationSource, GetTaskGraphRequest, GetTaskGraphResponse, GetTaskRequest,
    GraphSection, ListTasksRequest, NewTask, OverallHealth, Severity, State, Task, TaskGraph, TaskView,
    WatchTaskGraphRequest, WatchTaskGraphResponse, dependency_analysis::Outcome,
};
use tonic::{Code, Status, Streaming};

use super::world::{World, order, told, word, world, world_with};
use crate::harness::{self, within};

impl World {
    async fn answer(&self, task_id: &str, sections: &[GraphSection]) -> Result<GetTaskGraphResponse, Status> {
        let sections = sections.iter().map(|section| i32::from(*section)).collect();
        let request = GetTaskGraphRequest { task_id: task_id.to_owned(), sections };
        Ok(self.client.graphs().get_task_graph(request).await?.into_inner())
    }

    pub async fn try_graph(&self, task_id: &str, sections: &[GraphSection]) -> Result<TaskGraph, Status> {
        Ok(self.answer(task_id, sections).await?.graph.unwrap())
    }

    pub async fn graph(&self, task_id: &str) -> TaskGraph {
        self.try_graph(task_id, &[]).await.unwrap()
    }

    async fn with_graph(&self, task_id: &str) -> Task {
        let request =
            GetTaskRequest { task_id: task_id.to_owned(), view: TaskView::Basic.into(), include_dependencies: true };
        self.client.tasks().get_task(request).await.unwrap().into_inner().task.unwrap()
    }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// The graph beside a task, or the words of the refusal.
fn outcome(task: &Task) -> Result<TaskGraph, String> {
    let DependencyAnalysis { outcome, generate_time, expected_finish } = task.dependency_analysis.clone().unwrap();
    assert!(generate_time.is_some());
    match outcome.unwrap() {
        Outcome::Graph(graph) => {
            assert!(expected_finish.is_some());
            Ok(graph)
        }
        Outcome::Error(refused) => {
            assert_eq!(expected_finish, None);
            let reason = tonic_types::pb::ErrorInfo::decode(&*refused.details[0].value).unwrap().reason;
            Err(format!("{reason} {}", refused.message))
        }
    }
}

/// `name state` of every node, with its level and what it waits for.
fn nodes(graph: &TaskGraph) -> String {
    let graph = graph.dependency_graph.as_ref().unwrap();
    let name = |position: &i32| graph.nodes[usize::try_from(*position).unwrap()].name.as_str();
    let node = |node: &tasker_sdk::proto::tasker::v1::GraphNode| {
        let parents: Vec<&str> = node.parents.iter().map(name).collect();
        format!("{}@{} {} <- {}", node.name, node.level, word(node.state()), parents.join("+"))
    };
    graph.nodes.iter().map(node).collect::<Vec<_>>().join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_section_of_a_graph() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.finish(&id, "reserve").await;
    world.finish(&id, "label").await;
    world.fail(&id, "charge", true).await;
    let task = world.settled(&id, State::Error).await;
    let answer = world.answer(&id, &[]).await.unwrap();
    assert_eq!(answer.expected_finish.unwrap().finish_time, None, "a failed task is expected no more");
    let graph = answer.graph.unwrap();
    assert_eq!((&graph.task_id, graph.revision, graph.state()), (&id, task.revision, State::Error));
    assert_eq!(
        nodes(&graph),
        "reserve@0 complete <- , charge@1 error <- reserve, label@1 complete <- reserve, \
         dispatch@2 pending <- charge+label"
    );
    let dag = graph.dependency_graph.unwrap();
    assert_eq!(dag.level_widths, [1, 2, 1]);
    let ids: Vec<&str> = task.steps.iter().map(|step| step.step_id.as_str()).collect();
    assert_eq!(dag.nodes.iter().map(|node| node.step_id.as_str()).collect::<Vec<_>>(), ids);

    let paths = graph.critical_paths.unwrap();
    assert_eq!((&*paths.total_paths, paths.longest_path_length), ("2", 3));
    let first = &paths.paths[0];
    assert_eq!(first.step_names, ["reserve", "charge", "dispatch"]);
    assert_eq!((first.error_steps, first.blocked_steps, first.completed_steps), (1, 1, 1));
    assert_eq!((&*paths.root_step_ids, &*paths.leaf_step_ids), (&[ids[0].to_owned()][..], &[ids[3].to_owned()][..]));

    let levels = graph.parallelism_opportunities.unwrap();
    assert_eq!((levels.total_levels, levels.max_parallel_steps, levels.overall_completion), (3, 2, 50.0));

    let chains = graph.error_chains.unwrap();
    let chain = &chains.error_chains[0];
    assert_eq!((&*chain.error_step_name, &*chain.downstream_step_names), ("charge", &["dispatch".to_owned()][..]));
    assert_eq!((chains.error_percentage, chain.total_impact), (25.0, 15 + 5 + 3));
    assert_eq!(chain.recovery_strategies[0].description, "Step is not retryable, requires investigation");
    assert_eq!(chains.recovery_priority[0].reason, "Blocking 1 downstream steps");

    let bottlenecks = graph.bottlenecks.unwrap();
    let worst = &bottlenecks.bottlenecks[0];
    assert_eq!((worst.step_name.as_str(), worst.impact_score), ("charge", 20 * 2 + 3 + 10));
    assert_eq!((worst.severity(), worst.bottleneck_type()), (Severity::High, BottleneckType::PermanentFailure));
    assert_eq!(worst.resolution_time, None, "it resolves by no time");

    let summary = graph.summary.unwrap();
    assert_eq!((summary.total_steps, summary.total_dependencies, summary.dependency_levels), (4, 4, 3));
    assert_eq!((summary.error_chains_count, summary.overall_health()), (1, OverallHealth::Critical));
    assert_eq!(summary.recommendations, ["Resolve error chains to prevent further failures"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_asked_for() {
    let world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let graph = world.try_graph(&id, &[GraphSection::Summary, GraphSection::Bottlenecks]).await.unwrap();
    assert!(graph.summary.is_some() && graph.bottlenecks.is_some());
    assert!(graph.dependency_graph.is_none() && graph.critical_paths.is_none());
    assert!(graph.parallelism_opportunities.is_none() && graph.error_chains.is_none());

    let refused = world.try_graph(&id, &[GraphSection::Unspecified]).await.unwrap_err();
    assert_eq!(told(&refused), "INVALID_FIELDS\nsections[0]: is not a section of the graph");
    let request = GetTaskGraphRequest { task_id: "7".to_owned(), sections: vec![1, 99] };
    let refused = world.client.graphs().get_task_graph(request).await.unwrap_err();
    let expected = "INVALID_FIELDS\ntask_id: is not the id of a task\nsections[1]: is not a section of the graph";
    assert_eq!(told(&refused), expected);
    let refused = world.try_graph("01930000-0000-7000-8000-000000000000", &[]).await.unwrap_err();
    assert_eq!((refused.code(), &*told(&refused)), (tonic::Code::NotFound, "TASK_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn durations_are_measured_where_there_were_runs() {
    let mut world = world().await;
    let first = world.create(order(r#"{"n": 1}"#)).await;
    let sources = |graph: &TaskGraph| {
        let nodes = &graph.dependency_graph.as_ref().unwrap().nodes;
        let duration = |no: usize| nodes[no].duration.unwrap();
        (0..nodes.len()).map(|no| (duration(no).source(), duration(no).samples)).collect::<Vec<_>>()
    };
    let graph = world.graph(&first).await;
    assert_eq!(sources(&graph), [(DurationSource::Estimated, 0); 4]);
    assert_eq!(graph.critical_paths.unwrap().paths[0].estimated_duration, seconds(90));

    // Two runs whose attempts took 20 s and 10 minutes, according to the audit trail.
    let second = world.create(order(r#"{"n": 2}"#)).await;
    for (id, took) in [(&first, "20 seconds"), (&second, "10 minutes")] {
        world.run(id).await;
        sqlx::query("update transitions set started_at = at - $2::text::interval where task_id = $1::text::uuid and started_at is not null")
            .bind(id)
            .bind(took)
            .execute(world.database.store.pool())
            .await
            .unwrap();
    }
    // A server that has measured nothing yet.
    let app = harness::serve(&world.database).await;
    world.client = super::world::client(&app).await;
    let third = world.create(order(r#"{"n": 3}"#)).await;
    let answer = world.answer(&third, &[]).await.unwrap();
    let graph = answer.graph.unwrap();
    assert_eq!(sources(&graph), [(DurationSource::Measured, 2); 4]);
    let duration = graph.dependency_graph.as_ref().unwrap().nodes[0].duration.unwrap();
    assert_eq!((duration.median_duration, duration.p95_duration), (seconds(20), seconds(600)));
    let paths = graph.critical_paths.unwrap();
    let path = &paths.paths[0];
    assert_eq!((path.measured_steps, path.estimated_duration), (3, seconds(60)));
    let finish = answer.expected_finish.unwrap();
    assert_eq!((finish.remaining_duration, finish.measured_steps), (seconds(60), 3));
    assert_eq!(finish.step_names, ["reserve", "charge", "dispatch"]);
    let ahead = |time: Option<prost_types::Timestamp>| time.unwrap().seconds - answer.generate_time.unwrap().seconds;
    assert_eq!((ahead(finish.finish_time), ahead(finish.late_finish_time)), (60, 1_800));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_of_a_finished_task_tells_what_took_longest_in_it() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.run(&id).await;
    // By the audit trail `label` took longest, at its second attempt and after a wait.
    let pool = world.database.store.pool();
    let took = "update transitions set started_at = at - case step_no when 2 then interval '50 seconds'
                else interval '10 seconds' end where task_id = $1::text::uuid and started_at is not null";
    sqlx::query(took).bind(&id).execute(pool).await.unwrap();
    let retried = "insert into transitions (task_id, sequence, step_no, from_state, to_state, attempt, at, started_at)
                   select task_id, 1000, 2, 1, 3, 1, at - interval '60 seconds', at - interval '70 seconds'
                   from transitions where task_id = $1::text::uuid and step_no = 2 and started_at is not null";
    sqlx::query(retried).bind(&id).execute(pool).await.unwrap();
    let answer = world.answer(&id, &[]).await.unwrap();
    let finish = answer.expected_finish.unwrap();
    assert_eq!((finish.finish_time, finish.remaining_duration, finish.step_names.len()), (None, None, 0));
    let graph = answer.graph.unwrap();
    let path = |path: &tasker_sdk::proto::tasker::v1::CriticalPath| {
        (path.step_names.join(" "), path.estimated_duration, path.remaining_duration, path.measured_steps)
    };
    let paths: Vec<_> = graph.critical_paths.unwrap().paths.iter().map(path).collect();
    let expected = [("reserve label dispatch", 90), ("reserve charge dispatch", 30)];
    assert_eq!(paths, expected.map(|(names, took)| (names.to_owned(), seconds(took), seconds(0), 3)));
    let label = graph.dependency_graph.unwrap().nodes[2].duration.unwrap();
    assert_eq!((label.source(), label.median_duration, label.samples), (DurationSource::Task, seconds(70), 2));
    // The second answer is the remembered one, and the same.
    let again = world.answer(&id, &[GraphSection::CriticalPaths]).await.unwrap().graph.unwrap();
    let remembered = world.answer(&id, &[GraphSection::CriticalPaths]).await.unwrap().graph.unwrap();
    assert_eq!(again, remembered);
    assert_eq!(again.critical_paths.unwrap().paths[0].estimated_duration, seconds(90));
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_come_with_their_graphs_when_asked() {
    let mut world = world().await;
    let ids = [world.create(order(r#"{"n": 1}"#)).await, world.create(order(r#"{"n": 2}"#)).await];
    world.finish(&ids[1], "reserve").await;
    assert_eq!(world.get(&ids[0], TaskView::Full).await.dependency_analysis, None);
    let task = world.with_graph(&ids[0]).await;
    assert_eq!(outcome(&task).unwrap().revision, task.revision);
    let request = ListTasksRequest { include_dependencies: true, ..ListTasksRequest::default() };
    let page = world.client.tasks().list_tasks(request).await.unwrap().into_inner().tasks;
    let shown = page.iter().map(|task| {
        let graph = outcome(task).unwrap();
        assert_eq!((&graph.task_id, graph.revision), (&task.task_id, task.revision));
        let found = graph.parallelism_opportunities.as_ref().unwrap();
        let ready: Vec<&str> =
            found.levels.iter().flat_map(|level| &level.ready_step_names).map(String::as_str).collect();
        (found.current_parallel_opportunities, ready.join(" "))
    });
    let expected = [(2, "charge label".to_owned()), (0, String::new())];
    assert_eq!(shown.collect::<Vec<_>>(), expected, "newest first; the worker has the older one's first step in hand");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_comes_without_a_graph_that_is_too_large_and_says_so() {
    let world = world_with(&[
        ("limits.payload_bytes", "2048"),
        ("limits.assignment_bytes", "2048"),
        ("limits.message_bytes", "67584"),
    ])
    .await;
    world.register_graph("long", 800, |no| no.checked_sub(1).into_iter().collect()).await;
    let id = world.create(NewTask { handler: harness::handler_ref("", "long", ""), ..order(r#"{"n": 1}"#) }).await;
    let task = world.with_graph(&id).await;
    assert_eq!(task.task_id, id);
    let expected = "ANSWER_TOO_LARGE Dependency analysis failed: the graph is too large for the answer: ask for it alone, or for fewer \
                    sections";
    assert_eq!(outcome(&task).unwrap_err(), expected);

    // By itself it is refused, in parts it comes.
    assert_eq!(told(&world.try_graph(&id, &[]).await.unwrap_err()), "ANSWER_TOO_LARGE");
    let graph = world.try_graph(&id, &[GraphSection::Bottlenecks, GraphSection::Summary]).await.unwrap();
    assert_eq!(graph.bottlenecks.unwrap().total_bottlenecks, 799);

    // A page has as many graphs as there is room for.
    for n in 0..30 {
        world.create(order(&format!("{{\"n\": {n}}}"))).await;
    }
    let request = ListTasksRequest { page_size: 100, include_dependencies: true, ..ListTasksRequest::default() };
    let page = world.client.tasks().list_tasks(request).await.unwrap().into_inner().tasks;
    let with = page.iter().filter(|task| outcome(task).is_ok()).count();
    assert!(page.len() == 31 && with > 5 && with < 31, "{with} of {}", page.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_comes_without_a_graph_that_cannot_be_made_and_says_so() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.claim(&id, "reserve").await;
    // Who holds an attempt is part of the graph, and of nothing else that is asked for here.
    let pool = world.database.store.pool().clone();
    sqlx::query("alter table leases rename to lost").execute(&pool).await.unwrap();
    let task = world.with_graph(&id).await;
    let alone = world.try_graph(&id, &[]).await;
    sqlx::query("alter table lost rename to leases").execute(&pool).await.unwrap();
    assert_eq!((&task.task_id, task.state()), (&id, State::InProgress));
    let refused = outcome(&task).unwrap_err();
    assert_eq!(refused, "INTERNAL Dependency analysis failed: internal error", "nobody learns of the tables");
    assert_eq!(alone.unwrap_err().code(), Code::Internal);
    assert_eq!(outcome(&world.with_graph(&id).await).unwrap().task_id, id);
}

/// The next message, as `ready of blocked state`; `end` at the end.
async fn next(stream: &mut Streaming<WatchTaskGraphResponse>) -> String {
    let message = within("the next graph", stream.message()).await.unwrap();
    let Some(message) = message else { return "end".to_owned() };
    let graph = message.graph.unwrap();
    let levels = graph.parallelism_opportunities.as_ref().unwrap();
    let (ready, blocked) = (levels.current_parallel_opportunities, levels.blocked_parallel_opportunities);
    format!("ready {ready} blocked {blocked} {}", word(graph.state()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_the_graph_change_until_the_end() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let request =
        WatchTaskGraphRequest { task_id: id.clone(), sections: vec![GraphSection::ParallelismOpportunities.into()] };
    let mut stream = world.client.graphs().watch_task_graph(request.clone()).await.unwrap().into_inner();
    assert_eq!(next(&mut stream).await, "ready 1 blocked 3 pending");
    world.finish(&id, "reserve").await;
    // What happens at once may be told in one or in two messages.
    let until = async |stream: &mut Streaming<_>, wanted: &str| loop {
        let message = next(stream).await;
        assert_ne!(message, "end", "before {wanted}");
        if message == wanted {
            break;
        }
    };
    until(&mut stream, "ready 2 blocked 1 in_progress").await;
    world.finish(&id, "charge").await;
    world.finish(&id, "label").await;
    world.finish(&id, "dispatch").await;
    until(&mut stream, "ready 0 blocked 0 complete").await;
    assert_eq!(next(&mut stream).await, "end");
    // A final task is told once.
    let mut again = world.client.graphs().watch_task_graph(request).await.unwrap().into_inner();
    assert_eq!(next(&mut again).await, "ready 0 blocked 0 complete");
    assert_eq!(next(&mut again).await, "end");
    drop((stream, again));
    harness::eventually("nobody follows", async || world.app.engine().watch().followed() == 0).await;

    let request = WatchTaskGraphRequest { task_id: "01930000-0000-7000-8000-000000000000".into(), sections: vec![] };
    assert_eq!(told(&world.client.graphs().watch_task_graph(request).await.unwrap_err()), "TASK_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_with_more_paths_than_atoms() {
    let world = world().await;
    world
        .register_graph("layers", 300, |no| if no < 10 { vec![] } else { (no / 10 * 10 - 10..no / 10 * 10).collect() })
        .await;
    let id = world.create(NewTask { handler: harness::handler_ref("", "layers", ""), ..order(r#"{"n": 1}"#) }).await;
    let graph = world.graph(&id).await;
    let paths = graph.critical_paths.unwrap();
    assert_eq!(paths.total_paths, format!("1{}", "0".repeat(30)));
    assert_eq!((paths.longest_path_length, paths.paths.len()), (30, 5));
    assert_eq!(graph.summary.unwrap().total_dependencies, 2_900);
}
