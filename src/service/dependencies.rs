//! What the parents of a step produced, for workers whose assignment came without it.

use std::sync::Arc;

use super::page::{self, Binding};
use crate::{
    domain::{
        ids::{StepId, StepNo},
        run::Run,
    },
    error::{Error, Reason, Result},
    lifecycle::Templates,
    store::{Store, lifecycle as rows},
};

/// The use case.
#[derive(Debug, Clone)]
pub struct Dependencies {
    store: Store,
    templates: Templates,
}

/// One page of results.
#[derive(Debug)]
pub struct Page {
    /// Names of parents and their results as JSON text.
    pub results: Vec<(Arc<str>, String)>,
    /// The token of the next page, empty on the last.
    pub next_page_token: String,
}

impl Dependencies {
    /// The use case on this store.
    pub const fn new(store: Store, templates: Templates) -> Self {
        Self { store, templates }
    }

    /// The results of a step's parents in the handler's order, only those named unless `names` is empty.
    ///
    /// A page ends before its results are more than `bytes_max` bytes, but has one at least; nothing is read that is not
    /// in it.
    pub async fn page(
        &self,
        step: StepId,
        names: &[String],
        page_size: i32,
        page_token: &str,
        bytes_max: usize,
    ) -> Result<Page> {
        let binding = Binding::to(&("FetchDependencies", step.to_string(), names));
        let after: Option<StepNo> = binding.open(page_token)?;
        let page_size = page::size(page_size).map_err(|violation| Error::invalid(vec![violation]))?;
        let page_size = usize::try_from(page_size).expect("sizes are positive and small");
        let mut connection = self.store.pool().acquire().await.map_err(crate::store::Error::from)?;
        let loaded = rows::load(&mut connection, &[step.task.uuid()]).await?.pop();
        let loaded = loaded.ok_or_else(|| unknown(step))?;
        let template = self.templates.get(loaded.named_task_id).await?;
        let run = Run::load(Arc::clone(&template), &loaded.stored)
            .map_err(|corrupt| crate::store::Error::Corrupt(corrupt.to_string()))?;
        if !run.has(step.no) {
            return Err(unknown(step));
        }
        let wanted = template.step(step.no).parents.iter().copied().filter(|parent| {
            let name = &*template.step(*parent).name;
            after.is_none_or(|after| *parent > after) && (names.is_empty() || names.iter().any(|wanted| wanted == name))
        });
        let parents: Vec<StepNo> = wanted.take(page_size + 1).collect();
        let keys: Vec<_> = parents.iter().map(|parent| (step.task, run.step(*parent).outcome_sequence)).collect();
        let sizes = rows::result_sizes(&mut connection, &keys, 0).await?;
        let size = |parent: &StepNo| {
            let sequence = run.step(*parent).outcome_sequence;
            sizes.iter().find(|size| size.sequence == sequence).map_or(0, |size| size.bytes)
        };
        let fitting = fitting(parents.iter().map(size), bytes_max).min(page_size);
        let more = parents.len() > fitting;
        let parents = &parents[..fitting];
        let keys: Vec<_> = parents.iter().map(|parent| (step.task, run.step(*parent).outcome_sequence)).collect();
        let read = rows::results(&mut connection, &keys).await?;
        let result = |parent: &StepNo| {
            let sequence = run.step(*parent).outcome_sequence;
            let found = read.iter().find(|(_, of, _)| *of == sequence).and_then(|(.., results)| results.clone());
            (Arc::clone(&template.step(*parent).name), found.unwrap_or_else(|| "{}".to_owned()))
        };
        let next_page_token = match parents.last() {
            Some(last) if more => binding.seal(last),
            _ => String::new(),
        };
        Ok(Page { results: parents.iter().map(result).collect(), next_page_token })
    }
}

/// How many sizes from the front fit; one does in any case.
fn fitting(sizes: impl Iterator<Item = usize>, bytes_max: usize) -> usize {
    let mut sum = 0_usize;
    let fit = sizes.enumerate().take_while(|(place, size)| {
        sum = sum.saturating_add(*size);
        *place == 0 || sum <= bytes_max
    });
    fit.count()
}

fn unknown(step: StepId) -> Error {
    Error::new(Reason::StepNotFound, format!("no step {step}")).with("step_id", step.to_string())
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn a_page_ends_at_its_bytes_and_has_one_result_at_least() {
        let check = |sizes: &[usize], expected| assert_eq!(fitting(sizes.iter().copied(), 10), expected, "{sizes:?}");
        check(&[], 0);
        check(&[10], 1);
        check(&[11], 1);
        check(&[4, 6, 1], 2);
        check(&[4, 7], 1);
        check(&[0, 0, 10, 0, 1], 4);
    }
}
