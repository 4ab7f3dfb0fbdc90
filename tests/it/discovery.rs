//! Finding handlers through gRPC: what there is, who runs it, how it does, and what takes no new tasks.

use std::time::Duration;

use tasker::app::App;
use tasker_sdk::{
    Client, StepContext, Worker,
    proto::tasker::v1::{
        CreateTaskRequest, DeprecateHandlerRequest, GetHandlerRequest, GetHandlerResponse, Handler,
        HandlerOperationKind, HandlerRef, ListHandlerOperationsRequest, ListHandlersRequest, ListNamespacesRequest,
        NamespaceSummary, NewTask, PauseNamespaceRequest, RegisterHandlersRequest, RestoreHandlerRequest, StepTemplate,
        TemplateGraph, UpdateNamespaceRequest,
    },
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{self, Database, eventually, within};

struct World {
    _app: App,
    client: Client,
    endpoint: String,
}

async fn server(database: &Database, keys: &[(&str, &str)]) -> World {
    let app = harness::serve_with(database, keys).await;
    let endpoint = app.endpoint().to_owned();
    let client = Client::builder(endpoint.clone()).no_token().connect().await.unwrap();
    World { _app: app, client, endpoint }
}

/// `c=Handler: a b` is a step `c`, run by `Handler` or else by `Work`, that waits for `a` and `b`.
fn handler(namespace: &str, name: &str, version: &str, steps: &str) -> Handler {
    let step = |text: &str| {
        let (name, parents) = text.split_once(':').unwrap_or((text, ""));
        let (name, class) = name.trim().split_once('=').unwrap_or((name.trim(), "Work"));
        StepTemplate {
            name: name.to_owned(),
            step_handler: class.to_owned(),
            depends_on_steps: parents.split_whitespace().map(str::to_owned).collect(),
            ..StepTemplate::default()
        }
    };
    Handler {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        step_templates: steps.split(';').map(step).collect(),
        ..Handler::default()
    }
}

fn named(name: &str, version: &str) -> HandlerRef {
    HandlerRef { name: name.to_owned(), version: version.to_owned(), ..HandlerRef::default() }
}

fn millis(duration: Option<prost_types::Duration>) -> i64 {
    duration.map_or(-1, |duration| duration.seconds * 1_000 + i64::from(duration.nanos) / 1_000_000)
}

impl World {
    async fn register(&self, handlers: Vec<Handler>) {
        let request = RegisterHandlersRequest { handlers, replace: true, ..Default::default() };
        self.client.handlers().register_handlers(request).await.unwrap();
    }

    async fn get(&self, name: &str, version: &str) -> Result<GetHandlerResponse, Status> {
        let request = GetHandlerRequest { handler: Some(named(name, version)), omit_graph: false };
        self.client.handlers().get_handler(request).await.map(tonic::Response::into_inner)
    }

    async fn latest(&self, name: &str) -> String {
        self.get(name, "").await.unwrap().handler.unwrap().version
    }

    async fn deprecate(&self, name: &str, version: &str) -> Result<Handler, Status> {
        let request = DeprecateHandlerRequest {
            handler: Some(named(name, version)),
            reason: "use another".to_owned(),
            requested_by: "ops".to_owned(),
        };
        let answer = self.client.handlers().deprecate_handler(request).await?;
        Ok(answer.into_inner().handler.unwrap())
    }

    async fn restore(&self, name: &str, version: &str) {
        let request = RestoreHandlerRequest { handler: Some(named(name, version)), ..RestoreHandlerRequest::default() };
        self.client.handlers().restore_handler(request).await.unwrap();
    }

    /// The version that a new task is of, or why there is none.
    async fn create(&self, name: &str, version: &str) -> String {
        let task = NewTask {
            handler: harness::handler_ref("", name, version),
            context_json: "{\"n\": 1}".to_owned(),
            ..NewTask::default()
        };
        match self.client.tasks().create_task(CreateTaskRequest { task: Some(task) }).await {
            Ok(answer) => answer.into_inner().task.unwrap().handler.unwrap().version,
            Err(refused) => reason(&refused),
        }
    }

    /// `name latest versions`, and `+` for one that somebody runs.
    async fn list(&self) -> Vec<String> {
        let request = ListHandlersRequest::default();
        let handlers = self.client.handlers().list_handlers(request).await.unwrap().into_inner().handlers;
        let line = |one: &tasker_sdk::proto::tasker::v1::HandlerSummary| {
            let available = if one.available { " +" } else { "" };
            let paused = if one.pauses.is_empty() { "" } else { " paused" };
            let versions = one.versions.join(",");
            format!("{}.{} {} of {versions}{available}{paused}", one.namespace, one.name, one.latest_version)
        };
        handlers.iter().map(line).collect()
    }

    /// A worker that does nothing well.
    fn worker(&self, classes: &[&str]) -> tasker_sdk::WorkerHandle {
        let client = Client::builder(self.endpoint.clone()).no_token().connect_lazy().unwrap();
        let mut builder = Worker::with_client(client).slots(4);
        for class in classes {
            builder = builder.step(*class, async |_: StepContext| Ok(()));
        }
        let worker = builder.build().unwrap();
        let handle = worker.handle();
        tokio::spawn(worker.run());
        handle
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_are_counted_and_handlers_listed_with_whether_anybody_runs_them() {
    let database = harness::database().await;
    let world = server(&database, &[]).await;
    world
        .register(vec![
            handler("b", "two", "1.0.0", "a"),
            handler("", "one", "9.0.0", "a"),
            handler("", "one", "10.0.0", "a;b=Other:a"),
            handler("", "three", "1.0.0", "a"),
        ])
        .await;
    let request = PauseNamespaceRequest { namespace: "b".to_owned(), ..PauseNamespaceRequest::default() };
    world.client.handlers().pause_namespace(request).await.unwrap();
    let listed = world.list().await;
    assert_eq!(
        listed,
        ["b.two 1.0.0 of 1.0.0 paused", "default.one 10.0.0 of 9.0.0,10.0.0", "default.three 1.0.0 of 1.0.0"]
    );
    let namespaces = async |page_token: String| {
        let request = ListNamespacesRequest { page_size: 1, page_token };
        world.client.handlers().list_namespaces(request).await.map(tonic::Response::into_inner)
    };
    let first = namespaces(String::new()).await.unwrap();
    let one = &first.namespaces[0];
    assert_eq!((&*one.name, one.handlers, one.versions, one.pause.is_some()), ("b", 1, 1, true));
    let second = namespaces(first.next_page_token.clone()).await.unwrap();
    let one = &second.namespaces[0];
    assert_eq!((&*one.name, one.handlers, one.versions, one.pause.is_some()), ("default", 2, 3, false));
    assert_eq!(second.next_page_token, "");
    assert_eq!(reason(&namespaces("nonsense".to_owned()).await.unwrap_err()), "PAGE_TOKEN_INVALID");

    let _worker = world.worker(&["Work"]);
    eventually("somebody runs three", async || {
        world.list().await[1..] == ["default.one 10.0.0 of 9.0.0,10.0.0", "default.three 1.0.0 of 1.0.0 +"]
    })
    .await;
    let found = world.get("one", "latest").await.unwrap();
    assert!(!found.available);
    let served = found.step_handlers.iter().map(|one| (&*one.step_handler, one.workers, one.free_slots));
    assert_eq!(served.collect::<Vec<_>>(), [("Other", 0, 0), ("Work", 1, 4)]);
    let other = server(&database, &[]).await;
    let _more = other.worker(&["Other", "Work"]);
    eventually("both servers see that it is available", async || {
        let seen = [world.get("one", "").await.unwrap(), other.get("one", "").await.unwrap()];
        seen.iter().all(|found| {
            let served = found.step_handlers.iter().map(|one| (one.workers, one.free_slots));
            found.available && served.collect::<Vec<_>>() == [(1, 4), (2, 8)]
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_has_all_dependencies() {
    let database = harness::database().await;
    let world = server(&database, &[]).await;
    let mut sent = handler("", "diamond", "1.0.0", "d: b c; a; b: a; c: a; e");
    sent.step_templates[0].depends_on_step = "b".to_owned();
    sent.step_templates[0].depends_on_steps = vec!["c".to_owned()];
    sent.step_templates[0].description = "the last".to_owned();
    world.register(vec![sent]).await;
    let TemplateGraph { nodes, edges, execution_order, roots, leaves, .. } =
        world.get("diamond", "").await.unwrap().graph.unwrap();
    let nodes = nodes.iter().map(|node| format!("{} {} {}", node.name, node.level, node.dependencies.join(" ")));
    assert_eq!(nodes.collect::<Vec<_>>(), ["d 2 b c", "a 0 ", "b 1 a", "c 1 a", "e 0 "]);
    let edges = edges.iter().map(|edge| format!("{} {}", edge.from, edge.to));
    assert_eq!(edges.collect::<Vec<_>>(), ["b d", "c d", "a b", "a c"]);
    assert_eq!(execution_order, ["a", "e", "b", "c", "d"]);
    assert_eq!((roots.join(" "), leaves.join(" ")), ("a e".to_owned(), "d e".to_owned()));
    let graph = world.get("diamond", "").await.unwrap().graph.unwrap();
    assert_eq!((graph.total_steps, graph.total_dependencies), (5, 4));
    assert_eq!((graph.max_depth, graph.parallel_branches, &*graph.total_paths), (2, 2, "3"));
    let request = GetHandlerRequest { handler: Some(named("diamond", "")), omit_graph: true };
    assert!(world.client.handlers().get_handler(request).await.unwrap().into_inner().graph.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_says_how_it_has_done() {
    let database = harness::database().await;
    let world = server(&database, &[]).await;
    world.register(vec![handler("", "ship", "1.0.0", "a")]).await;
    assert_eq!(world.get("ship", "").await.unwrap().record.unwrap().tasks, 0);
    for _ in 0..3 {
        world.create("ship", "").await;
    }
    let _worker = world.worker(&["Work"]);
    eventually("they are done", async || world.get("ship", "").await.unwrap().record.unwrap().complete == 3).await;
    // Another revision of the same version goes on with its record.
    world.register(vec![handler("", "ship", "1.0.0", "a;b=Other:a")]).await;
    world.create("ship", "").await;
    let record = world.get("ship", "").await.unwrap().record.unwrap();
    assert_eq!((record.tasks, record.complete, record.unfinished, record.failed), (4, 3, 1, 0));
    assert!(record.last_task_time.is_some() && millis(record.median_duration) <= millis(record.p95_duration));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deprecated_version_takes_no_new_tasks_and_its_tasks_go_on() {
    let database = harness::database().await;
    let world = server(&database, &[]).await;
    world.register(vec![handler("", "ship", "1.0.0", "a"), handler("", "ship", "2.0.0", "a")]).await;
    assert_eq!(world.create("ship", "").await, "2.0.0");
    let deprecated = world.deprecate("ship", "2.0.0").await.unwrap();
    let why = deprecated.deprecation.unwrap();
    assert_eq!((&*why.reason, &*why.requested_by), ("use another", "ops"));
    let again = world.deprecate("ship", "2.0.0").await.unwrap().deprecation.unwrap();
    assert_eq!(again.deprecate_time, why.deprecate_time, "it stays as it was");

    assert_eq!(world.create("ship", "2.0.0").await, "HANDLER_DEPRECATED");
    assert_eq!(world.create("ship", "").await, "1.0.0");
    assert_eq!(world.latest("ship").await, "1.0.0");
    assert_eq!(world.list().await, ["default.ship 1.0.0 of 1.0.0,2.0.0"]);
    world.deprecate("ship", "1.0.0").await.unwrap();
    assert_eq!(world.create("ship", "latest").await, "HANDLER_DEPRECATED");
    assert_eq!(world.latest("ship").await, "2.0.0", "one can still look");
    assert_eq!(world.list().await, ["default.ship  of 1.0.0,2.0.0"]);

    let _worker = world.worker(&["Work"]);
    eventually("its tasks go on", async || world.get("ship", "2.0.0").await.unwrap().record.unwrap().complete == 1)
        .await;
    // Other content does not restore it.
    world.register(vec![handler("", "ship", "2.0.0", "a;b:a")]).await;
    assert_eq!(world.create("ship", "2.0.0").await, "HANDLER_DEPRECATED");
    world.restore("ship", "2.0.0").await;
    assert_eq!(world.create("ship", "").await, "2.0.0");
    assert!(world.get("ship", "").await.unwrap().handler.unwrap().deprecation.is_none());

    for (name, version, expected) in [
        ("ship", "3.0.0", "VERSION_UNKNOWN"),
        ("shop", "1.0.0", "HANDLER_UNKNOWN"),
        ("ship", "latest", "INVALID_FIELDS"),
        ("ship", "", "INVALID_FIELDS"),
    ] {
        let refused = world.deprecate(name, version).await.unwrap_err();
        assert_eq!(reason(&refused), expected, "{name}@{version}");
    }
    let task = NewTask {
        handler: harness::handler_ref("", "ship", "1.0.0"),
        context_json: "{\"n\":1}".into(),
        ..NewTask::default()
    };
    let refused = world.client.tasks().create_task(CreateTaskRequest { task: Some(task) }).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

/// What was said on one server holds on the other: at once by hint, else within the time that a name is remembered.
async fn check_two_servers(hints: &str) {
    let database = harness::database().await;
    let keys = [("dispatch.hints", hints), ("sweeper.interval_ms", "100")];
    let (here, there) = (server(&database, &keys).await, server(&database, &keys).await);
    here.register(vec![handler("", "ship", "1.0.0", "a"), handler("", "ship", "2.0.0", "a")]).await;
    // Whoever looks is never told what was: nothing is waited for here.
    assert_eq!(there.latest("ship").await, "2.0.0");
    here.deprecate("ship", "2.0.0").await.unwrap();
    assert_eq!(there.latest("ship").await, "1.0.0");
    here.register(vec![handler("", "ship", "3.0.0", "a")]).await;
    assert_eq!(there.latest("ship").await, "3.0.0");
    assert_eq!(there.list().await, ["default.ship 3.0.0 of 1.0.0,2.0.0,3.0.0"]);

    let creates = async |expected: &str| {
        eventually(expected, async || there.create("ship", "").await == expected).await;
    };
    within("the new version is used", creates("3.0.0")).await;
    here.deprecate("ship", "3.0.0").await.unwrap();
    let limit = tasker::lifecycle::templates::RESOLVED_FOR + Duration::from_secs(1);
    tokio::time::timeout(limit, creates("1.0.0")).await.expect("it is heard in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_server_hears_at_once() {
    check_two_servers("true").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_hint_costs_no_more_than_the_time_that_names_are_remembered() {
    check_two_servers("false").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_the_catalog_leaves_who_and_why() {
    let database = harness::database().await;
    let world = server(&database, &[]).await;
    let request = RegisterHandlersRequest {
        handlers: vec![handler("", "ship", "1.0.0", "a")],
        reason: "first".to_owned(),
        requested_by: "ann".to_owned(),
        ..Default::default()
    };
    let mut handlers = world.client.handlers();
    handlers.register_handlers(request.clone()).await.unwrap();
    handlers.register_handlers(request).await.unwrap();
    world.deprecate("ship", "1.0.0").await.unwrap();
    world.deprecate("ship", "1.0.0").await.unwrap();
    world.restore("ship", "1.0.0").await;
    let pause = PauseNamespaceRequest { reason: "night".to_owned(), ..Default::default() };
    handlers.pause_namespace(pause.clone()).await.unwrap();
    handlers.pause_namespace(pause).await.unwrap();
    let update = |path: &str| UpdateNamespaceRequest {
        namespace: Some(NamespaceSummary {
            name: "default".to_owned(),
            description: "all there is".to_owned(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec![path.to_owned()] }),
        ..Default::default()
    };
    let updated = handlers.update_namespace(update("description")).await.unwrap().into_inner().namespace.unwrap();
    assert_eq!(updated.description, "all there is");
    let refused = handlers.update_namespace(update("handlers")).await.unwrap_err();
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!((&*violations[0].field, violations.len()), ("update_mask", 1));

    let mut list = async |request: ListHandlerOperationsRequest| {
        let page = handlers.list_handler_operations(request).await.unwrap().into_inner();
        let shown = page.operations.iter().map(|one| {
            let of = one.handler.clone().unwrap();
            let (kind, of) = (one.kind().as_str_name(), format!("{}.{}@{}", of.namespace, of.name, of.version));
            let kind = kind.trim_start_matches("HANDLER_OPERATION_KIND_");
            format!("{kind} {of} {} {}", one.requested_by, one.reason)
        });
        (shown.collect::<Vec<_>>(), page.next_page_token)
    };
    let (first, token) = list(ListHandlerOperationsRequest { page_size: 2, ..Default::default() }).await;
    assert_eq!(first, ["UPDATE_NAMESPACE default.@  ", "PAUSE_NAMESPACE default.@  night"]);
    let (rest, end) = list(ListHandlerOperationsRequest { page_token: token, ..Default::default() }).await;
    let of_ship = ["RESTORE default.ship@1.0.0  ", "DEPRECATE default.ship@1.0.0 ops use another"];
    assert_eq!((&rest[..2], &*end), (&of_ship.map(str::to_owned)[..], ""));
    assert_eq!(rest[2], "REGISTER default.ship@1.0.0 ann first");
    let kinds = vec![HandlerOperationKind::Restore.into()];
    let of_kind = ListHandlerOperationsRequest { handler: "ship".to_owned(), kinds, ..Default::default() };
    assert_eq!(list(of_kind).await.0, [of_ship[0]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_costly_schema_is_refused_and_a_costly_context_ends() {
    let database = harness::database().await;
    let world = server(&database, &[]).await;
    let next = |level: usize| serde_json::json!({ "$ref": format!("#/$defs/d{}", level + 1) });
    let define = |level: usize| (format!("d{level}"), serde_json::json!({ "allOf": [next(level), next(level)] }));
    let mut definitions: serde_json::Map<String, serde_json::Value> = (0..40).map(define).collect();
    definitions.insert("d40".to_owned(), serde_json::json!({}));
    let costly = serde_json::json!({ "$ref": "#/$defs/d0", "$defs": definitions }).to_string();
    let sent = Handler { schema_json: costly, ..handler("", "ship", "1.0.0", "a") };
    let request = RegisterHandlersRequest { handlers: vec![sent], ..Default::default() };
    let refused = world.client.handlers().register_handlers(request).await.unwrap_err();
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "handlers[0].schema_json");
    assert_eq!(refused.get_details_error_info().unwrap().reason, "LIMIT_EXCEEDED");

    // Each level is looked at twice.
    let next = serde_json::json!({ "properties": { "next": { "$ref": "#/$defs/node" } } });
    let node = serde_json::json!({ "anyOf": [next, next], "type": "object" });
    let schema = serde_json::json!({ "$ref": "#/$defs/node", "$defs": { "node": node } }).to_string();
    world.register(vec![Handler { schema_json: schema, ..handler("", "ship", "1.0.0", "a") }]).await;
    let context_json = format!("{}7{}", r#"{"next":"#.repeat(60), "}".repeat(60));
    let task = NewTask { handler: harness::handler_ref("", "ship", ""), context_json, ..NewTask::default() };
    let request = CreateTaskRequest { task: Some(task) };
    let refused = world.client.tasks().create_task(request).await.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().reason, "INVALID_FIELDS");
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert!(violations[0].description.contains("more steps than are spent on it"), "{violations:?}");
    assert_eq!(world.create("ship", "").await, "1.0.0", "others are served");
}
