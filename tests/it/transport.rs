//! What every server offers around the services: health, reflection, names for calls, a stop that ends.

use tasker::{
    app::{App, Schema},
    config::{Config, Sources},
    store::Store,
};
use tokio_stream::{StreamExt, once};
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::{v1, v1alpha};
use tonic_types::StatusExt;

use crate::harness;

#[tokio::test(flavor = "multi_thread")]
async fn a_started_server_says_that_it_serves() {
    let database = harness::database().await;
    let app = harness::serve(&database).await;
    assert!(harness::serving(&harness::connect(&app).await).await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_reflections_list_the_services() {
    let database = harness::database().await;
    let app = harness::serve(&database).await;
    let channel = harness::connect(&app).await;

    let ask = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let mut answers = client.server_reflection_info(once(ask)).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
        panic!("not a list: {answer:?}");
    };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    for name in ["tasker.v1.TaskService", "tasker.worker.v1.WorkerService", "grpc.health.v1.Health"] {
        assert!(names.iter().any(|listed| listed == name), "{name} in {names:?}");
    }

    let ask = v1alpha::ServerReflectionRequest {
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
            "tasker.v1.TaskService".to_owned(),
        )),
        ..Default::default()
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(once(ask)).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    assert!(
        matches!(answer, v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_)),
        "{answer:?}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_keeps_its_name_or_gets_one() {
    let database = harness::database().await;
    let app = harness::serve(&database).await;
    let channel = harness::connect(&app).await;
    for (given, kept) in [(Some("order-4711"), true), (Some("no good"), false), (None, false)] {
        let mut request = Request::new(HealthCheckRequest::default());
        if let Some(given) = given {
            request.metadata_mut().insert("x-correlation-id", given.parse().unwrap());
        }
        let answer = HealthClient::new(channel.clone()).check(request).await.unwrap();
        let name = answer.metadata().get("x-correlation-id").unwrap().to_str().unwrap().to_owned();
        assert_eq!(given.is_some_and(|given| given == name), kept, "{given:?} became {name}");
        assert!(kept || name.starts_with("tsk_"), "{name}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_method_is_unimplemented() {
    let database = harness::database().await;
    let app = harness::serve(&database).await;
    let mut client = tonic::client::Grpc::new(harness::connect(&app).await);
    client.ready().await.unwrap();
    let path = "/tasker.v1.TaskService/Nothing".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let status = client.unary(Request::new(()), path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_streams_does_not_hold_up_the_stop() {
    let database = harness::database().await;
    let app = harness::serve_with(&database, &[("server.drain_grace_ms", "600000")]).await;
    let mut client = HealthClient::new(harness::connect(&app).await);
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    harness::within("the stop", app.stop()).await;
    let told = watch.next().await;
    assert!(matches!(&told, Some(Ok(answer)) if answer.status() == ServingStatus::NotServing), "{told:?}");
    let end = watch.next().await.unwrap().unwrap_err();
    let details = end.get_error_details();
    assert_eq!(end.code(), Code::Unavailable);
    assert_eq!(details.error_info().map(|info| info.reason.as_str()), Some("DRAINING"));
    assert!(details.retry_info().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_not_up_to_date_is_refused_when_asked() {
    let database = harness::empty_database().await;
    let sources = Sources { flags: vec![("server.listen".to_owned(), "127.0.0.1:0".to_owned())], ..Sources::default() };
    let config = Config::load(&sources).unwrap();
    let store = Store::new(database.options.clone(), &config.database.pool_settings());
    let refusal = App::start(&config, store, Schema::Require).await.unwrap_err();
    assert!(refusal.to_string().contains("tasker migrate"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_an_old_connection_end_and_the_next_call_takes_a_new_one() {
    let database = harness::database().await;
    let app = harness::serve_with(&database, &[("server.connection_age_max_ms", "300")]).await;
    let channel = harness::connect(&app).await;
    let mut events = tasker_sdk::proto::tasker::v1::event_service_client::EventServiceClient::new(channel.clone());
    let request = tasker_sdk::proto::tasker::v1::WatchEventsRequest::default();
    let mut stream = events.watch_events(request).await.unwrap().into_inner();
    let ended = harness::within("the stream ends", async {
        loop {
            if let Err(status) = stream.message().await.map(|message| message.expect("it ends with a reason")) {
                return status;
            }
        }
    });
    let status = ended.await;
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!(status.get_error_details().error_info().map(|info| info.reason.as_str()), Some("DRAINING"));
    assert_eq!(status.message(), "the connection is old; connect again");
    // A call that meets the end of the old connection is to be repeated.
    harness::eventually("the server goes on, over another connection", async || harness::serving(&channel).await).await;
    app.stop().await;
}
