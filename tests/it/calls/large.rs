//! The largest graphs that a handler may have, and answers that would be too large.

use tasker_sdk::proto::tasker::v1::{
    CancelTaskRequest, CreateAnnotationRequest, GetTaskRequest, Handler, ListAnnotationsRequest, ListStepsRequest,
    ListTasksRequest, ListTransitionsRequest, NewTask, RegisterHandlersRequest, State, StepTemplate, TaskOrder,
    TaskView,
};

use super::world::{World, order, told, world, world_with};

impl World {
    /// Registers a handler whose step number `n` waits for the steps that `parents` names.
    pub async fn register_graph(&self, name: &str, steps: usize, parents: impl Fn(usize) -> Vec<usize>) {
        let step = |no: usize| StepTemplate {
            name: format!("s{no}"),
            step_handler: "LargeStep".to_owned(),
            depends_on_steps: parents(no).into_iter().map(|parent| format!("s{parent}")).collect(),
            ..StepTemplate::default()
        };
        let handler = Handler {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            step_templates: (0..steps).map(step).collect(),
            ..Handler::default()
        };
        let request = RegisterHandlersRequest { handlers: vec![handler], ..RegisterHandlersRequest::default() };
        self.client.handlers().register_handlers(request).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_steps_are_one_answer() {
    let world = world().await;
    world.register_graph("wide", 10_000, |no| (no.saturating_sub(5)..no).collect()).await;
    let id =
        world.create(NewTask { handler: crate::harness::handler_ref("", "wide", ""), ..order(r#"{"n": 1}"#) }).await;
    let task = world.full(&id).await;
    assert_eq!((task.steps.len(), task.execution.unwrap().ready_steps), (10_000, 1));
    assert_eq!(task.steps[9_999].parent_step_ids.len(), 5);
    let mut request = ListStepsRequest { task_id: id, page_size: 1_000, include_payloads: true, ..Default::default() };
    let mut names = Vec::new();
    loop {
        let page = world.client.steps().list_steps(request.clone()).await.unwrap().into_inner();
        names.extend(page.steps.into_iter().map(|step| step.name));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert!((0..10_000).zip(&names).all(|(no, name)| *name == format!("s{no}")) && names.len() == 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_siblings_are_told_where_one_step_is_asked_for() {
    let world = world().await;
    let parents = |no: usize| match no {
        0 => vec![],
        1_001 => (1..=1_000).collect(),
        _ => vec![0],
    };
    world.register_graph("fan", 1_002, parents).await;
    let id =
        world.create(NewTask { handler: crate::harness::handler_ref("", "fan", ""), ..order(r#"{"n": 1}"#) }).await;
    let task = world.get(&id, TaskView::Steps).await;
    assert_eq!(task.steps[7].sibling_step_ids.len(), 16);
    assert_eq!(world.step(&id, "s7").await.sibling_step_ids.len(), 999);
    assert_eq!(world.step(&id, "s1001").await.parent_step_ids.len(), 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_too_large_are_refused_and_smaller_ones_given() {
    let world = world_with(&[
        ("limits.payload_bytes", "2048"),
        ("limits.assignment_bytes", "2048"),
        ("limits.message_bytes", "67584"),
    ])
    .await;
    world.register_graph("long", 400, |no| no.checked_sub(1).into_iter().collect()).await;
    let context = format!(r#"{{"a":"{}"}}"#, "x".repeat(1_000));
    let id = world.create(NewTask { handler: crate::harness::handler_ref("", "long", ""), ..order(&context) }).await;
    for view in [TaskView::Steps, TaskView::Full] {
        let request = GetTaskRequest { task_id: id.clone(), view: view.into(), ..GetTaskRequest::default() };
        let refused = world.client.tasks().get_task(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), &*told(&refused)),
            (tonic::Code::ResourceExhausted, "ANSWER_TOO_LARGE"),
            "{view:?}"
        );
    }
    assert_eq!(world.get(&id, TaskView::Basic).await.execution.unwrap().total_steps, 400);
    // Pages end where a message is full, and together they are everything.
    let mut request =
        ListStepsRequest { task_id: id.clone(), page_size: 400, include_payloads: true, ..ListStepsRequest::default() };
    let mut names = Vec::new();
    loop {
        let page = world.client.steps().list_steps(request.clone()).await.unwrap().into_inner();
        assert!(page.steps.iter().all(|step| step.inputs_json.len() > 1_000));
        assert!((1..100).contains(&page.steps.len()), "{} steps", page.steps.len());
        names.extend(page.steps.into_iter().map(|step| step.name));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(names, (0..400).map(|no| format!("s{no}")).collect::<Vec<_>>());
    // A change that was made is answered as made, in the largest view that fits.
    let cancel = CancelTaskRequest { task_id: id, ..CancelTaskRequest::default() };
    let cancelled = world.client.tasks().cancel_task(cancel).await.unwrap().into_inner().task.unwrap();
    assert_eq!((cancelled.state(), cancelled.steps.len()), (State::Cancelled, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_tasks_transitions_and_annotations_end_where_a_message_is_full() {
    let mut world = world_with(&[
        ("limits.payload_bytes", "2048"),
        ("limits.assignment_bytes", "2048"),
        ("limits.message_bytes", "67584"),
    ])
    .await;
    let context = format!(r#"{{"a":"{}"}}"#, "x".repeat(2_000));
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(world.create(order(&context)).await);
    }
    let mut request = ListTasksRequest {
        page_size: 1_000,
        view: TaskView::Full.into(),
        order: TaskOrder::CreateTimeAsc.into(),
        ..ListTasksRequest::default()
    };
    let mut listed = Vec::new();
    let mut pages = 0;
    loop {
        let page = world.client.tasks().list_tasks(request.clone()).await.unwrap().into_inner();
        listed.extend(page.tasks.into_iter().map(|task| task.task_id));
        pages += 1;
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(listed, ids);
    assert!((3..=60).contains(&pages), "{pages} pages");

    let id = &ids[0];
    let long = "y".repeat(16_000);
    for (step, failures) in [("reserve", 2), ("charge", 1), ("label", 2)] {
        for _ in 0..failures {
            world.fail_at_length(id, step, &long).await;
        }
        world.finish(id, step).await;
    }
    let mut request = ListTransitionsRequest { task_id: id.clone(), page_size: 1_000, ..Default::default() };
    let (mut sequences, mut pages) = (Vec::new(), 0);
    loop {
        let page = world.client.tasks().list_transitions(request.clone()).await.unwrap().into_inner();
        sequences.extend(page.transitions.iter().map(|row| row.sequence));
        pages += 1;
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let revision = world.get(id, TaskView::Basic).await.revision;
    assert_eq!(sequences, (1..=revision).collect::<Vec<_>>());
    assert!(pages > 1, "{pages} pages");

    let note = format!(r#"{{"a":"{}"}}"#, "z".repeat(15_000));
    for _ in 0..6 {
        let request = CreateAnnotationRequest {
            task_id: id.clone(),
            annotation_type: "note".into(),
            annotation_json: note.clone(),
            ..CreateAnnotationRequest::default()
        };
        world.client.tasks().create_annotation(request).await.unwrap();
    }
    let mut request = ListAnnotationsRequest { task_id: id.clone(), ..ListAnnotationsRequest::default() };
    let (mut found, mut pages) = (0, 0);
    loop {
        let page = world.client.tasks().list_annotations(request.clone()).await.unwrap().into_inner();
        found += page.annotations.len();
        pages += 1;
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(found, 6);
    assert!(pages > 1, "{pages} pages");
}
