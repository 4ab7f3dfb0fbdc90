//! The access table: one row per method, read from the `(tasker.options.v1.access)` option.

use std::fmt::Write as _;

use prost_reflect::{DescriptorPool, MethodDescriptor, Value};

/// The table as the text of a Rust array. Panics with the method's name where one declares nothing.
pub(crate) fn table(pool: &DescriptorPool) -> String {
    let access = pool
        .get_extension_by_name("tasker.options.v1.access")
        .expect("proto/tasker/options/v1/access.proto defines the option");
    let mut rows = String::from("&[\n");
    for service in pool.services() {
        for method in service.methods() {
            let options = method.options();
            assert!(
                options.has_extension(&access),
                "{} does not declare (tasker.options.v1.access)",
                method.full_name()
            );
            writeln!(rows, "    {},", row(&method, &options.get_extension(&access))).expect("a String takes writes");
        }
    }
    rows.push(']');
    rows
}

fn row(method: &MethodDescriptor, access: &Value) -> String {
    let access = access.as_message().expect("the option is a message");
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let streams = method.is_client_streaming();
    if access.has_field_by_name("anyone") {
        return format!("Row {{ path: {path:?}, access: Access::Anyone, streams: {streams} }}");
    }
    assert!(access.has_field_by_name("requires"), "{}: access names no rule", method.full_name());
    let requires = access.get_field_by_name("requires").expect("just checked");
    let requires = requires.as_message().expect("Requirement is a message");
    let text = |name: &str| {
        let value = requires.get_field_by_name(name).expect("Requirement has the field");
        let value = value.as_str().expect("the field is a string").to_owned();
        assert!(!value.is_empty(), "{}: access.requires.{name} is empty", method.full_name());
        value
    };
    let or_creator = requires.get_field_by_name("or_creator").is_some_and(|value| value.as_bool() == Some(true));
    format!(
        "Row {{ path: {path:?}, access: Access::Requires {{ permission: Permission {{ resource: {:?}, action: {:?} \
         }}, or_creator: {or_creator} }}, streams: {streams} }}",
        text("resource"),
        text("action")
    )
}
