//! Whose items a lane takes next.
//!
//! Owns: a queue for each party, in the order of arrival, and the account of what each party has had. The party that
//! has had least is next, so that whoever brings much or heavy work waits for himself and not others for him. A party
//! that comes back after a rest begins at the level of those who are there: rest is not saved up. Never: changes the
//! order of one party's items.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Items by party. `P` names a party.
#[derive(Debug)]
pub(super) struct FairQueue<P, T> {
    parties: HashMap<P, Party<T>>,
    /// How much the party that was served last had had by then.
    level: u64,
    len: usize,
}

#[derive(Debug)]
struct Party<T> {
    had: u64,
    items: VecDeque<(u64, T)>,
}

impl<P, T> Default for FairQueue<P, T> {
    fn default() -> Self {
        Self { parties: HashMap::new(), level: 0, len: 0 }
    }
}

impl<P: Hash + Eq + Clone + Ord, T> FairQueue<P, T> {
    /// Adds an item of a party, with its cost.
    pub(super) fn push(&mut self, party: P, cost: u64, item: T) {
        let level = self.level;
        let party = self.parties.entry(party).or_insert_with(|| Party { had: level, items: VecDeque::new() });
        party.items.push_back((cost.max(1), item));
        self.len += 1;
    }

    /// Takes the next item if it pleases.
    pub(super) fn pop_if(&mut self, pleases: impl FnOnce(&T) -> bool) -> Option<T> {
        let waiting = self.parties.iter().filter(|(_, party)| !party.items.is_empty());
        // Of equals the first by name, so that the order does not depend on a hash.
        let next = waiting.min_by(|one, other| (one.1.had, one.0).cmp(&(other.1.had, other.0)))?;
        let name = next.0.clone();
        let party = self.parties.get_mut(&name)?;
        if !party.items.front().is_some_and(|(_, item)| pleases(item)) {
            return None;
        }
        let (cost, item) = party.items.pop_front()?;
        self.level = party.had;
        party.had = party.had.saturating_add(cost);
        self.len -= 1;
        // Whoever is gone and has had more than the others is remembered until they have caught up.
        let (level, is_over) = (self.level, self.len == 0);
        self.parties.retain(|_, party| !party.items.is_empty() || (party.had > level && !is_over));
        Some(item)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items as `party cost`, in the order of their arrival; the order in which they are taken.
    fn check(items: &[(&'static str, u64)], expected: &str) {
        let mut queue = FairQueue::default();
        for (party, cost) in items {
            queue.push(*party, *cost, *party);
        }
        let mut taken = Vec::new();
        while let Some(item) = queue.pop_if(|_| true) {
            taken.push(item);
        }
        assert_eq!(taken.join(" "), expected);
        assert!(queue.is_empty());
    }

    #[test]
    fn parties_take_turns() {
        check(&[("a", 1), ("a", 1), ("a", 1), ("b", 1), ("b", 1)], "a b a b a");
        check(&[("b", 1), ("a", 1), ("b", 1)], "a b b");
    }

    #[test]
    fn whoever_is_heavy_waits_for_himself() {
        check(&[("a", 100), ("a", 100), ("b", 40), ("b", 40), ("b", 40), ("b", 40)], "a b b b a b");
    }

    #[test]
    fn one_party_is_served_in_its_order() {
        let mut queue = FairQueue::default();
        (0..5).for_each(|number| queue.push("a", 1, number));
        let taken: Vec<i32> = std::iter::from_fn(|| queue.pop_if(|_| true)).collect();
        assert_eq!(taken, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn coming_back_does_not_settle_the_account() {
        let mut queue = FairQueue::default();
        (0..9).for_each(|_| queue.push("b", 1, "b"));
        queue.push("a", 5, "a");
        assert_eq!(queue.pop_if(|_| true), Some("a"));
        assert_eq!(queue.pop_if(|_| true), Some("b"));
        queue.push("a", 5, "a");
        let taken: Vec<&str> = std::iter::from_fn(|| queue.pop_if(|_| true)).collect();
        assert_eq!(taken.join(" "), "b b b b a b b b b");
    }

    #[test]
    fn rest_is_not_saved_up() {
        let mut queue = FairQueue::default();
        (0..10).for_each(|_| queue.push("a", 10, "a"));
        (0..6).for_each(|_| assert_eq!(queue.pop_if(|_| true), Some("a")));
        (0..3).for_each(|_| queue.push("b", 10, "b"));
        let taken: Vec<&str> = std::iter::from_fn(|| queue.pop_if(|_| true)).collect();
        assert_eq!(taken.join(" "), "b a b a b a a");
    }

    #[test]
    fn what_does_not_please_stays() {
        let mut queue = FairQueue::default();
        queue.push("a", 1, "large");
        assert_eq!(queue.pop_if(|item| *item != "large"), None);
        assert_eq!(queue.pop_if(|_| true), Some("large"));
    }
}
