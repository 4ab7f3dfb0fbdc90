use proptest::prelude::*;

use super::*;

/// `c: a b` is a step `c` that waits for `a` and `b`; steps are separated by semicolons.
fn draft(steps: &str) -> Draft {
    let step = |text: &str| {
        let (name, parents) = text.split_once(':').unwrap_or((text, ""));
        StepDraft {
            name: name.trim().to_owned(),
            handler_class: "Noop".to_owned(),
            depends_on_steps: parents.split_whitespace().map(str::to_owned).collect(),
            ..StepDraft::default()
        }
    };
    Draft { name: "ship".to_owned(), step_templates: steps.split(';').map(step).collect(), ..Draft::default() }
}

fn problems(draft: &Draft) -> Vec<String> {
    let found = draft.check("", &Limits::default()).err().unwrap_or_default();
    found.into_iter().map(|problem| format!("{}: {}", problem.field, problem.text)).collect()
}

/// One change of a good draft, and what is then found.
fn check(change: impl FnOnce(&mut Draft), expected: &[&str]) {
    let mut draft = draft("a; b: a; c: a b");
    change(&mut draft);
    assert_eq!(problems(&draft), expected);
}

#[test]
fn defaults_are_filled_in() {
    let definition = draft("a; b: a").check("", &Limits::default()).unwrap();
    assert_eq!(definition.full_name(), "default.ship@0.1.0");
    let step = &definition.steps[1];
    assert_eq!((step.description.as_str(), step.dependent_system.as_str()), ("b", "unknown"));
    assert!(step.retryable && !step.skippable);
    assert_eq!((step.retry_limit, step.timeout_ms, step.parents.as_slice()), (3, 0, [0].as_slice()));

    let again = definition.draft().check("", &Limits::CEILING).unwrap();
    assert_eq!(again, definition, "what is stored says the same");
    let stored = serde_json::to_string(definition.draft()).unwrap();
    assert_eq!(serde_json::from_str::<Draft>(&stored).unwrap(), *definition.draft());
}

#[test]
fn dependencies_are_in_order_and_once() {
    let mut draft = draft("a; b; c; d");
    draft.step_templates[3].depends_on_step = "c".to_owned();
    draft.step_templates[3].depends_on_steps = ["a", "c", "a"].map(str::to_owned).to_vec();
    assert_eq!(draft.check("", &Limits::default()).unwrap().steps[3].parents, [2, 0]);
}

#[test]
fn fields_are_checked() {
    check(|_| {}, &[]);
    check(|draft| draft.name.clear(), &["name: must not be blank"]);
    check(|draft| draft.name = "x".repeat(64), &[]);
    check(|draft| draft.name = "ü".repeat(64), &[]);
    check(|draft| draft.name = "x".repeat(65), &["name: is longer than 64 characters"]);
    check(|draft| draft.namespace = "a\nb".to_owned(), &["namespace: must not contain control characters"]);
    check(|draft| draft.description = "\0".to_owned(), &["description: must not contain \\u0000"]);
    check(|draft| draft.version = "1.0".to_owned(), &["version: must be in semver format (e.g., 1.0.0)"]);
    check(|draft| draft.version = "1.0.0000000000000".to_owned(), &["version: is longer than 16 characters"]);
    check(|draft| draft.step_templates.clear(), &["step_templates: must have at least one step"]);
    check(|draft| draft.schema_json = "[]".to_owned(), &["schema_json: must be an object"]);
    check(
        |draft| draft.schema_json = r#"{"required": 7}"#.to_owned(),
        &["schema_json: is not a JSON Schema: /required: the value is not of type \"array\""],
    );
    check(|draft| draft.schema_json = "null".to_owned(), &[]);
}

