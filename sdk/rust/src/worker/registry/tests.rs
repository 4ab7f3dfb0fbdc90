use super::*;
use crate::proto::tasker::v1::HandlerRef;

fn entry() -> Arc<Entry> {
    Arc::new(Entry::new(|_| async { Ok(1) }))
}

#[test]
fn a_step_handler_goes_before_a_handler_and_namespaces_and_versions_are_apart() {
    let (label, ship, old) = (entry(), entry(), entry());
    let registry = Registry::new(
        "default",
        [
            (Kind::Handler, Steps::of("ship"), ship.clone()),
            (Kind::StepHandler, Steps::of("Label"), label.clone()),
            (Kind::Handler, Steps::of("bill").namespace("money").versions(["1.0.0", "1.1.0"]), old.clone()),
        ],
    )
    .expect("fine");
    assert_eq!(registry.offers().len(), 3);

    let check = |namespace: &str, step_handler: &str, (name, version): (&str, &str), expected: Option<&Arc<Entry>>| {
        let handler = HandlerRef { namespace: namespace.into(), name: name.into(), version: version.into() };
        let assignment =
            Assignment { step_handler: step_handler.into(), handler: Some(handler), ..Assignment::default() };
        let found = registry.find(&assignment);
        assert_eq!(found.map(Arc::as_ptr), expected.map(Arc::as_ptr), "{namespace} {step_handler} {name} {version}");
    };
    check("default", "Label", ("ship", "1.0.0"), Some(&label));
    check("default", "Other", ("ship", "1.0.0"), Some(&ship));
    check("default", "Other", ("other", "1.0.0"), None);
    check("money", "Label", ("ship", "1.0.0"), None);
    check("money", "Charge", ("bill", "1.1.0"), Some(&old));
    check("money", "Charge", ("bill", "2.0.0"), None);
}

#[test]
fn registrations_that_contradict_each_other_are_refused() {
    let check = |registered: Vec<(Kind, Steps)>, expected: &str| {
        let registered = registered.into_iter().map(|(kind, steps)| (kind, steps, entry()));
        let error = Registry::new("default", registered).expect_err("refused");
        assert_eq!(error.to_string(), expected);
    };
    check(vec![], "the worker has no handlers");
    check(
        vec![(Kind::StepHandler, "Label".into()), (Kind::StepHandler, Steps::of("Label").namespace("default"))],
        "the steps of `Label` in `default` are registered twice",
    );
    check(
        vec![(Kind::Handler, Steps::of("ship").versions(["1.0.0"])), (Kind::Handler, "ship".into())],
        "the steps of `ship` in `default` are registered twice",
    );
    check(vec![(Kind::StepHandler, "".into())], "`` is no name of a handler or a namespace");
    check(vec![(Kind::StepHandler, "a\0".into())], "`a\\0` is no name of a handler or a namespace");
}

#[test]
fn one_function_for_each_version_is_fine() {
    let (one, two) = (Steps::of("ship").versions(["1.0.0"]), Steps::of("ship").versions(["2.0.0"]));
    let registered = [(Kind::Handler, one, entry()), (Kind::Handler, two, entry())];
    assert_eq!(Registry::new("default", registered).expect("fine").offers().len(), 2);
}

#[test]
fn null_is_a_result_and_unit_is_none() {
    assert_eq!(json(&()).ok(), Some(None));
    assert_eq!(json(&None::<i32>).ok(), Some(Some("null".to_owned())));
    assert_eq!(json(&serde_json::Value::Null).ok(), Some(Some("null".to_owned())));
    assert_eq!(json(&7).ok(), Some(Some("7".to_owned())));
}

#[test]
fn quick_functions_are_learnt() {
    let entry = Entry::new(|_| async { Ok(()) });
    let check = |expected: bool| assert_eq!(entry.is_quick(), expected);
    check(false);
    entry.ended_at_once(QUICK);
    check(true);
    entry.ended_at_once(SLOW);
    check(true);
    entry.ended_at_once(SLOW * 2);
    check(false);
    entry.ended_at_once(QUICK);
    entry.waited();
    check(false);
}
