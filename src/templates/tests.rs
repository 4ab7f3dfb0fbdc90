use super::*;

/// What there is to say about a text: `line:column severity: message`.
fn remarks(text: &str, environment: Option<&str>) -> Vec<String> {
    let mut loaded = Loaded::default();
    parse(Path::new("f.yaml"), text, environment, &Limits::default(), &mut loaded);
    loaded.diagnostics.sort();
    loaded.diagnostics.dedup();
    let shown = loaded.diagnostics.iter().map(|diagnostic| {
        let place = diagnostic.place.map_or_else(String::new, |at| format!("{}:{} ", at.line, at.column));
        format!("{place}{}: {}", diagnostic.severity.label(), diagnostic.message)
    });
    shown.collect()
}

fn draft(text: &str, environment: Option<&str>) -> Draft {
    assert_eq!(remarks(text, environment), Vec::<String>::new());
    let mut loaded = Loaded::default();
    parse(Path::new("f.yaml"), text, environment, &Limits::default(), &mut loaded);
    loaded.handlers.remove(0).draft
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(remarks(text, None), expected, "{text}");
}

const PARCEL: &str = r#"
name: ship_parcel
namespace_name: logistics
version: 1.2.0
task_handler_class: ShipParcelHandler
default_dependent_system: warehouse
named_steps: [reserve, label, dispatch]
schema: {type: object, required: [parcel_id], properties: {parcel_id: {type: integer}}}
step_templates:
  - {name: reserve, handler_class: ReserveStep}
  - {name: label, handler_class: LabelStep, depends_on_step: reserve, default_retry_limit: 5}
  - name: dispatch
    handler_class: DispatchStep
    depends_on_steps: [reserve, ~, label]
    handler_config: {type: api, url: "https://carrier.example", headers: {a: 1, b: yes}, big: 123456789012345678901}
    custom_events: [{name: parcel.sent}]
    timeout_seconds: 1.5
environments:
  test:
    step_templates:
      - {name: dispatch, skippable: true, handler_config: {url: "http://localhost:9", headers: {b: [2]}}}
"#;

#[test]
fn the_format_of_the_original_loads() {
    let draft = draft(PARCEL, None);
    assert_eq!(
        (draft.namespace.as_str(), draft.name.as_str(), draft.version.as_str()),
        ("logistics", "ship_parcel", "1.2.0")
    );
    assert_eq!(draft.named_steps, ["reserve", "label", "dispatch"]);
    assert_eq!(
        draft.schema_json,
        r#"{"type":"object","required":["parcel_id"],"properties":{"parcel_id":{"type":"integer"}}}"#
    );
    let [_, label, dispatch] = draft.step_templates.as_slice() else { panic!("{draft:?}") };
    assert_eq!((label.depends_on_step.as_str(), label.default_retry_limit), ("reserve", Some(5)));
    assert_eq!(dispatch.depends_on_steps, ["reserve", "label"]);
    assert_eq!(
        dispatch.handler_config_json,
        r#"{"type":"api","url":"https://carrier.example","headers":{"a":1,"b":true},"big":123456789012345678901}"#
    );
    assert_eq!(dispatch.custom_events[0].name, "parcel.sent");
    assert_eq!(dispatch.timeout_ms, 1_500);
    let definition = draft.check("", &Limits::default()).unwrap();
    assert_eq!(definition.steps[2].dependent_system, "warehouse");
}

#[test]
fn an_environment_is_laid_over() {
    let draft = draft(PARCEL, Some("test"));
    let dispatch = &draft.step_templates[2];
    assert!(dispatch.skippable);
    assert_eq!(
        dispatch.handler_config_json,
        r#"{"type":"api","url":"http://localhost:9","headers":{"a":1,"b":[2]},"big":123456789012345678901}"#
    );
    assert_eq!(draft.step_templates[0].name, "reserve");
}

#[test]
fn a_minimal_handler_is_enough() {
    let draft = draft("name: a\nstep_templates: [{name: x, handler_class: X}]\n", Some("test"));
    assert_eq!(draft.check("", &Limits::default()).unwrap().full_name(), "default.a@0.1.0");
}

#[test]
fn what_means_nothing_is_reported() {
    check(
        "name: a
versoin: 1.0.0
step_templates:
  - {name: x, handler_class: X, retry: 1, custom_events: [{name: a.b, title: t}]}
environments:
  test: {step_templates: [{name: y, handler_config: {}}, {name: x, handler_confg: {}}]}
",
        &[
            "2:1 warning: unknown key 'versoin'; did you mean 'version'?",
            "4:33 warning: unknown key 'retry'",
            "4:71 warning: unknown key 'title'",
            "6:27 warning: environment 'test' overrides step 'y', which does not exist; did you mean 'x'?",
            "6:68 warning: unknown key 'handler_confg'; did you mean 'handler_config'?",
        ],
    );
    let with = "name: a\nstep_templates: [{name: x, handler_class: X}]\nenvironments: {test: {}}\n";
    assert_eq!(remarks(with, Some("tset")), ["3:15 warning: there is no environment 'tset'; did you mean 'test'?"]);
    check("# nothing\n", &["warning: there is no handler in it"]);
}

