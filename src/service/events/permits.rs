//! How many may watch at once: in all, for one caller, and for one namespace, so that nobody takes the places of others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::error::{Error, Reason, Result};

/// How many may watch on one server at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// All together.
    pub total: usize,
    /// Of one authenticated subject.
    pub per_caller: usize,
    /// Of one namespace: those that ask for it, and those that see few namespaces and it among them.
    pub per_namespace: usize,
}

/// The places and who has them.
#[derive(Debug)]
pub(super) struct Permits {
    limits: Limits,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by: HashMap<Key, usize>,
}

/// Who a place is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Caller(String),
    Namespace(String),
}

/// A place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    permits: Arc<Permits>,
    keys: Vec<Key>,
}

impl Permits {
    /// All places free.
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, taken: Mutex::default() }
    }

    /// Takes a place. Fails with `QueueFull` and says whose limit is reached.
    pub(super) fn take(self: &Arc<Self>, caller: Option<&str>, namespaces: &[String]) -> Result<Permit> {
        let caller = caller.map(|caller| Key::Caller(caller.to_owned()));
        let keys: Vec<Key> = caller.into_iter().chain(namespaces.iter().cloned().map(Key::Namespace)).collect();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= self.limits.total {
            return Err(full("the server", self.limits.total));
        }
        for key in &keys {
            let (who, max) = match key {
                Key::Caller(_) => ("the caller".to_owned(), self.limits.per_caller),
                Key::Namespace(name) => (format!("the namespace '{name}'"), self.limits.per_namespace),
            };
            if taken.by.get(key).is_some_and(|count| *count >= max) {
                return Err(full(&who, max));
            }
        }
        taken.total += 1;
        for key in &keys {
            *taken.by.entry(key.clone()).or_default() += 1;
        }
        Ok(Permit { permits: Arc::clone(self), keys })
    }
}

fn full(who: &str, max: usize) -> Error {
    let text = format!("{who} has {max} watchers of events, which is the limit");
    Error::new(Reason::QueueFull, text).with("limit", max.to_string())
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.permits.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        for key in &self.keys {
            if let Some(count) = taken.by.get_mut(key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    taken.by.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_the_places_of_others() {
        let permits = Arc::new(Permits::new(Limits { total: 4, per_caller: 2, per_namespace: 3 }));
        let take = |caller: &str, namespace: &str| {
            let taken = permits.take(Some(caller), &[namespace.to_owned()]);
            taken.map_err(|error| error.message().to_owned())
        };
        let first = take("ann", "a").unwrap();
        let _second = take("ann", "a").unwrap();
        let of_caller = "the caller has 2 watchers of events, which is the limit";
        assert_eq!(take("ann", "b").unwrap_err(), of_caller);
        let _third = take("bob", "a").unwrap();
        let of_namespace = "the namespace 'a' has 3 watchers of events, which is the limit";
        assert_eq!(take("eve", "a").unwrap_err(), of_namespace);
        let _fourth = take("bob", "b").unwrap();
        assert_eq!(take("eve", "b").unwrap_err(), "the server has 4 watchers of events, which is the limit");
        drop(first);
        let _again = take("ann", "a").unwrap();
    }
}