#[test]
fn steps_are_checked() {
    let step =
        |change: fn(&mut StepDraft), expected: &[&str]| check(|draft| change(&mut draft.step_templates[2]), expected);
    step(|step| step.name.clear(), &["step_templates[2].name: must not be blank"]);
    step(
        |step| step.name = "a".to_owned(),
        &["step_templates[2].name: duplicate step name 'a', step_templates[0] has it too"],
    );
    step(|step| step.handler_class.clear(), &["step_templates[2].handler_class: must not be blank"]);
    step(|step| step.dependent_system = " ".to_owned(), &["step_templates[2].dependent_system: must not be blank"]);
    step(|step| step.default_retry_limit = Some(0), &[]);
    step(|step| step.default_retry_limit = Some(10_000), &[]);
    step(
        |step| step.default_retry_limit = Some(10_001),
        &["step_templates[2].default_retry_limit: must be between 0 and 10000"],
    );
    step(|step| step.timeout_ms = -1, &["step_templates[2].timeout_ms: must be between 0 and 31536000000 (a year)"]);
    step(
        |step| step.handler_config_json = r#"{"a": "\u0000"}"#.to_owned(),
        &["step_templates[2].handler_config_json: must not contain \\u0000 at line 1 column 14"],
    );
    step(
        |step| step.depends_on_step = "bb".to_owned(),
        &["step_templates[2].depends_on_step: there is no step 'bb'; did you mean 'b'?"],
    );
    step(
        |step| step.depends_on_steps[1] = "invoice".to_owned(),
        &["step_templates[2].depends_on_steps[1]: there is no step 'invoice'"],
    );
}

#[test]
fn custom_events_have_a_namespace_of_their_own() {
    let event = |name: &str, expected: &[&str]| {
        let custom = CustomEvent { name: name.to_owned(), description: String::new() };
        check(|draft| draft.step_templates[0].custom_events = vec![custom], expected);
    };
    event("order.fulfilled", &[]);
    event(
        "fulfilled",
        &[
            "step_templates[0].custom_events[0].name: Custom event name must contain a namespace (e.g., 'order.fulfilled')",
        ],
    );
    event("Step.done", &["step_templates[0].custom_events[0].name: Namespace 'Step' is reserved for system events"]);
}

#[test]
fn named_steps_close_the_list() {
    let names = |names: &[&str], expected: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        check(|draft| draft.named_steps = names, expected);
    };
    names(&["a", "b", "c", "unused"], &[]);
    names(&["a", "b"], &["step_templates[2].name: Step template name 'c' is not in the named_steps list"]);
    names(
        &["b", "c"],
        &[
            "step_templates[0].name: Step template name 'a' is not in the named_steps list",
            "step_templates[1].depends_on_steps[0]: Dependency step 'a' is not in the named_steps list",
            "step_templates[2].depends_on_steps[0]: Dependency step 'a' is not in the named_steps list",
        ],
    );
}

#[test]
fn circles_are_reported_with_their_path() {
    let cycles = |steps: &str, expected: &[&str]| {
        let found = draft(steps).check("", &Limits::default()).err().unwrap_or_default();
        let paths: Vec<String> = found
            .into_iter()
            .map(|problem| match problem.kind {
                ProblemKind::Cycle { path } => path,
                other => panic!("{other:?}: {}", problem.text),
            })
            .collect();
        assert_eq!(paths, expected, "{steps}");
    };
    cycles("a; b: a; c: b; d: b c", &[]);
    cycles("a: a", &["a -> a"]);
    cycles("a: b; b: a", &["a -> b -> a"]);
    cycles("start; x: start z; y: x; z: y; end: z", &["x -> y -> z -> x"]);
    cycles("a: b; b: a; c: d; d: c", &["a -> b -> a", "c -> d -> c"]);
}

#[test]
fn everything_wrong_is_found_at_once() {
    let mut draft = draft("a: a; b: nothing; b");
    draft.name.clear();
    draft.version = "one".to_owned();
    let found = draft.check("handlers[4]", &Limits::default()).unwrap_err();
    let fields: Vec<&str> = found.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "handlers[4].name",
            "handlers[4].version",
            "handlers[4].step_templates[2].name",
            "handlers[4].step_templates[1].depends_on_steps[0]",
            "handlers[4].step_templates[0]",
        ]
    );
}

