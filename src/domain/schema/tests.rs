use serde_json::json;

use super::*;

/// The violations of a context, `pointer: text` each.
fn check(schema: &Value, strict: bool, context: &Value, expected: &[&str]) {
    let compiled = CompiledSchema::compile(&schema.to_string(), strict).unwrap();
    let found = compiled.validate(&context.to_string(), Effort::Full).unwrap().into_iter();
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
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let schema = json!({"properties": {"a": {"default": {}, "$ref": "#"}, "b": {"default": {}, "$ref": "#"}}});
    check(&schema, false, &json!({}), &[]);
    let nested = json!({"properties": {"a": {"default": 1, "$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#"}}});
    check(&nested, false, &json!({}), &[]);
}

#[test]
fn bad_schemas_do_not_compile() {
    let refused = |schema: &Value| match CompiledSchema::compile(&schema.to_string(), false).unwrap_err() {
        Refusal::Malformed(why) => why,
        Refusal::TooCostly(why) => panic!("too costly: {why}"),
    };
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
    let violations = compiled.validate(&json!(format!("{}b", "a".repeat(50))).to_string(), Effort::Quick).unwrap();
    assert_eq!(violations.len(), 1);
}

/// A schema that looks at the next level twice, and a context that many levels deep which does not fit.
fn doubling(depth: usize) -> (CompiledSchema, String) {
    let next = json!({"properties": {"next": {"$ref": "#/$defs/node"}}});
    let node = json!({"anyOf": [next, next], "type": "object"});
    let schema = json!({"$ref": "#/$defs/node", "$defs": {"node": node}});
    let context = format!("{}7{}", r#"{"next":"#.repeat(depth), "}".repeat(depth));
    (CompiledSchema::compile(&schema.to_string(), false).unwrap(), context)
}

#[test]
fn what_doubles_at_each_level_ends_after_its_steps() {
    let (schema, context) = doubling(3);
    assert_eq!(schema.validate(&context, Effort::Quick), Err(TooMuch), "it may be deep");
    assert_eq!(schema.validate(&context, Effort::Full).unwrap().len(), 1);
    let (schema, context) = doubling(15);
    let violations = schema.validate(&context, Effort::Full).unwrap();
    let text = "does not fit the schema; saying where takes more steps than are spent on it";
    assert_eq!(violations, [Violation::new("task.context_json", text)]);
    let (schema, context) = doubling(60);
    let violations = schema.validate(&context, Effort::Full).unwrap();
    assert_eq!(violations, [Violation::new("task.context_json", text)]);
}

#[test]
fn what_costs_much_for_one_value_does_not_compile() {
    let next = |level: usize| json!({"$ref": format!("#/$defs/d{}", level + 1)});
    let define = |level: usize| (format!("d{level}"), json!({"allOf": [next(level), next(level)]}));
    let mut definitions: serde_json::Map<String, Value> = (0..30).map(define).collect();
    definitions.insert("d30".to_owned(), json!({}));
    let schema = json!({"$ref": "#/$defs/d0", "$defs": definitions});
    let refusal = CompiledSchema::compile(&schema.to_string(), false).unwrap_err();
    assert!(matches!(refusal, Refusal::TooCostly(why) if why.starts_with("/$defs/d18 combines more schemas")));
}

#[test]
fn deep_contexts_and_long_chains_have_room() {
    let link = |level: usize| (format!("d{level}"), json!({"$ref": format!("#/$defs/d{}", level + 1)}));
    let mut definitions: serde_json::Map<String, Value> = (0..60).map(link).collect();
    definitions.insert("d60".to_owned(), json!({"additionalProperties": {"$ref": "#/$defs/d0"}, "type": "object"}));
    let schema = json!({"$ref": "#/$defs/d0", "$defs": definitions}).to_string();
    let context = format!("{}7{}", r#"{"a":"#.repeat(120), "}".repeat(120));
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let validate = move || CompiledSchema::compile(&schema, false).unwrap().validate(&context, Effort::Full);
    let violations = thread.spawn(validate).unwrap().join().unwrap().unwrap();
    assert_eq!(violations.len(), 1);
}
