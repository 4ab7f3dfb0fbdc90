//! The graph of a handler's step templates.
//!
//! All dependencies count, whether they were given as one step or as a list.

use std::collections::HashMap;

use super::Draft;
use crate::domain::{graph::Shape, ids::StepNo};

/// The graph of a handler's steps, in declaration order.
#[derive(Debug)]
pub struct Outline {
    /// What follows from the edges.
    pub shape: Shape,
    /// For each step what it waits for, in the order given.
    pub parents: Vec<Vec<StepNo>>,
}

impl Outline {
    /// The outline of a draft; `None` when it is none that could have been registered.
    pub fn of(draft: &Draft) -> Option<Self> {
        let steps = &draft.step_templates;
        let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
        let numbers: HashMap<&str, StepNo> = names.iter().zip(0..).map(|(name, no)| (*name, no)).collect();
        let mut parents: Vec<Vec<StepNo>> = Vec::with_capacity(steps.len());
        for step in steps {
            let single = (!step.depends_on_step.is_empty()).then_some(&step.depends_on_step);
            let named = single.into_iter().chain(&step.depends_on_steps);
            let mut of_step: Vec<StepNo> =
                named.map(|name| numbers.get(name.as_str()).copied()).collect::<Option<_>>()?;
            let mut seen = std::collections::HashSet::new();
            of_step.retain(|no| seen.insert(*no));
            parents.push(of_step);
        }
        let slices: Vec<&[StepNo]> = parents.iter().map(Vec::as_slice).collect();
        let shape = Shape::new(&names, &slices)?;
        Some(Self { shape, parents })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::handler::StepDraft;

    #[test]
    fn every_dependency_counts_however_it_was_given() {
        let step = |name: &str, one: &str, others: &[&str]| StepDraft {
            name: name.to_owned(),
            depends_on_step: one.to_owned(),
            depends_on_steps: others.iter().map(|name| (*name).to_owned()).collect(),
            ..StepDraft::default()
        };
        let steps = vec![
            step("e", "d", &[]),
            step("a", "", &[]),
            step("b", "a", &["a"]),
            step("c", "", &["a"]),
            step("d", "b", &["c", "b"]),
        ];
        let outline = Outline::of(&Draft { step_templates: steps, ..Draft::default() }).unwrap();
        assert_eq!(outline.parents[4], [2, 3]);
        assert_eq!(outline.parents[2], [1], "given twice, counted once");
        let shape = &outline.shape;
        assert_eq!(shape.order(), [1, 2, 3, 4, 0]);
        assert_eq!((shape.roots(), shape.leaves()), ([1].as_slice(), [0].as_slice()));
        assert_eq!((shape.steps(), shape.edges(), shape.width(), shape.paths()), (5, 5, 2, "2"));
        assert_eq!((0..5).map(|no| shape.level(no)).collect::<Vec<_>>(), [3, 0, 1, 1, 2]);
    }

    #[test]
    fn what_could_not_be_registered_has_no_outline() {
        let step = |name: &str, parent: &str| StepDraft {
            name: name.to_owned(),
            depends_on_step: parent.to_owned(),
            ..StepDraft::default()
        };
        for steps in [vec![step("a", "b"), step("b", "a")], vec![step("a", "x")]] {
            assert!(Outline::of(&Draft { step_templates: steps, ..Draft::default() }).is_none());
        }
    }
}
