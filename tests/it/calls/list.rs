//! Finding tasks: filters, orders, pages, counts.

use prost_types::Timestamp;
use tasker_sdk::proto::tasker::v1::{
    AnnotationFilter, CancelTaskRequest, CountTasksRequest, CreateAnnotationRequest, ListTasksRequest, NewTask, State,
    TaskCounts, TaskFilter, TaskOrder, TaskView,
};

use crate::harness;

use super::world::{World, order, told, world};

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

/// Tasks named by their correlation ids, in the order of their creation: `a` and `b` complete, `c` failed,
/// `d` cancelled, `e` pending with an attempt under way, `f` pending in another namespace.
async fn shop() -> World {
    let mut world = world().await;
    world.register("default", "order", "2.0.0").await;
    world.register("elsewhere", "return", "1.0.0").await;
    let task = |id: &str, requested: i64| NewTask {
        correlation_id: id.into(),
        handler: harness::handler_ref("", "order", "1.0.0"),
        request_time: at(requested),
        ..order(r#"{"n": 1}"#)
    };
    let a = world
        .create(NewTask { tags: vec!["red".into(), "big".into()], initiator: "alice".into(), ..task("a", 600) })
        .await;
    let b = world.create(NewTask { tags: vec!["red".into()], source_system: "shop".into(), ..task("b", 500) }).await;
    let c = world
        .create(NewTask {
            handler: harness::handler_ref("", "order", "2.0.0"),
            initiator: "alice".into(),
            ..task("c", 400)
        })
        .await;
    let d = world.create(NewTask { source_system: "shop".into(), ..task("d", 400) }).await;
    world.run(&a).await;
    world.run(&b).await;
    world.fail(&c, "reserve", true).await;
    world.settled(&c, State::Error).await;
    let cancel = CancelTaskRequest { task_id: d.clone(), ..CancelTaskRequest::default() };
    world.client.tasks().cancel_task(cancel).await.unwrap();
    let e = world.create(task("e", 300)).await;
    let _held = world.claim(&e, "reserve").await;
    world.create(NewTask { handler: harness::handler_ref("elsewhere", "return", ""), ..task("f", 200) }).await;
    for (id, json) in [(&a, r#"{"colour": "red", "n": 7}"#), (&b, r#"{"colour": "blue", "ok": true}"#)] {
        let request = CreateAnnotationRequest {
            task_id: id.clone(),
            annotation_type: "paint".into(),
            annotation_json: json.into(),
            ..CreateAnnotationRequest::default()
        };
        world.client.tasks().create_annotation(request).await.unwrap();
    }
    world
}

impl World {
    async fn list(&self, request: ListTasksRequest) -> (String, String) {
        let page = self.client.tasks().list_tasks(request).await.unwrap().into_inner();
        let names: Vec<String> = page.tasks.into_iter().map(|task| task.correlation_id).collect();
        (names.join(" "), page.next_page_token)
    }

    /// All pages, of a size, joined by bars.
    async fn pages(&self, request: ListTasksRequest) -> String {
        let mut pages = Vec::new();
        let mut request = request;
        loop {
            let (page, next) = self.list(request.clone()).await;
            pages.push(page);
            if next.is_empty() {
                return pages.join(" | ");
            }
            request.page_token = next;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_hold_together() {
    let world = shop().await;
    let check = async |filter: TaskFilter, expected: &str| {
        let request = ListTasksRequest { filter: Some(filter.clone()), ..ListTasksRequest::default() };
        assert_eq!(world.list(request).await.0, expected, "{filter:?}");
        let counted =
            world.client.tasks().count_tasks(CountTasksRequest { filter: Some(filter.clone()) }).await.unwrap();
        let expected = i64::try_from(expected.split_whitespace().count()).unwrap();
        assert_eq!(counted.into_inner().counts.unwrap().total, expected, "count of {filter:?}");
    };
    let none = TaskFilter::default;
    let states =
        |states: &[State]| TaskFilter { states: states.iter().map(|state| (*state).into()).collect(), ..none() };
    let annotation = |annotation_type: &str, key: &str, value: &str| TaskFilter {
        annotation: Some(AnnotationFilter {
            annotation_type: annotation_type.into(),
            key: key.into(),
            value: value.into(),
        }),
        ..none()
    };
    check(none(), "f e d c b a").await;
    check(TaskFilter { namespace: "default".into(), ..none() }, "e d c b a").await;
    check(
        TaskFilter { namespace: "elsewhere".into(), handler: "return".into(), version: "1.0.0".into(), ..none() },
        "f",
    )
    .await;
    check(TaskFilter { handler: "order".into(), version: "2.0.0".into(), ..none() }, "c").await;
    check(TaskFilter { namespace: "nowhere".into(), ..none() }, "").await;
    check(TaskFilter { handler: "order".into(), version: "9.9.9".into(), ..none() }, "").await;
    check(states(&[State::Complete]), "b a").await;
    check(states(&[State::Pending, State::InProgress]), "f e").await;
    check(states(&[State::InProgress]), "e").await;
    check(states(&[State::Error]), "c").await;
    check(states(&[State::Cancelled]), "d").await;
    check(states(&[State::ResolvedManually]), "").await;
    check(states(&[State::Error, State::Pending]), "f c").await;
    check(states(&[State::Error, State::Complete]), "c b a").await;
    check(TaskFilter { tags: vec!["red".into()], ..none() }, "b a").await;
    check(TaskFilter { tags: vec!["red".into(), "big".into()], ..none() }, "a").await;
    check(TaskFilter { tags: vec!["green".into()], ..none() }, "").await;
    check(TaskFilter { initiator: "alice".into(), ..none() }, "c a").await;
    check(TaskFilter { initiator: "unknown".into(), ..none() }, "f e d b").await;
    check(TaskFilter { source_system: "shop".into(), ..none() }, "d b").await;
    check(TaskFilter { correlation_id: "e".into(), ..none() }, "e").await;
    check(TaskFilter { min_request_time: at(400), max_request_time: at(600), ..none() }, "d c b").await;
    check(annotation(" paint ", "", ""), "b a").await;
    check(annotation("paint", "colour", "red"), "a").await;
    check(annotation("", "n", "7"), "a").await;
    check(annotation("", "ok", "true"), "b").await;
    check(annotation("", "colour", ""), "b a").await;
    check(annotation("other", "colour", "red"), "").await;
    check(TaskFilter { initiator: "alice".into(), ..states(&[State::Complete]) }, "a").await;
    check(TaskFilter { source_system: "shop".into(), ..states(&[State::Cancelled, State::Error]) }, "d").await;
    check(TaskFilter { tags: vec!["red".into()], initiator: "alice".into(), ..annotation("paint", "n", "7") }, "a")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_have_pages_without_loss_or_repetition() {
    let world = shop().await;
    let by = |order: TaskOrder, page_size: i32| ListTasksRequest {
        order: order.into(),
        page_size,
        ..ListTasksRequest::default()
    };
    assert_eq!(world.pages(by(TaskOrder::Unspecified, 0)).await, "f e d c b a");
    assert_eq!(world.pages(by(TaskOrder::CreateTimeDesc, 4)).await, "f e d c | b a");
    assert_eq!(world.pages(by(TaskOrder::CreateTimeAsc, 2)).await, "a b | c d | e f");
    // `c` and `d` were requested at the same time; the order of creation decides.
    assert_eq!(world.pages(by(TaskOrder::RequestTimeDesc, 3)).await, "a b d | c e f");
    assert_eq!(world.pages(by(TaskOrder::RequestTimeAsc, 1)).await, "f | e | c | d | b | a");
    let filtered = ListTasksRequest {
        filter: Some(TaskFilter { handler: "order".into(), states: vec![3, 4, 5], ..TaskFilter::default() }),
        ..by(TaskOrder::RequestTimeAsc, 2)
    };
    assert_eq!(world.pages(filtered).await, "c d | b a");
}

#[tokio::test(flavor = "multi_thread")]
async fn page_tokens_fit_only_their_request() {
    let world = shop().await;
    let request = ListTasksRequest { page_size: 2, ..ListTasksRequest::default() };
    let (_, token) = world.list(request.clone()).await;
    let refused = async |request: ListTasksRequest| {
        let refused = world.client.tasks().list_tasks(request).await.unwrap_err();
        assert_eq!((refused.code(), &*told(&refused)), (tonic::Code::InvalidArgument, "PAGE_TOKEN_INVALID"));
    };
    let next = ListTasksRequest { page_token: token, ..request };
    refused(ListTasksRequest { order: TaskOrder::CreateTimeAsc.into(), ..next.clone() }).await;
    let filter = Some(TaskFilter { handler: "order".into(), ..TaskFilter::default() });
    refused(ListTasksRequest { filter, ..next.clone() }).await;
    refused(ListTasksRequest { page_token: "garbage".into(), ..next.clone() }).await;
    // Size and view may change from page to page.
    let page = ListTasksRequest { page_size: 3, view: TaskView::Steps.into(), ..next };
    let page = world.client.tasks().list_tasks(page).await.unwrap().into_inner();
    assert_eq!(page.tasks.len(), 3);
    assert!(page.tasks.iter().all(|task| task.steps.len() == 4 && task.context_json.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_by_state() {
    let world = shop().await;
    let check = async |filter: TaskFilter, expected: &str| {
        let counted = world.client.tasks().count_tasks(CountTasksRequest { filter: Some(filter) }).await.unwrap();
        let counts = counted.into_inner().counts.unwrap();
        let TaskCounts { total, pending, in_progress, complete, error, cancelled, resolved_manually } = counts;
        assert_eq!(
            format!(
                "pending {pending}, in_progress {in_progress}, complete {complete}, error {error}, \
                 cancelled {cancelled}, resolved_manually {resolved_manually}"
            ),
            expected
        );
        assert_eq!(total, pending + in_progress + complete + error + cancelled + resolved_manually);
    };
    let none = TaskFilter::default;
    check(none(), "pending 1, in_progress 1, complete 2, error 1, cancelled 1, resolved_manually 0").await;
    let alice = TaskFilter { initiator: "alice".into(), ..none() };
    check(alice, "pending 0, in_progress 0, complete 1, error 1, cancelled 0, resolved_manually 0").await;
    let open = TaskFilter { states: vec![State::Pending.into(), State::Error.into()], ..none() };
    check(open, "pending 1, in_progress 0, complete 0, error 1, cancelled 0, resolved_manually 0").await;
}
