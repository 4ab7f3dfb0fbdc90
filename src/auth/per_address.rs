//! Bounds what one address may have under way.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Counts what is under way, in all and by address. Clones share the counts.
#[derive(Debug, Clone)]
pub struct PerAddress(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: usize,
    address_max: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<Option<IpAddr>, usize>,
}

/// One that is under way; no longer once the value is dropped.
#[derive(Debug)]
pub struct Entered {
    counted: PerAddress,
    address: Option<IpAddr>,
}

impl PerAddress {
    /// Lets in `max` in all and `address_max` from one address. A socket of this machine counts as one address.
    pub fn new(max: usize, address_max: usize) -> Self {
        Self(Arc::new(Inner { max, address_max, counts: Mutex::default() }))
    }

    /// Lets one more in; `None` when there are too many.
    pub fn enter(&self, address: Option<IpAddr>) -> Option<Entered> {
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = counts.by_address.get(&address).copied().unwrap_or_default();
        if counts.all >= self.0.max || of_address >= self.0.address_max {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, of_address + 1);
        Some(Entered { counted: self.clone(), address })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut counts = self.counted.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        if let Entry::Occupied(mut entry) = counts.by_address.entry(self.address) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_all_have_theirs() {
        let counted = PerAddress::new(3, 2);
        let [one, other] = [1, 2].map(|last| Some(IpAddr::from([10, 0, 0, last])));
        let first = counted.enter(one).unwrap();
        let second = counted.enter(one).unwrap();
        assert!(counted.enter(one).is_none(), "the address has its share");
        let third = counted.enter(other).unwrap();
        assert!(counted.enter(None).is_none(), "all have their share");
        drop((first, third));
        assert!(counted.enter(one).is_some());
        drop(second);
        assert!(counted.0.counts.lock().unwrap().by_address.is_empty(), "who is gone is forgotten");
    }
}
