use serde_json::json;

use super::*;

/// The violations of a context, `pointer: text` each.
fn check(schema: &Value, strict: bool, context: &Value, expected: &[&str]) {
    let compiled = CompiledSchema::compile(&schema.to_string(), strict).unwrap();
    let found = compiled.validate(context).into_iter();
    let found: Vec<String> = found
        .map(|violation| {
            format!("{}: {}", violation.field.trim_start_matches("task.context_json"), violation.description)
        })
        .collect();
    assert_eq!(found, expected, "{schema} on {context}");
}

fn order() -> Value {
    json!({
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "integer"},
            "options": {
                "type": "object",
                "default": {},
                "properties": {"fast": {"type": "boolean", "default": false}},
            },
        },
    })
}

#[test]
fn ordinary_validation_says_where_and_what() {
    check(&order(), false, &json!({"id": 7, "other": 1}), &[]);
    check(&order(), false, &json!({}), &[": \"id\" is a required property"]);
    check(
        &order(),
        false,
        &json!({"id": "x", "options": {"fast": 1}}),
        &["/id: the value is not of type \"integer\"", "/options/fast: the value is not of type \"boolean\""],
    );
    check(&json!(false), false, &json!({}), &[": False schema does not allow the value"]);
    check(&json!(null), false, &json!({}), &[]);
}

#[test]
fn strict_mode_requires_all_and_allows_no_more() {
    check(&order(), true, &json!({"id": 7}), &[]);
    check(&order(), true, &json!({"id": 7, "options": {"fast": true}}), &[]);
    check(
        &order(),
        true,
        &json!({"options": {"slow": 1}, "other": 1}),
        &[
            ": \"id\" is a required property",
            ": Additional properties are not allowed ('other' was unexpected)",
            "/options: Additional properties are not allowed ('slow' was unexpected)",
        ],
    );
}

#[test]
fn strict_mode_leaves_values_alone() {
    let schema = json!({"properties": {"shape": {"const": {"properties": {"x": 1}}}}});
    check(&schema, true, &json!({"shape": {"properties": {"x": 1}}}), &[]);
}

#[test]
fn defaults_are_filled_in_before_validation() {
    let schema = json!({
        "$defs": {"item": {"properties": {"count": {"default": 1}}, "required": ["count"]}},
        "properties": {
            "items": {"items": {"$ref": "#/$defs/item"}},
            "first": {"prefixItems": [{"$ref": "#/$defs/item"}]},
        },
        "allOf": [{"properties": {"level": {"default": 3}}}],
        "required": ["level"],
    });
    check(&schema, false, &json!({"items": [{}, {"count": 2}], "first": [{}]}), &[]);
    let context = json!({"items": []});
    CompiledSchema::compile(&schema.to_string(), false).unwrap().validate(&context);
    assert_eq!(context, json!({"items": []}), "what was sent stays as it is");
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let schema = json!({"properties": {"a": {"default": {}, "$ref": "#"}, "b": {"default": {}, "$ref": "#"}}});
    check(&schema, false, &json!({}), &[]);
    check(
        &json!({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"default": 1, "$ref": "#/$defs/a"}}}),
        false,
        &json!({}),
        &[],
    );
}

#[test]
fn bad_schemas_do_not_compile() {
    let refused = |schema: &Value| CompiledSchema::compile(&schema.to_string(), false).unwrap_err();
    assert_eq!(
        refused(&json!({"properties": {"a": {"type": "integr"}}})),
        "/properties/a/type: the value is not valid under any of the schemas listed in the 'anyOf' keyword"
    );
    for schema in [
        json!({"$ref": "https://example.com/schema.json"}),
        json!({"$ref": "#/$defs/nothing"}),
        json!({"pattern": "("}),
        json!({"$schema": "https://example.com/mine"}),
        json!(7),
    ] {
        assert!(!refused(&schema).is_empty());
    }
}

#[test]
fn older_drafts_are_understood_when_named() {
    let schema = json!({"$schema": "http://json-schema.org/draft-04/schema#", "properties": {"n": {"maximum": 3, "exclusiveMaximum": true}}});
    check(&schema, false, &json!({"n": 3}), &["/n: the value is greater than or equal to the maximum of 3"]);
    let compiled = CompiledSchema::compile(&json!({"pattern": "^(a+)+$"}).to_string(), false).unwrap();
    assert!(!compiled.validate(&json!(format!("{}b", "a".repeat(50)))).is_empty());
}