#[test]
fn limits_hold_at_the_limit_and_one_past_it() {
    let limits = Limits { steps_max: 3, edges_max: 3, payload_bytes_max: 4 };
    let kinds = |draft: &Draft| {
        let found = draft.check("", &limits).err().unwrap_or_default();
        found.into_iter().map(|problem| (problem.kind, problem.text)).collect::<Vec<_>>()
    };
    let limit = |text: &str| vec![(ProblemKind::Limit, text.to_owned())];
    assert_eq!(kinds(&draft("a; b: a; c: a b")), []);
    assert_eq!(kinds(&draft("a; b; c; d")), limit("has 4 steps, the limit is 3"));
    let four = Limits { steps_max: 4, ..limits };
    let edges = draft("a; b; c: a b; d: a b").check("", &four).unwrap_err();
    assert_eq!(edges[0].text, "has 4 dependencies, the limit is 3");
    let mut config = draft("a");
    config.step_templates[0].handler_config_json = "[10]".to_owned();
    assert_eq!(kinds(&config), []);
    config.step_templates[0].handler_config_json = "[100]".to_owned();
    assert_eq!(kinds(&config), limit("has 5 bytes, the limit is 4"));
}

#[test]
fn the_content_is_the_same_when_it_means_the_same() {
    let hash = |draft: &Draft| draft.check("", &Limits::default()).unwrap().content_hash();
    let mut base = draft("a; b: a");
    base.step_templates[0].handler_config_json = r#"{"x": 1, "y": [2]}"#.to_owned();
    let mut written_out = base.clone();
    written_out.namespace = "default".to_owned();
    written_out.version = "0.1.0".to_owned();
    written_out.step_templates[0].default_retry_limit = Some(3);
    written_out.step_templates[0].handler_config_json = r#"{"y":[2],"x":1}"#.to_owned();
    assert_eq!(hash(&base), hash(&written_out));

    let changes: [fn(&mut Draft); 4] = [
        |draft| draft.step_templates[0].handler_config_json = r#"{"x": 1, "y": [3]}"#.to_owned(),
        |draft| draft.step_templates[1].skippable = true,
        |draft| draft.schema_strict = true,
        |draft| draft.step_templates.swap(0, 1),
    ];
    for change in changes {
        let mut changed = base.clone();
        change(&mut changed);
        assert_ne!(hash(&base), hash(&changed));
    }
}

#[test]
fn a_chain_of_ten_thousand_needs_no_deep_stack() {
    let mut steps = vec!["s0".to_owned()];
    steps.extend((1..10_000).map(|no| format!("s{no}: s{}", no - 1)));
    assert_eq!(problems(&draft(&steps.join(";"))), Vec::<String>::new());
    steps[0] = "s0: s9999".to_owned();
    let found = draft(&steps.join(";")).check("", &Limits::default()).unwrap_err();
    let ProblemKind::Cycle { path } = &found[0].kind else { panic!("{found:?}") };
    assert!(path.starts_with("s0 -> s1 -> ") && path.ends_with(" -> s9999 -> s0"));
}

/// Edges from lower to higher steps, as pairs, over `size` steps.
fn dag() -> impl Strategy<Value = (usize, Vec<(usize, usize)>)> {
    (2_usize..40).prop_flat_map(|size| {
        let edge = (0..size - 1).prop_flat_map(move |from| (Just(from), from + 1..size));
        (Just(size), proptest::collection::vec(edge, 0..120))
    })
}

fn draft_of(size: usize, edges: &[(usize, usize)]) -> Draft {
    let mut steps: Vec<String> = (0..size).map(|no| format!("s{no}:")).collect();
    for (from, to) in edges {
        steps[*to].push_str(&format!(" s{from}"));
    }
    draft(&steps.join(";"))
}

proptest! {
    #[test]
    fn every_dag_is_accepted((size, edges) in dag()) {
        prop_assert!(draft_of(size, &edges).check("", &Limits::default()).is_ok());
    }

    #[test]
    fn one_edge_back_makes_a_circle_that_is_real((size, mut edges) in dag(), pick in any::<prop::sample::Index>()) {
        prop_assume!(!edges.is_empty());
        let (from, to) = edges[pick.index(edges.len())];
        edges.push((to, from));
        let found = draft_of(size, &edges).check("", &Limits::default()).unwrap_err();
        for problem in &found {
            let ProblemKind::Cycle { path } = &problem.kind else { panic!("{problem:?}") };
            let path: Vec<usize> = path.split(" -> ").map(|name| name[1..].parse().unwrap()).collect();
            prop_assert!(path.len() > 1 && path.first() == path.last());
            prop_assert!(path.windows(2).all(|pair| edges.contains(&(pair[0], pair[1]))), "{path:?}");
        }
        prop_assert_eq!(found.len(), 1);
    }
}
