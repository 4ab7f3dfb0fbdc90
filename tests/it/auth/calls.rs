//! Through real gRPC: what callers with odd credentials are told, and when streams end.

use std::time::Duration;

use serde_json::{Value, json};
use tasker::{
    auth::{
        Gate, Rejection,
        audit::{Audit, Records},
        authenticator::jwt::Jwt,
        coordinator::AnyOf,
    },
    telemetry::Metrics,
};
use tasker_sdk::proto::tasker::v1::{ListTasksRequest, task_service_client::TaskServiceClient};
use tonic::Request;

use super::{
    mint::{at, claims_with, credentials, settings, shared},
    world::{World, told},
};
use crate::harness::connect;

fn token(changes: &Value) -> String {
    shared().sign(&claims_with(changes))
}

fn granted(grants: &str) -> String {
    token(&json!({ "permissions": grants }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_told_what_it_may_know_and_no_more() {
    let world = World::new().await;
    let check = async |token: &str, expected: &str| {
        let answer = world.list(token).await.map_or_else(|refusal| refusal, |()| "fine".to_owned());
        assert_eq!(answer, expected, "{token}");
    };
    check("", "unauthenticated: missing").await;
    check(&granted("*"), "fine").await;
    check(&granted("tasker.task:index"), "fine").await;
    check(&granted("tasker.task:show"), "denied: tasker.task:index").await;
    check(&token(&json!({ "exp": at(-1), "permissions": "*" })), "unauthenticated: expired").await;
    check(&token(&json!({ "nbf": at(60), "permissions": "*" })), "unauthenticated: not_yet_valid").await;
    check(&token(&json!({ "sub": null, "permissions": "*" })), "unauthenticated: invalid").await;
    check(&format!("{}x", granted("*")), "unauthenticated: invalid").await;
    check("gibberish", "unauthenticated: invalid").await;
    check("a.b.c", "unauthenticated: malformed").await;
    check("tsk_x_y", "unauthenticated: malformed").await;
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn issuer_and_audience_are_named_as_wrong() {
    let world = World::with(&[("auth.jwt.issuer", "https://issuer.example"), ("auth.jwt.audience", "tasker")]).await;
    let other = json!({ "iss": "https://other.example", "aud": "tasker", "permissions": "*" });
    assert_eq!(world.list(&token(&other)).await, Err("unauthenticated: wrong_issuer".to_owned()));
    let other = json!({ "iss": "https://issuer.example", "aud": "other", "permissions": "*" });
    assert_eq!(world.list(&token(&other)).await, Err("unauthenticated: wrong_audience".to_owned()));
    let good = json!({ "iss": "https://issuer.example", "aud": ["other", "tasker"], "permissions": "*" });
    assert_eq!(world.list(&token(&good)).await, Ok(()));
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_headers_are_refused_though_each_is_good() {
    let world = World::new().await;
    let mut client = TaskServiceClient::new(connect(&world.app).await);
    let good = format!("Bearer {}", granted("*"));
    for (values, expected) in [
        (vec![good.as_str()], "fine"),
        (vec![good.as_str(), good.as_str()], "unauthenticated: ambiguous"),
        (vec![good.as_str(), "Bearer other"], "unauthenticated: ambiguous"),
        (vec!["Basic YTpi"], "unauthenticated: malformed"),
        (vec!["Bearer "], "unauthenticated: malformed"),
    ] {
        let mut request = Request::new(ListTasksRequest::default());
        for value in &values {
            request.metadata_mut().append("authorization", value.parse().unwrap());
        }
        let answer = client.list_tasks(request).await;
        assert_eq!(answer.map_or_else(|status| told(&status), |_| "fine".to_owned()), expected, "{values:?}");
    }
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_token_is_not_looked_at() {
    let (coordinators, audit) = (AnyOf::default(), Audit { records: Records::All, metrics: Metrics::disabled() });
    let gate = Gate::guarded(vec![Box::new(Jwt::new(settings()).unwrap())], coordinators, audit);
    let sized = |bytes: usize| {
        let bare = token(&json!({ "more": "" })).len();
        token(&json!({ "more": "m".repeat((bytes - bare) * 3 / 4) }))
    };
    let (fits, large) = (sized(16_000), sized(16_500));
    assert!(fits.len() <= 16 * 1024 && large.len() > 16 * 1024);
    assert!(gate.authenticate(&credentials(&fits)).await.is_ok());
    assert_eq!(gate.authenticate(&credentials(&large)).await.unwrap_err(), Rejection::TooLarge);
    // On the wire too, where the transport may be faster to refuse, and the server lives on.
    let world = World::new().await;
    for bytes in [17_000, 100_000] {
        assert!(world.list(&sized(bytes)).await.is_err());
    }
    assert_eq!(world.list(&granted("*")).await, Ok(()));
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_is_its_very_letters() {
    let world = World::new().await;
    let check = async |grants: &str, namespace: &str, expected: &str| {
        let answer = world.create(&granted(grants), namespace).await;
        assert!(answer.starts_with(expected), "{grants} in {namespace:?}: {answer}");
    };
    check("tasker.task:create@billing", "billing", "NotFound").await;
    check("tasker.task:create", "billing", "NotFound").await;
    for other in ["shipping", "Billing", "billing2", "bill", "default"] {
        check("tasker.task:create@billing", other, "denied").await;
    }
    // Look-alikes, invisible letters, other widths, marks that turn the text around: neither in, nor out of place.
    for odd in
        ["b\u{456}lling", "billing\u{200b}", "\u{ff42}illing", "\u{202e}gnillib", "billing\u{a0}", "billing\u{301}"]
    {
        let answer = world.create(&granted("tasker.task:create@billing"), odd).await;
        assert!(answer.starts_with("denied") || answer.starts_with("InvalidArgument"), "{odd:?}: {answer}");
        let list = token(&json!({ "permissions": [format!("tasker.task:create@{odd}")] }));
        let answer = world.create(&list, "billing").await;
        assert!(answer.starts_with("denied"), "{odd:?}: {answer}");
    }
    // The claim of namespaces narrows everything else.
    let narrowed = token(&json!({ "permissions": "*", "roles": "admin", "namespaces": ["billing"] }));
    assert!(world.create(&narrowed, "shipping").await.starts_with("denied"));
    assert!(world.create(&narrowed, "billing").await.starts_with("NotFound"));
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_offers_what_it_was_granted() {
    let world = World::new().await;
    let narrow = granted("tasker.worker:connect@billing/step");
    assert!(world.session(&narrow, "billing").await.is_ok());
    assert!(world.session(&narrow, "shipping").await.is_err_and(|told| told.starts_with("denied")));
    let other = granted("tasker.worker:connect@billing/other");
    assert!(world.session(&other, "billing").await.is_err_and(|told| told.starts_with("denied")));
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_of_a_fresh_token_hold_at_once() {
    let world = World::new().await;
    for less in ["tasker.task:index", "tasker.worker:connect@billing", "tasker.worker:connect@default/other"] {
        let session = world.session(&granted("*"), "default").await.unwrap();
        session.refresh(&granted(less));
        let told = session.end().await;
        assert!(told.starts_with("denied"), "{less}: {told}");
    }
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_token_unless_a_fresh_one_comes() {
    let world = World::new().await;
    let short = |subject: &str| token(&json!({ "sub": subject, "exp": at(3), "permissions": "*" }));
    let left = world.session(&short("alice"), "default").await.unwrap();
    let mut kept = world.session(&short("alice"), "default").await.unwrap();
    kept.refresh(&granted("*"));
    let stolen = world.session(&short("alice"), "default").await.unwrap();
    stolen.refresh(&token(&json!({ "sub": "mallory", "permissions": "*" })));
    let (left, stolen) = tokio::join!(left.end(), stolen.end());
    assert_eq!(left, "unauthenticated: expired");
    assert!(stolen.starts_with("unauthenticated"), "{stolen}");
    assert!(kept.is_open_for(Duration::from_millis(500)).await);
    kept.refresh(&token(&json!({ "exp": at(-1), "permissions": "*" })));
    assert_eq!(kept.end().await, "unauthenticated: expired");
    world.app.stop().await;
}
