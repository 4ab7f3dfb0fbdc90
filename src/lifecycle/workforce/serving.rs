//! Which steps a session runs: by queue, and of a queue maybe only those of some handler versions.

use std::collections::{HashMap, HashSet};

use crate::domain::{
    ids::StepNo,
    template::{NamedTaskId, QueueId},
};

/// The steps that a session runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Serving(HashMap<QueueId, Versions>);

/// The handler versions whose steps of a queue a session runs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Versions {
    All,
    Only(HashSet<NamedTaskId>),
}

impl Serving {
    /// Adds the steps of a queue: those of one handler version, or all.
    pub fn add(&mut self, queue: QueueId, version: Option<NamedTaskId>) {
        let versions = self.0.entry(queue).or_insert_with(|| Versions::Only(HashSet::new()));
        match (versions, version) {
            (Versions::Only(versions), Some(version)) => {
                versions.insert(version);
            }
            (versions, None) => *versions = Versions::All,
            (Versions::All, Some(_)) => {}
        }
    }

    /// The queues, in order.
    pub fn queues(&self) -> Vec<QueueId> {
        let mut queues: Vec<QueueId> = self.0.keys().copied().collect();
        queues.sort_unstable();
        queues
    }

    /// Whether it runs the steps of a queue that belong to a handler version.
    pub fn covers(&self, queue: QueueId, version: NamedTaskId) -> bool {
        match self.0.get(&queue) {
            None => false,
            Some(Versions::All) => true,
            Some(Versions::Only(versions)) => versions.contains(&version),
        }
    }

    /// The handler versions whose steps of a queue it runs; `None` for all.
    pub(super) fn versions(&self, queue: QueueId) -> Option<Vec<NamedTaskId>> {
        match self.0.get(&queue) {
            Some(Versions::All) => None,
            Some(Versions::Only(versions)) => Some(versions.iter().copied().collect()),
            None => Some(Vec::new()),
        }
    }
}

impl FromIterator<(QueueId, Option<NamedTaskId>)> for Serving {
    fn from_iter<I: IntoIterator<Item = (QueueId, Option<NamedTaskId>)>>(steps: I) -> Self {
        let mut serving = Self::default();
        for (queue, version) in steps {
            serving.add(queue, version);
        }
        serving
    }
}

/// A queue that may have steps for free slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The queue.
    pub queue: QueueId,
    /// How many slots are free for it.
    pub free: usize,
    /// Which of its steps they are for.
    pub filter: Filter,
}

/// Which steps of a queue the free slots are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of these handler versions; `None` for all.
    pub versions: Option<Vec<NamedTaskId>>,
    /// But none of these: everybody with a free slot has handed them back as not supported.
    pub declined: Vec<(NamedTaskId, StepNo)>,
}

impl Filter {
    /// Whether every step of the queue will do.
    pub const fn is_everything(&self) -> bool {
        self.versions.is_none() && self.declined.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_versions_go_before_some() {
        let serving: Serving =
            [(1, Some(7)), (1, Some(8)), (2, None), (2, Some(7)), (3, Some(7)), (3, None)].into_iter().collect();
        assert_eq!(serving.queues(), [1, 2, 3]);
        let covers = |queue| [7, 8, 9].map(|version| serving.covers(queue, version));
        assert_eq!(covers(1), [true, true, false]);
        assert_eq!(covers(2), [true; 3]);
        assert_eq!(covers(3), [true; 3]);
        assert_eq!(covers(4), [false; 3]);
    }
}
