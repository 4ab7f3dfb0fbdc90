//! Every method that the descriptors name, called in five ways. What is called is made from the descriptors as well,
//! so that a new method is tested without a line here.

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MethodDescriptor, ReflectMessage, Value};
use tasker::{
    auth::catalog::{self, Access},
    proto::DESCRIPTORS,
};
use tonic::{Code, Status, transport::Channel};

use super::{
    callers::{World, granted, token, world},
    raw::{Kind as Talk, call},
};
use crate::harness::{self, within};

/// What makes no message of any proto.
const GARBAGE: &[u8] = &[0xff, 0xff, 0xff];

/// A method that asks for a permission.
pub(super) struct Method {
    pub(super) descriptor: MethodDescriptor,
    pub(super) path: String,
    permission: String,
}

pub(super) fn methods() -> Vec<Method> {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let mut methods = Vec::new();
    for service in pool.services() {
        for descriptor in service.methods() {
            let path = format!("/{}/{}", service.full_name(), descriptor.name());
            let access = catalog::find(&path).unwrap_or_else(|| panic!("{path} has no row"));
            if let Access::Requires { permission, .. } = access {
                methods.push(Method { descriptor, path, permission: permission.to_string() });
            }
        }
    }
    methods
}

/// A request that is about things in `alpha`.
fn request(world: &World, method: &Method) -> Vec<u8> {
    let mut message = DynamicMessage::new(method.descriptor.input());
    fill(world, &mut message, 0);
    prost::Message::encode_to_vec(&message)
}

fn fill(world: &World, message: &mut DynamicMessage, depth: usize) {
    let mut filled_oneofs = Vec::new();
    for field in message.descriptor().fields().collect::<Vec<_>>() {
        if let Some(oneof) = field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
            if filled_oneofs.contains(&oneof.full_name().to_owned()) {
                continue;
            }
            filled_oneofs.push(oneof.full_name().to_owned());
        }
        let Some(value) = value(world, &field, depth) else { continue };
        let value = if field.is_list() { Value::List(vec![value]) } else { value };
        message.set_field(&field, value);
    }
}

