//! The reasons of refusals: an enum with its code, retry advice and metadata, read from the
//! `(tasker.options.v1.reason)` option on the values of `tasker.v1.ErrorReason`.

use std::fmt::Write as _;

use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, EnumValueDescriptor};

const PREFIX: &str = "ERROR_REASON_";

/// What one value says.
struct Entry {
    label: String,
    variant: String,
    comment: String,
    code: String,
    retry_delay: Option<(i64, i32)>,
    metadata: Vec<(String, String)>,
}

/// The enum as Rust text. Panics with the value's name where one declares nothing.
pub(crate) fn source(pool: &DescriptorPool) -> String {
    let reasons = pool.get_enum_by_name("tasker.v1.ErrorReason").expect("error_reason.proto defines the enum");
    let entries: Vec<Entry> =
        reasons.values().filter(|value| value.number() != 0).map(|value| entry(pool, &reasons, &value)).collect();
    let mut text = String::from(
        "/// Why a call was refused.\n#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]\npub enum Reason {\n",
    );
    for entry in &entries {
        writeln!(text, "    /// {}\n    {},", entry.comment, entry.variant).expect("a String takes writes");
    }
    write!(
        text,
        "}}\n\nimpl Reason {{\n    /// Every reason, in the order of the proto.\n    pub const ALL: [Self; {}] = [{}];\n",
        entries.len(),
        entries.iter().map(|entry| format!("Self::{}, ", entry.variant)).collect::<String>()
    )
    .expect("a String takes writes");
    function(&mut text, "The stable name, as sent.", "label", "&'static str", &entries, |entry| {
        format!("{:?}", entry.label)
    });
    function(&mut text, "The canonical code.", "code", "tonic::Code", &entries, |entry| {
        format!("tonic::Code::{}", entry.code)
    });
    function(
        &mut text,
        "How long a caller does well to wait before it repeats the call; `None` when repeating is pointless.",
        "retry_after",
        "Option<std::time::Duration>",
        &entries,
        |entry| match entry.retry_delay {
            Some((seconds, nanos)) => format!("Some(std::time::Duration::new({seconds}, {nanos}))"),
            None => "None".to_owned(),
        },
    );
    function(
        &mut text,
        "The keys of its metadata, besides `correlation_id`, each with what stands under it.",
        "metadata",
        "&'static [(&'static str, &'static str)]",
        &entries,
        |entry| format!("&{:?}", entry.metadata),
    );
    text.push_str("}\n");
    text
}

fn function(
    text: &mut String,
    doc: &str,
    name: &str,
    result: &str,
    entries: &[Entry],
    value: impl Fn(&Entry) -> String,
) {
    let arms: String =
        entries.iter().map(|entry| format!("            Self::{} => {},\n", entry.variant, value(entry))).collect();
    write!(text, "\n    /// {doc}\n    pub const fn {name}(self) -> {result} {{\n        match self {{\n{arms}        }}\n    }}\n")
        .expect("a String takes writes");
}

fn entry(pool: &DescriptorPool, reasons: &EnumDescriptor, value: &EnumValueDescriptor) -> Entry {
    let option = pool
        .get_extension_by_name("tasker.options.v1.reason")
        .expect("proto/tasker/options/v1/reason.proto defines the option");
    let options = value.options();
    assert!(options.has_extension(&option), "{} does not declare (tasker.options.v1.reason)", value.full_name());
    let declared = options.get_extension(&option);
    let declared = declared.as_message().expect("the option is a message");
    let label = value.name().strip_prefix(PREFIX).expect("values of the enum are prefixed").to_owned();
    Entry {
        variant: camel(&label),
        comment: comment(reasons, value),
        code: camel(&code(pool, declared, value)),
        retry_delay: declared.has_field_by_name("retry_delay").then(|| delay(declared)),
        metadata: metadata(declared),
        label,
    }
}

fn code(pool: &DescriptorPool, declared: &DynamicMessage, value: &EnumValueDescriptor) -> String {
    let number = declared.get_field_by_name("code").and_then(|code| code.as_enum_number()).unwrap_or(0);
    assert!(number != 0, "{} declares no code", value.full_name());
    let codes = pool.get_enum_by_name("google.rpc.Code").expect("google/rpc/code.proto defines the enum");
    codes.get_value(number).expect("protox checked the value").name().to_owned()
}

fn delay(declared: &DynamicMessage) -> (i64, i32) {
    let delay = declared.get_field_by_name("retry_delay").expect("just checked");
    let delay = delay.as_message().expect("Duration is a message");
    let seconds = delay.get_field_by_name("seconds").and_then(|seconds| seconds.as_i64()).unwrap_or(0);
    let nanos = delay.get_field_by_name("nanos").and_then(|nanos| nanos.as_i32()).unwrap_or(0);
    (seconds, nanos)
}

fn metadata(declared: &DynamicMessage) -> Vec<(String, String)> {
    let keys = declared.get_field_by_name("metadata").expect("Reason has the field");
    let keys = keys.as_list().expect("the field is a list");
    let text = |key: &prost_reflect::Value, name: &str| {
        let key = key.as_message().expect("MetadataKey is a message");
        key.get_field_by_name(name).and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    };
    keys.iter().map(|key| (text(key, "key"), text(key, "description"))).collect()
}

/// The comment above the value, as one line.
fn comment(reasons: &EnumDescriptor, value: &EnumValueDescriptor) -> String {
    let file = reasons.parent_file();
    let info = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
    let mut path = reasons.path().to_vec();
    let position = reasons.values().position(|other| other.number() == value.number()).expect("the value is its own");
    // Field 2 of an EnumDescriptorProto holds its values.
    path.extend([2, i32::try_from(position).expect("an enum has few values")]);
    let comment = info.location.into_iter().find(|location| location.path == path);
    let comment = comment.and_then(|location| location.leading_comments).unwrap_or_default();
    assert!(!comment.trim().is_empty(), "{} has no comment", value.full_name());
    comment.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `LEASE_STALE` as `LeaseStale`.
fn camel(label: &str) -> String {
    label
        .split('_')
        .map(|word| {
            let (first, rest) = word.split_at(1);
            format!("{first}{}", rest.to_lowercase())
        })
        .collect()
}
