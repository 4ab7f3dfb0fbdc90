//! Answers as bytes: every singular field is sent once. Readers differ in what they make of one that comes twice: some
//! merge, some keep the last.

use std::collections::HashSet;

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{Kind, MessageDescriptor};

use super::{
    callers::{granted, world},
    matrix::{ask, methods},
};
use crate::harness;

/// Methods whose requests in this world are refused, or that answer nothing at first.
const SILENT_MAX: usize = 14;

/// Checks a message and all within it. A list may come in any number of pieces.
fn check(message: &MessageDescriptor, mut bytes: &[u8], path: &str) {
    let mut seen = HashSet::new();
    while !bytes.is_empty() {
        let (number, wire) = decode_key(&mut bytes).unwrap();
        let field = message.get_field(number).unwrap_or_else(|| panic!("{path} has a field {number}"));
        let path = format!("{path}.{}", field.name());
        if !field.is_list() && !field.is_map() {
            let slot = field.containing_oneof().map_or_else(|| field.name().to_owned(), |of| of.name().to_owned());
            assert!(seen.insert(slot), "{path} is sent twice");
        }
        match (wire, field.kind()) {
            (WireType::LengthDelimited, Kind::Message(inner)) => {
                let length = usize::try_from(decode_varint(&mut bytes).unwrap()).unwrap();
                let (value, rest) = bytes.split_at(length);
                check(&inner, value, &path);
                bytes = rest;
            }
            _ => skip_field(wire, number, &mut bytes, DecodeContext::default()).unwrap(),
        }
    }
}

#[tokio::test]
async fn no_answer_has_a_singular_field_twice() {
    let world = world().await;
    let channel = harness::connect(&world.app).await;
    let token = granted("root", &["*"]);
    let mut silent = Vec::new();
    // The second answer may be a remembered one.
    for _ in 0..2 {
        silent.clear();
        for method in methods() {
            match ask(&world, &channel, &method, &token).await {
                Ok(bytes) if !bytes.is_empty() => check(&method.descriptor.output(), &bytes, &method.path),
                _ => silent.push(method.path.clone()),
            }
        }
    }
    assert!(silent.len() <= SILENT_MAX, "{silent:#?}");
    for path in ["DependencyGraphService/GetTaskGraph", "ExplainService/ExplainTask", "StatusService/GetStatus"] {
        assert!(!silent.contains(&format!("/tasker.v1.{path}")), "{silent:#?}");
    }
}

#[test]
#[should_panic(expected = "graph is sent twice")]
fn a_field_that_comes_twice_is_found() {
    let pool = prost_reflect::DescriptorPool::decode(tasker::proto::DESCRIPTORS).unwrap();
    let message = pool.get_message_by_name("tasker.v1.GetTaskGraphResponse").unwrap();
    check(&message, &[0x0a, 0, 0x0a, 0], "answer");
}