fn value(world: &World, field: &FieldDescriptor, depth: usize) -> Option<Value> {
    if field.is_map() {
        return None;
    }
    let text = |text: &str| Some(Value::String(text.to_owned()));
    match (field.name(), field.kind()) {
        ("task_id" | "task_ids", _) => text(&world.task_id),
        ("step_id", _) => text(&format!("{}0001", &world.task_id[..world.task_id.len() - 4])),
        ("namespace" | "namespaces", Kind::String) => text("alpha"),
        ("name" | "handler", Kind::String) => match field.parent_message().name() {
            "StepTemplate" => text("first"),
            "Offer" => None,
            "PublishEventRequest" => text("flow.ran"),
            "NamespaceSummary" => text("alpha"),
            _ => text("flow"),
        },
        ("step_handler" | "handler_class", Kind::String) => text("Step"),
        ("worker_id" | "annotation_type", Kind::String) => text("somebody"),
        ("slots" | "max_steps" | "lease_token", Kind::Int32) => Some(Value::I32(1)),
        ("lease_token", Kind::Uint32) => Some(Value::U32(1)),
        ("dependent_system", Kind::String) => text("somewhere"),
        ("context_json" | "annotation_json" | "inputs_json" | "results_json", Kind::String) => text(r#"{"n": 1}"#),
        ("update_mask", Kind::Message(inner)) => {
            let path = match field.parent_message().name() {
                "UpdateTaskRequest" => "tags",
                "UpdateNamespaceRequest" => "description",
                _ => "retry_limit",
            };
            let mut mask = DynamicMessage::new(inner);
            mask.set_field_by_name("paths", Value::List(vec![Value::String(path.to_owned())]));
            Some(Value::Message(mask))
        }
        ("held" | "results", _) => None,
        (_, Kind::Message(inner)) if depth < 4 && !inner.full_name().starts_with("google.") => {
            let mut message = DynamicMessage::new(inner);
            fill(world, &mut message, depth + 1);
            Some(Value::Message(message))
        }
        _ => None,
    }
}

pub(super) async fn ask(world: &World, channel: &Channel, method: &Method, token: &str) -> Result<Vec<u8>, Status> {
    let header = format!("Bearer {token}");
    let kind = Talk::of(&method.descriptor);
    within(&method.path, call(channel, &method.path, request(world, method), &[&header], kind)).await
}

fn code(answer: &Result<Vec<u8>, Status>) -> Code {
    answer.as_ref().err().map_or(Code::Ok, Status::code)
}

fn is_about_access(code: Code) -> bool {
    matches!(code, Code::Unauthenticated | Code::PermissionDenied)
}

#[tokio::test]
async fn without_credentials_nothing_is_reached_and_no_body_is_read() {
    let world = world().await;
    let channel = harness::connect(&world.app).await;
    for method in methods() {
        let kind = Talk::of(&method.descriptor);
        for headers in [&[][..], &["Bearer nonsense"], &["Bearer a.b.c"], &["Basic YTpi"], &["Bearer a", "Bearer a"]] {
            let answer = call(&channel, &method.path, GARBAGE.to_vec(), headers, kind).await;
            assert_eq!(code(&answer), Code::Unauthenticated, "{} with {headers:?}: {answer:?}", method.path);
        }
    }
}

#[tokio::test]
async fn another_permission_does_not_help_and_no_body_is_read() {
    let world = world().await;
    let channel = harness::connect(&world.app).await;
    let all: Vec<String> = methods().into_iter().map(|method| method.permission).collect();
    for method in methods() {
        // All but the one.
        let others: Vec<&str> = all.iter().map(String::as_str).filter(|other| *other != method.permission).collect();
        let header = format!("Bearer {}", granted("mallory", &others));
        let kind = Talk::of(&method.descriptor);
        let owner = matches!(catalog::find(&method.path), Some(Access::Requires { or_creator: true, .. }));
        // Whose task it is stands in the body; the task is somebody else's.
        let message = if owner { request(&world, &method) } else { GARBAGE.to_vec() };
        let answer = call(&channel, &method.path, message, &[&header], kind).await;
        assert_eq!(code(&answer), Code::PermissionDenied, "{}: {answer:?}", method.path);
    }
}

#[tokio::test]
async fn the_permission_in_another_namespace_shows_nothing_of_this_one() {
    let world = world().await;
    let channel = harness::connect(&world.app).await;
    for method in methods() {
        let elsewhere = granted("bob", &[&format!("{}@beta", method.permission)]);
        let answer = ask(&world, &channel, &method, &elsewhere).await;
        match &answer {
            Ok(bytes) => {
                let told = String::from_utf8_lossy(bytes);
                let leaks = told.contains("alpha") || told.contains(&world.task_id);
                // An answer may say of each item that it was refused, by the name that the caller gave.
                assert!(
                    !leaks || told.contains("PERMISSION_MISSING"),
                    "{} tells of another namespace: {told:?}",
                    method.path
                );
            }
            Err(status) => {
                let fine = matches!(status.code(), Code::NotFound | Code::PermissionDenied | Code::Aborted);
                assert!(fine, "{}: {status:?}", method.path);
            }
        }
        // The same by the claim that narrows the whole token.
        let narrowed = token("bob", &serde_json::json!({ "permissions": ["*"], "namespaces": ["beta"] }));
        let same = ask(&world, &channel, &method, &narrowed).await;
        assert_eq!(code(&same), code(&answer), "{}: {same:?}", method.path);
    }
}

#[tokio::test]
async fn the_permission_opens_the_method() {
    let world = world().await;
    let channel = harness::connect(&world.app).await;
    for method in methods() {
        for grant in [method.permission.clone(), format!("{}@alpha", method.permission)] {
            let answer = ask(&world, &channel, &method, &granted("alice", &[&grant])).await;
            assert!(!is_about_access(code(&answer)), "{} with {grant}: {answer:?}", method.path);
            assert_ne!(code(&answer), Code::Internal, "{} with {grant}: {answer:?}", method.path);
        }
    }
}

#[tokio::test]
async fn a_path_that_nobody_serves_is_unknown_to_everybody() {
    let world = world().await;
    let channel = harness::connect(&world.app).await;
    let admin = format!("Bearer {}", granted("root", &["*"]));
    for headers in [&[][..], &[admin.as_str()]] {
        let answer = call(&channel, "/tasker.v1.TaskService/Nothing", GARBAGE.to_vec(), headers, Talk::Unary).await;
        assert_eq!(code(&answer), Code::Unimplemented, "{answer:?}");
    }
}