#[test]
fn types_are_strict_and_errors_have_places() {
    check(
        "name: 7
version: 1.0
concurrent: maybe
step_templates:
  - name: x
    handler_class: X
    default_retry_limit: many
    depends_on_step: [y]
    handler_config: text
  - just text
  - name: z
    timeout_seconds: soon
",
        &[
            "1:7 error: name must be text, not a number; put it in quotes",
            "2:10 error: version must be text, not a number; put it in quotes",
            "3:13 error: concurrent must be true or false, not text",
            "7:26 error: step_templates[0].default_retry_limit must be a whole number, not text",
            "8:22 error: step_templates[0].depends_on_step must be text, not a list",
            "9:21 error: step_templates[0].handler_config must be a map, not text",
            "10:5 error: step_templates[1] must be a map, not text",
            "11:5 error: step_templates[1].handler_class: must not be blank",
            "12:22 error: step_templates[1].timeout_ms must be a number, not text",
        ],
    );
    check("- a list\n", &["1:1 error: a handler must be a map, not a list"]);
    check("name: a\nstep_templates: {}\n", &["2:17 error: step_templates must be a list, not a map"]);
}

#[test]
fn problems_of_the_definition_have_places() {
    check(
        "name: a
namespace: b
namespace_name: c
schema: {type: integr}
step_templates:
  - {name: x, handler_class: X, depends_on_step: y}
  - name: y
    handler_class: Y
    depends_on_steps:
      - x
      - nothing
",
        &[
            "2:12 error: namespace_name and namespace say the same: give one of them",
            "4:9 error: schema: is not a JSON Schema: /type: the value is not valid under any of the schemas listed in the 'anyOf' keyword",
            "6:5 error: step_templates[0]: the steps depend on one another in a circle: x -> y -> x",
            "11:9 error: step_templates[1].depends_on_steps[1]: there is no step 'nothing'",
        ],
    );
    check(
        "namespace_name: x\n",
        &["1:1 error: name: must not be blank", "1:1 error: step_templates: must have at least one step"],
    );
}

#[test]
fn what_is_not_yaml_has_a_place() {
    for (text, place) in
        [("name: [a\nb: c\n", "2:"), ("name: a\nname: b\n", "2:1"), ("a: *nowhere\n", "1:4"), ("a: b: c\n", "1:")]
    {
        let found = remarks(text, None);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(place) && !found[0].contains(" at line ") && !found[0].contains('\n'),
            "{found:?}"
        );
    }
}

#[test]
fn documents_anchors_and_merge_keys_work() {
    let text = "
name: a
step_templates: [&step {name: x, handler_class: X}, {<<: *step, name: y}]
---
name: b
step_templates:
  - {name: x, handler_class: X, depends_on_step: z}
";
    let mut loaded = Loaded::default();
    parse(Path::new("f.yaml"), text, None, &Limits::default(), &mut loaded);
    assert_eq!(loaded.handlers.len(), 2);
    assert_eq!(loaded.handlers[0].draft.step_templates[1].handler_class, "X");
    assert_eq!(
        loaded.diagnostics[0].to_string(),
        "f.yaml:7:50: error: step_templates[0].depends_on_step: there is no step 'z'; did you mean 'x'?"
    );
}

#[test]
fn ten_thousand_steps_load() {
    let mut text = "name: wide\nstep_templates:\n  - {name: s0, handler_class: X}\n".to_owned();
    for no in 1..10_000 {
        text.push_str(&format!("  - {{name: s{no}, handler_class: X, depends_on_step: s{}}}\n", no - 1));
    }
    assert_eq!(draft(&text, None).step_templates.len(), 10_000);
}

#[test]
fn files_and_directories_are_found() {
    let root = std::env::temp_dir().join(format!("tasker-templates-{}", std::process::id()));
    let handler = |name: &str| format!("name: {name}\nstep_templates: [{{name: x, handler_class: X}}]\n");
    std::fs::create_dir_all(root.join("sub")).unwrap();
    std::fs::create_dir_all(root.join("empty")).unwrap();
    std::fs::write(root.join("b.yaml"), handler("b")).unwrap();
    std::fs::write(root.join("sub/a.yml"), handler("a")).unwrap();
    std::fs::write(root.join("sub/again.yml"), handler("b")).unwrap();
    std::fs::write(root.join("notes.txt"), "not a handler").unwrap();
    std::fs::write(root.join("binary.yaml"), [0xff, 0xfe, 0xfd]).unwrap();
    let paths = [root.clone(), root.join("b.yaml"), root.join("empty"), root.join("nothing.yaml")];
    let loaded = load(&paths, None, &Limits::default());
    std::fs::remove_dir_all(&root).unwrap();

    let names: Vec<&str> = loaded.handlers.iter().map(|found| found.draft.name.as_str()).collect();
    assert_eq!(names, ["b", "a", "b"]);
    assert!(loaded.has_errors());
    let root = format!("{}/", root.display());
    let said: Vec<String> = loaded.diagnostics.iter().map(|said| said.to_string().replace(&root, "")).collect();
    assert_eq!(
        said,
        [
            "binary.yaml: error: it is not UTF-8 text",
            "empty: warning: there are no .yaml or .yml files in it",
            "nothing.yaml: error: there is no such file or directory",
            "sub/again.yml:1:1: error: default.b@0.1.0 is also in b.yaml:1",
        ]
    );
}
