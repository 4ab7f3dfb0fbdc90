//! Handlers through gRPC: registered whole or not at all, found by number, and pinned by what was created.

use std::collections::HashMap;

use tasker::{
    app::App,
    domain::handler::{Draft, Limits, StepDraft},
    lifecycle::{Hints, Templates},
    service::handlers::{Actor, Existing, Extent, Registrar},
};
use tasker_sdk::proto::tasker::v1::{
    GetHandlerRequest, Handler, HandlerRef, HandlerSummary, ListHandlersRequest, RegisterHandlersRequest,
    RegisterHandlersResponse, StepTemplate, handler_service_client::HandlerServiceClient,
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

use crate::harness::{self, Database, eventually, everything};

type Client = HandlerServiceClient<Channel>;

/// A server, and what tasks would be created from on another one.
struct World {
    _app: App,
    client: Client,
    templates: Templates,
}

/// One more server on the database.
async fn world(database: &Database) -> World {
    let app = harness::serve(database).await;
    let client = HandlerServiceClient::new(harness::connect(&app).await).max_decoding_message_size(16 << 20);
    World { _app: app, client, templates: Templates::new(database.store.clone()) }
}

/// `c: a b` is a step `c` that waits for `a` and `b`; steps are separated by semicolons.
fn handler(name: &str, version: &str, steps: &str) -> Handler {
    let (namespace, name) = name.split_once('.').unwrap_or(("", name));
    let step = |text: &str| {
        let (name, parents) = text.split_once(':').unwrap_or((text, ""));
        StepTemplate {
            name: name.trim().to_owned(),
            step_handler: format!("{}Step", name.trim()),
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

async fn send(client: &Client, request: RegisterHandlersRequest) -> Result<RegisterHandlersResponse, Status> {
    client.clone().register_handlers(request).await.map(tonic::Response::into_inner)
}

async fn register(client: &Client, handlers: &[Handler]) -> Result<RegisterHandlersResponse, Status> {
    send(client, RegisterHandlersRequest { handlers: handlers.to_vec(), ..Default::default() }).await
}

async fn replace(client: &Client, handlers: &[Handler]) -> Result<RegisterHandlersResponse, Status> {
    send(client, RegisterHandlersRequest { handlers: handlers.to_vec(), replace: true, ..Default::default() }).await
}

/// `outcome revision`, one for each handler.
fn outcomes(response: &RegisterHandlersResponse) -> Vec<String> {
    let revisions = response.handlers.iter().map(|handler| handler.revision);
    response.outcomes().zip(revisions).map(|(outcome, revision)| format!("{outcome:?} {revision}")).collect()
}

async fn get(client: &Client, name: &str, version: &str) -> Result<Handler, Status> {
    let (namespace, name) = name.split_once('.').unwrap_or(("", name));
    let handler = HandlerRef { namespace: namespace.to_owned(), name: name.to_owned(), version: version.to_owned() };
    let request = GetHandlerRequest { handler: Some(handler), omit_graph: false };
    client.clone().get_handler(request).await.map(|answer| answer.into_inner().handler.unwrap())
}

async fn list(
    client: &Client,
    namespace: &str,
    size: i32,
    token: &str,
) -> Result<(Vec<HandlerSummary>, String), Status> {
    let request =
        ListHandlersRequest { namespace: namespace.to_owned(), page_size: size, page_token: token.to_owned() };
    let page = client.clone().list_handlers(request).await?.into_inner();
    Ok((page.handlers, page.next_page_token))
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn detail(status: &Status, key: &str) -> Option<String> {
    status.get_details_error_info()?.metadata.get(key).cloned()
}

fn violations(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| format!("{}: {}", violation.field, violation.description)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_registered_is_given_back_with_its_defaults() {
    let database = harness::database().await;
    let world = world(&database).await;
    let client = &world.client;
    let mut sent = handler("logistics.ship", "1.2.0", "reserve; label: reserve; dispatch: reserve label");
    sent.schema_json = r#"{"required":["id"]}"#.to_owned();
    sent.step_templates[2].handler_config_json = r#"{"big":123456789012345678901}"#.to_owned();
    sent.step_templates[2].timeout = Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 });
    let registered = register(client, std::slice::from_ref(&sent)).await.unwrap();
    assert_eq!(outcomes(&registered), ["Created 1"]);

    let found = get(client, "logistics.ship", "").await.unwrap();
    assert_eq!((&*found.namespace, &*found.name, &*found.version), ("logistics", "ship", "1.2.0"));
    assert!(found.create_time.is_some());
    assert_eq!(found.default_dependent_system, "unknown");
    let steps = found.step_templates;
    assert_eq!((steps[1].description.as_str(), steps[1].dependent_system.as_str()), ("label", "unknown"));
    assert_eq!((steps[1].default_retryable, steps[1].default_retry_limit), (Some(true), Some(3)));
    assert_eq!(steps[2].depends_on_steps, ["reserve", "label"]);
    assert_eq!(steps[2].handler_config_json.replace(' ', ""), r#"{"big":123456789012345678901}"#);
    assert_eq!(found.schema_json.replace(' ', ""), sent.schema_json);
    assert_eq!(steps[2].timeout, Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }));

    let again = register(client, &[sent]).await.unwrap();
    assert_eq!(outcomes(&again), ["Unchanged 1"]);
    assert_eq!(again.handlers[0].create_time, found.create_time);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_needs_replace_and_tasks_keep_theirs() {
    let database = harness::database().await;
    let world = world(&database).await;
    let (client, templates) = (&world.client, &world.templates);
    register(client, &[handler("ship", "1.0.0", "a; b: a")]).await.unwrap();
    let before = templates.resolve("default", "ship", "1.0.0").await.unwrap();

    let other = [handler("ship", "1.0.0", "a; b: a; c: b"), handler("bill", "1.0.0", "a")];
    let refused = register(client, &other).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "HANDLER_EXISTS"));
    assert_eq!(detail(&refused, "handler").as_deref(), Some("default.ship@1.0.0"));
    assert_eq!(reason(&get(client, "bill", "").await.unwrap_err()), "HANDLER_UNKNOWN", "nothing was stored");

    let replaced = replace(client, &other).await.unwrap();
    assert_eq!(outcomes(&replaced), ["Replaced 2", "Created 1"]);
    assert_eq!(get(client, "ship", "1.0.0").await.unwrap().step_templates.len(), 3);
    templates.invalidate();
    let after = templates.resolve("default", "ship", "1.0.0").await.unwrap();
    assert_eq!(after.template.steps.len(), 3);
    assert_eq!(templates.get(before.template.id).await.unwrap().steps.len(), 2, "the number keeps its content");
    assert_eq!(outcomes(&register(client, &other).await.unwrap()), ["Unchanged 2", "Unchanged 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_handler_changes_nothing_and_all_problems_are_told() {
    let database = harness::database().await;
    let world = world(&database).await;
    let client = &world.client;
    let mut bad = handler("bad", "one", "a; b: c");
    bad.step_templates[1].default_retry_limit = Some(-1);
    let handlers = [handler("good", "", "a"), bad, handler("good", "0.1.0", "b")];
    let refused = register(client, &handlers).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_FIELDS"));
    assert_eq!(
        violations(&refused),
        [
            "handlers[1].version: must be in semver format (e.g., 1.0.0)",
            "handlers[1].step_templates[1].default_retry_limit: must be between 0 and 10000",
            "handlers[1].step_templates[1].depends_on_steps[0]: there is no step 'c'; did you mean 'a'?",
            "handlers[2]: default.good@0.1.0 is given twice, handlers[0] is it too",
        ]
    );
    assert_eq!(list(client, "", 0, "").await.unwrap(), (vec![], String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn circles_and_limits_have_reasons_of_their_own() {
    let database = harness::database().await;
    let world = world(&database).await;
    let client = &world.client;
    let refused = register(client, &[handler("round", "", "a: c; b: a; c: b")]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "CYCLE_IN_STEPS"));
    assert_eq!(detail(&refused, "path").as_deref(), Some("a -> b -> c -> a"));

    let many: Vec<String> = (0..10_001).map(|no| format!("s{no}")).collect();
    let refused = register(client, &[handler("many", "", &many.join(";"))]).await.unwrap_err();
    assert_eq!(reason(&refused), "LIMIT_EXCEEDED");
    assert_eq!(violations(&refused), ["handlers[0].step_templates: has 10001 steps, the limit is 10000"]);
    let refused = register(client, &vec![Handler::default(); 1_001]).await.unwrap_err();
    assert_eq!(reason(&refused), "LIMIT_EXCEEDED");
    assert_eq!(reason(&register(client, &[]).await.unwrap_err()), "INVALID_FIELDS");
    let refused = register(client, &vec![Handler::default(); 1_000]).await.unwrap_err();
    assert_eq!(violations(&refused).len(), 33, "a long list is cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn validating_stores_nothing() {
    let database = harness::database().await;
    let world = world(&database).await;
    let client = &world.client;
    register(client, &[handler("ship", "", "a")]).await.unwrap();
    let handlers = vec![handler("ship", "", "a"), handler("elsewhere.bill", "", "a")];
    let request = RegisterHandlersRequest { handlers, validate_only: true, ..Default::default() };
    assert_eq!(outcomes(&send(client, request).await.unwrap()), ["Unchanged 1", "Created 1"]);
    assert_eq!(reason(&get(client, "elsewhere.bill", "").await.unwrap_err()), "NAMESPACE_UNKNOWN");

    let handlers = vec![handler("ship", "", "b")];
    let request = RegisterHandlersRequest { handlers, validate_only: true, ..Default::default() };
    assert_eq!(reason(&send(client, request.clone()).await.unwrap_err()), "HANDLER_EXISTS");
    let replacing = RegisterHandlersRequest { replace: true, ..request };
    assert_eq!(outcomes(&send(client, replacing).await.unwrap()), ["Replaced 2"]);
    assert_eq!(get(client, "ship", "").await.unwrap().revision, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_compared_as_numbers() {
    let database = harness::database().await;
    let world = world(&database).await;
    let (client, templates) = (&world.client, &world.templates);
    let versions = ["9.0.0", "10.0.0", "1.10.0", "1.9.0"];
    register(client, &versions.map(|version| handler("ship", version, "a"))).await.unwrap();
    for latest in ["", "latest"] {
        assert_eq!(get(client, "ship", latest).await.unwrap().version, "10.0.0");
        assert_eq!(&*templates.resolve("default", "ship", latest).await.unwrap().template.version, "10.0.0");
    }
    let (handlers, _) = list(client, "default", 0, "").await.unwrap();
    assert_eq!(handlers[0].versions, ["1.9.0", "1.10.0", "9.0.0", "10.0.0"]);
    assert_eq!(handlers[0].latest_version, "10.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_named_with_a_near_miss() {
    let database = harness::database().await;
    let world = world(&database).await;
    let (client, templates) = (&world.client, &world.templates);
    register(client, &[handler("logistics.ship", "1.0.0", "a"), handler("logistics.ship", "3.0.0", "a")])
        .await
        .unwrap();
    let check = async |name: &str, version: &str, expected: (&str, Option<&str>)| {
        let refused = get(client, name, version).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let hint = detail(&refused, "did_you_mean");
        assert_eq!((reason(&refused).as_str(), hint.as_deref()), expected, "{name} {version}");
        let (namespace, name) = name.split_once('.').unwrap();
        let error = templates.resolve(namespace, name, version).await.unwrap_err();
        assert_eq!((error.reason().label(), error.metadata().get("did_you_mean").map(String::as_str)), expected);
    };
    check("logistic.ship", "", ("NAMESPACE_UNKNOWN", Some("logistics"))).await;
    check("billing.ship", "", ("NAMESPACE_UNKNOWN", None)).await;
    check("logistics.shipp", "", ("HANDLER_UNKNOWN", Some("ship"))).await;
    check("default.ship", "", ("HANDLER_UNKNOWN", None)).await;
    check("logistics.ship", "2.5.0", ("VERSION_UNKNOWN", Some("1.0.0"))).await;
    check("logistics.ship", "0.1.0", ("VERSION_UNKNOWN", Some("3.0.0"))).await;
    let refused = get(client, "logistics.ship", "newest").await.unwrap_err();
    assert_eq!(violations(&refused), ["version: must be in semver format (e.g., 1.0.0)"]);
    assert_eq!(reason(&get(client, "a\0b", "").await.unwrap_err()), "INVALID_FIELDS");
    assert_eq!(reason(&list(client, "billing", 0, "").await.unwrap_err()), "NAMESPACE_UNKNOWN");
    assert_eq!(list(client, "default", 0, "").await.unwrap().0, vec![], "the default namespace always exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_on_where_the_one_before_ended() {
    let database = harness::database().await;
    let world = world(&database).await;
    let client = &world.client;
    let names = ["a.x", "a.y", "b.a", "b.z", "c.x"];
    register(client, &names.map(|name| handler(name, "", "s"))).await.unwrap();
    let (mut found, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let (page, next) = list(client, "", 2, &token).await.unwrap();
        found.extend(page.into_iter().map(|summary| format!("{}.{}", summary.namespace, summary.name)));
        pages += 1;
        if next.is_empty() {
            break;
        }
        token = next;
    }
    assert_eq!((found, pages), (names.map(str::to_owned).to_vec(), 3));
    assert_eq!(list(client, "b", 2, "").await.unwrap().1, "", "a full last page is the last");
    for (namespace, token) in [("b", token.as_str()), ("", "nonsense")] {
        assert_eq!(reason(&list(client, namespace, 2, token).await.unwrap_err()), "PAGE_TOKEN_INVALID");
    }
    assert_eq!(violations(&list(client, "", -1, "").await.unwrap_err()), ["page_size: must not be negative"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_at_once_do_not_mix() {
    let database = harness::database().await;
    let servers = (world(&database).await, world(&database).await);
    let (one, other) = (&servers.0.client, &servers.1.client);
    let race = async |handlers: Vec<Vec<Handler>>| {
        let mut calls = tokio::task::JoinSet::new();
        for (number, handlers) in handlers.into_iter().enumerate() {
            let client = if number % 2 == 0 { one.clone() } else { other.clone() };
            calls.spawn(async move { outcomes(&replace(&client, &handlers).await.unwrap()) });
        }
        let mut counts: HashMap<String, usize> = HashMap::new();
        for outcome in calls.join_all().await.into_iter().flatten() {
            *counts.entry(outcome).or_default() += 1;
        }
        counts
    };
    let same = race(vec![vec![handler("new.same", "1.0.0", "a; b: a"), handler("new.too", "1.0.0", "a")]; 8]).await;
    assert_eq!(same, HashMap::from([("Created 1".to_owned(), 2), ("Unchanged 1".to_owned(), 14)]));

    let different = (0..8).map(|number| vec![handler("new.other", "1.0.0", &format!("a; b{number}: a"))]).collect();
    let different = race(different).await;
    let expected = (2..=8).map(|revision| (format!("Replaced {revision}"), 1));
    assert_eq!(different, expected.chain([("Created 1".to_owned(), 1)]).collect());
    assert_eq!(get(one, "new.other", "1.0.0").await.unwrap().revision, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_learns_of_a_new_version() {
    let database = harness::database().await;
    let store = &database.store;
    let (here, there) = (Templates::new(store.clone()), Templates::new(store.clone()));
    let hints = Hints::default();
    let registrar = Registrar::new(store.clone(), here.clone(), hints.clone(), Limits::default());
    let register = async |version: &str| {
        let step = StepDraft { name: "a".into(), handler_class: "A".into(), ..StepDraft::default() };
        let draft =
            Draft { name: "ship".into(), version: version.into(), step_templates: vec![step], ..Draft::default() };
        let actor = Actor::default();
        registrar.register(&everything(), vec![draft], Existing::Keep, Extent::Store, &actor).await.unwrap();
    };
    let version = async |templates: &Templates| {
        templates.resolve("default", "ship", "").await.unwrap().template.version.to_string()
    };
    register("1.0.0").await;
    assert_eq!((version(&here).await.as_str(), version(&there).await.as_str()), ("1.0.0", "1.0.0"));
    register("2.0.0").await;
    assert_eq!(version(&here).await, "2.0.0", "at once where it was registered");
    assert!(harness::within("a hint", hints.next()).await.handlers);
    eventually("the other server resolves to the new version", async || version(&there).await == "2.0.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_the_definition() {
    let database = harness::database().await;
    let world = world(&database).await;
    let (client, templates) = (&world.client, &world.templates);
    let mut sent = handler("ship", "1.0.0", "d: b c; b: a; c: a; a");
    sent.schema_json = r#"{"properties":{"n":{"type":"integer","default":1}},"required":["n"]}"#.to_owned();
    let step = &mut sent.step_templates[0];
    step.default_retryable = Some(false);
    step.default_retry_limit = Some(7);
    step.skippable = true;
    step.timeout = Some(prost_types::Duration { seconds: 0, nanos: 250_000_000 });
    step.dependent_system = "warehouse".to_owned();
    step.handler_config_json = "[1]".to_owned();
    sent.step_templates[1].step_handler = "cStep".to_owned();
    register(client, &[sent]).await.unwrap();

    let registered = templates.resolve("default", "ship", "1.0.0").await.unwrap();
    let template = &registered.template;
    assert_eq!(template.full_name(), "default.ship@1.0.0");
    let d = template.step(0);
    assert_eq!((&*d.name, &*d.handler_class, &*d.dependent_system), ("d", "dStep", "warehouse"));
    assert_eq!((d.retryable, d.retry_limit, d.skippable), (false, 7, true));
    assert_eq!((d.timeout.unwrap().as_millis(), &*d.config_json), (250, "[1]"));
    let parents: Vec<&[u16]> = template.steps.iter().map(|step| step.parents.as_slice()).collect();
    assert_eq!(parents, [&[1, 2][..], &[3], &[3], &[]]);
    assert_eq!(template.step(3).children, [1, 2]);
    assert_eq!(template.step(1).queue, template.step(2).queue, "one class is one queue");
    assert_ne!(template.step(0).queue, template.step(3).queue);

    assert_eq!(registered.check_context("{}").await.unwrap(), [], "defaults are filled in");
    let found = registered.check_context(r#"{"n": "x"}"#).await.unwrap();
    assert_eq!(found[0].field, "task.context_json/n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_handlers_are_stored() {
    let database = harness::database().await;
    let world = world(&database).await;
    let (client, templates) = (&world.client, &world.templates);
    let mut chain = vec!["s0".to_owned()];
    chain.extend((1..10_000).map(|no| format!("s{no}: s{}", no - 1)));
    let first: Vec<String> = (0..300).map(|no| format!("a{no}")).collect();
    let second: Vec<String> = (0..300).map(|no| format!("b{no}: {}", first.join(" "))).collect();
    let layers = format!("{};{}", first.join(";"), second.join(";"));
    register(client, &[handler("chain", "", &chain.join(";")), handler("layers", "", &layers)]).await.unwrap();
    let chain = templates.resolve("default", "chain", "").await.unwrap();
    assert_eq!((chain.template.steps.len(), chain.template.step(9_999).parents.as_slice()), (10_000, &[9_998][..]));
    let layers = templates.resolve("default", "layers", "").await.unwrap();
    assert_eq!(layers.template.steps.iter().map(|step| step.parents.len()).sum::<usize>(), 90_000);
    assert_eq!(get(client, "chain", "").await.unwrap().step_templates.len(), 10_000);
}
