//! Bounds what look-ups of API tokens cost, whoever shows whatever.
//!
//! A token that nobody made costs a look-up, and anybody can make one up. Tokens that were refused are remembered.
//! Tokens that have never been good go through a narrow way of their own, so that made-up ones never stand before those
//! that were good once, nor take the connections that all share.

use std::{net::IpAddr, time::Duration};

use moka::sync::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use crate::auth::{
    Rejection,
    per_address::{Entered, PerAddress},
};

/// Tokens that are remembered, of each kind; each takes some hundred bytes.
const REMEMBERED_MAX: u64 = 20_000;
/// How long a refused token is remembered.
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// Look-ups at once of tokens that were good before.
const KNOWN_AT_ONCE: usize = 4;
/// Look-ups at once of others.
const UNKNOWN_AT_ONCE: usize = 2;
/// Look-ups under way or waiting, in all and from one address.
const WAITING_MAX: usize = 256;
const WAITING_FROM_ADDRESS_MAX: usize = 32;
/// How long a look-up waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// A token's fingerprint.
pub(super) type Fingerprint = [u8; 32];

/// Who may look up, and what came of it.
#[derive(Debug)]
pub(super) struct Lookups {
    refused: Cache<Fingerprint, Rejection>,
    known: Cache<Uuid, ()>,
    for_known: Semaphore,
    for_unknown: Semaphore,
    waiting: PerAddress,
}

/// The turn of a look-up; the next one's once it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _permit: SemaphorePermit<'a>,
    _entered: Entered,
}

impl Lookups {
    pub(super) fn new() -> Self {
        Self {
            refused: Cache::builder().max_capacity(REMEMBERED_MAX).time_to_live(REFUSED_FOR).build(),
            known: Cache::builder().max_capacity(REMEMBERED_MAX).build(),
            for_known: Semaphore::new(KNOWN_AT_ONCE),
            for_unknown: Semaphore::new(UNKNOWN_AT_ONCE),
            waiting: PerAddress::new(WAITING_MAX, WAITING_FROM_ADDRESS_MAX),
        }
    }

    /// Why a token was refused a short while ago, if it was.
    pub(super) fn refused(&self, token: &Fingerprint) -> Option<Rejection> {
        self.refused.get(token)
    }

    /// Waits for the turn of a token; `Unavailable` when too many wait.
    pub(super) async fn turn(&self, id: Uuid, address: Option<IpAddr>) -> Result<Turn<'_>, Rejection> {
        let entered = self.waiting.enter(address).ok_or(Rejection::Unavailable)?;
        let way = if self.known.contains_key(&id) { &self.for_known } else { &self.for_unknown };
        let permit = tokio::time::timeout(TURN_WITHIN, way.acquire()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(Rejection::Unavailable)?;
        Ok(Turn { _permit: permit, _entered: entered })
    }

    /// Remembers what came of a look-up.
    pub(super) fn note(&self, token: Fingerprint, id: Uuid, refusal: Option<Rejection>) {
        match refusal {
            None => self.known.insert(id, ()),
            // The next look-up may succeed.
            Some(Rejection::Unavailable) => {}
            Some(rejection) => self.refused.insert(token, rejection),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_cannot_take_every_turn() {
        let lookups = Lookups::new();
        let [one, other] = [1, 2].map(|last| Some(IpAddr::from([10, 0, 0, last])));
        let turns: Vec<_> =
            futures::future::join_all((0..UNKNOWN_AT_ONCE).map(|_| lookups.turn(Uuid::now_v7(), one))).await;
        let mut waiting: Vec<_> =
            (UNKNOWN_AT_ONCE..WAITING_FROM_ADDRESS_MAX).map(|_| Box::pin(lookups.turn(Uuid::now_v7(), one))).collect();
        for turn in &mut waiting {
            assert!(futures::poll!(turn).is_pending());
        }
        assert_eq!(lookups.turn(Uuid::now_v7(), one).await.unwrap_err(), Rejection::Unavailable);
        // A token that was good before passes them all.
        let known = Uuid::now_v7();
        lookups.note([0; 32], known, None);
        assert!(lookups.turn(known, other).await.is_ok());
        drop(turns);
    }

    #[test]
    fn what_was_refused_is_remembered_unless_nobody_could_tell() {
        let lookups = Lookups::new();
        lookups.note([1; 32], Uuid::now_v7(), Some(Rejection::Invalid));
        lookups.note([2; 32], Uuid::now_v7(), Some(Rejection::Unavailable));
        assert_eq!((lookups.refused(&[1; 32]), lookups.refused(&[2; 32])), (Some(Rejection::Invalid), None));
    }
}
