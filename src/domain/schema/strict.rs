//! The original service's strict mode, as a change of the schema.

use serde_json::Value;

use super::subschemas;

/// Makes every declared property required and forbids all others. Recursion is bounded by the nesting of the
/// schema's text.
pub(super) fn tighten(schema: &mut Value) {
    if let Value::Object(keywords) = schema
        && let Some(Value::Object(properties)) = keywords.get("properties")
    {
        let names = properties.keys().cloned().map(Value::String).collect();
        keywords.insert("required".to_owned(), Value::Array(names));
        keywords.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    for inside in subschemas(schema) {
        tighten(inside);
    }
}
