//! Why handlers were not registered.
//!
//! All that is wrong is told at once, but an answer travels in headers, and clients accept few kilobytes of
//! those: long texts are cut in the middle, and a long list ends with how many more there are.

use super::Outcome;
use crate::{
    domain::{
        handler::{Definition, Problem, ProblemKind},
        violation::Violation,
    },
    error::{Error, Reason, Result},
};

/// Problems told at most: 32 of about 100 bytes stay below 8 KiB, which is what some clients accept.
const TOLD_MAX: usize = 32;

/// The longest text about one problem.
const TEXT_MAX: usize = 400;

/// The refusal for these problems; there is at least one.
pub(super) fn of(problems: Vec<Problem>) -> Error {
    let all = |is: fn(&ProblemKind) -> bool| problems.iter().all(|problem| is(&problem.kind));
    let reason = if all(|kind| matches!(kind, ProblemKind::Cycle { .. })) {
        Reason::CycleInSteps
    } else if all(|kind| *kind == ProblemKind::Limit) {
        Reason::LimitExceeded
    } else {
        Reason::InvalidFields
    };
    let path = problems.iter().find_map(|problem| match &problem.kind {
        ProblemKind::Cycle { path } => Some(shortened(path)),
        _ => None,
    });
    let error = with_violations(reason, problems.into_iter().map(Violation::from).collect());
    match path {
        Some(path) => error.with("path", path),
        None => error,
    }
}

/// Refuses when there is content that would be replaced.
pub(super) fn replaced(definitions: &[Definition], outcomes: &[Outcome]) -> Result<()> {
    let replaced =
        definitions.iter().zip(outcomes).enumerate().filter(|(_, (_, outcome))| **outcome == Outcome::Replaced);
    let replaced: Vec<(usize, String)> = replaced.map(|(no, (definition, _))| (no, definition.full_name())).collect();
    let Some((_, first)) = replaced.first().cloned() else { return Ok(()) };
    let text = |name: &str| format!("{name} exists with other content; register another version, or replace it");
    let violations = replaced.iter().map(|(no, name)| Violation::new(format!("handlers[{no}]"), text(name)));
    Err(with_violations(Reason::HandlerExists, violations.collect()).with("handler", first))
}

fn with_violations(reason: Reason, mut violations: Vec<Violation>) -> Error {
    let count = violations.len();
    violations.truncate(TOLD_MAX);
    for violation in &mut violations {
        violation.description = shortened(&violation.description);
    }
    let first = violations.first().expect("there is at least one");
    let rest = if count == 1 { String::new() } else { format!(" (and {} more)", count - 1) };
    let message = format!("{}: {}{rest}", first.field, first.description);
    if count > TOLD_MAX {
        violations.push(Violation::new("handlers", format!("{} more problems are not listed", count - TOLD_MAX)));
    }
    Error::new(reason, message).with_violations(violations)
}

/// The beginning and the end of a text that is too long.
fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= TEXT_MAX {
        return text.to_owned();
    }
    let half = TEXT_MAX / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(count - half).collect();
    format!("{head} … {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: ProblemKind, text: &str) -> Problem {
        Problem { field: "handlers[0].x".to_owned(), text: text.to_owned(), kind }
    }

    fn cycle(path: &str) -> Problem {
        problem(ProblemKind::Cycle { path: path.to_owned() }, "a circle")
    }

    #[test]
    fn the_reason_is_what_all_problems_share() {
        let limit = || problem(ProblemKind::Limit, "too long");
        assert_eq!(of(vec![cycle("a -> a"), cycle("b -> b")]).reason(), Reason::CycleInSteps);
        assert_eq!(of(vec![limit()]).reason(), Reason::LimitExceeded);
        let mixed = of(vec![limit(), cycle("a -> a")]);
        assert_eq!(mixed.reason(), Reason::InvalidFields);
        assert_eq!(mixed.metadata().get("path").map(String::as_str), Some("a -> a"));
        assert_eq!(mixed.message(), "handlers[0].x: too long (and 1 more)");
    }

    #[test]
    fn answers_stay_short() {
        let long = "ü -> ".repeat(10_000);
        let error = of(vec![cycle(&long); 1_000]);
        assert_eq!(error.violations().len(), TOLD_MAX + 1);
        assert_eq!(error.violations()[TOLD_MAX].description, "968 more problems are not listed");
        assert!(error.metadata()["path"].len() < 1_000);
    }
}
