//! Who could run steps: the sessions of all servers by the queues that they serve.
//!
//! Owns: putting together what this server sees itself, which is exact, and what the others have written about theirs,
//! which is a few seconds old at most. Never: gives anybody work. Next: `lifecycle::workforce`, `store::sessions`.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{
    domain::{
        explain::{Presence, SessionOccupancy},
        run::Micros,
        template::QueueId,
    },
    error::Result,
    lifecycle::{Clock, Workforce, workforce::Fill},
    store::{
        Store,
        sessions::{self as rows, RosterRow},
    },
};

/// The sessions of all servers. Clones share everything.
#[derive(Debug, Clone)]
pub struct WorkerRoster {
    store: Store,
    workforce: Workforce,
    clock: Clock,
    server_id: Uuid,
}

impl WorkerRoster {
    /// The sessions as this server sees them.
    pub const fn new(store: Store, workforce: Workforce, clock: Clock, server_id: Uuid) -> Self {
        Self { store, workforce, clock, server_id }
    }

    /// The time by the database's clock.
    pub fn now(&self) -> Micros {
        self.clock.now()
    }

    /// The sessions that serve each of these queues.
    pub async fn of(&self, queues: &[QueueId]) -> Result<HashMap<QueueId, Vec<SessionOccupancy>>> {
        let mut by_queue: HashMap<QueueId, Vec<SessionOccupancy>> = HashMap::new();
        if queues.is_empty() {
            return Ok(by_queue);
        }
        let members = rows::roster(self.store.pool(), self.now(), queues).await?;
        let fill = self.workforce.fill(members.iter().map(|member| member.session_id));
        for member in members {
            let occupancy = occupancy(&member, fill.get(&member.session_id), member.server_id == self.server_id);
            for queue in member.queues {
                by_queue.entry(queue).or_default().push(occupancy.clone());
            }
        }
        Ok(by_queue)
    }

    /// The queues that connected workers of any server serve.
    pub async fn served(&self) -> Result<HashSet<QueueId>> {
        Ok(rows::served(self.store.pool(), self.now()).await?.into_iter().collect())
    }
}

/// A session, as far as this server sees it itself, else as it is written.
fn occupancy(member: &RosterRow, fill: Option<&Fill>, is_ours: bool) -> SessionOccupancy {
    let count = |count: i32| usize::try_from(count).unwrap_or(0);
    let (slots, held, presence) = match fill {
        // One that does not take in what it was sent is as good as full.
        Some(fill) if fill.is_open => (fill.slots, fill.slots.saturating_sub(fill.free), Presence::Open),
        Some(fill) => (fill.slots, fill.held, Presence::Draining),
        None if is_ours || !member.attached => (count(member.slots), count(member.held), Presence::Disconnected),
        None if member.draining => (count(member.slots), count(member.held), Presence::Draining),
        None => (count(member.slots), count(member.held), Presence::Open),
    };
    SessionOccupancy {
        session_id: member.session_id,
        worker_id: member.worker_id.clone(),
        server_id: member.server_id,
        slots,
        held,
        presence,
        since: member.connected_at.timestamp_micros(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        written: (i32, i32, bool, bool),
        seen: Option<(usize, usize, usize, bool)>,
        is_ours: bool,
        expected: &str,
    ) {
        let (slots, held, draining, attached) = written;
        let member = RosterRow {
            session_id: Uuid::nil(),
            worker_id: "one".to_owned(),
            server_id: Uuid::nil(),
            slots,
            held,
            draining,
            attached,
            connected_at: chrono::DateTime::UNIX_EPOCH,
            queues: Vec::new(),
        };
        let fill = seen.map(|(slots, held, free, is_open)| Fill { slots, held, claiming: 0, free, is_open });
        let occupancy = occupancy(&member, fill.as_ref(), is_ours);
        assert_eq!(
            format!("{:?} {} of {}, {} free", occupancy.presence, occupancy.held, occupancy.slots, occupancy.free()),
            expected
        );
    }

    #[test]
    fn what_is_seen_goes_before_what_is_written() {
        check((9, 9, true, false), Some((4, 1, 3, true)), true, "Open 1 of 4, 3 free");
        check((4, 0, false, true), Some((4, 1, 3, false)), true, "Draining 1 of 4, 0 free");
        check((4, 0, false, true), Some((4, 1, 0, true)), true, "Open 4 of 4, 0 free");
        check((4, 1, false, true), None, true, "Disconnected 1 of 4, 0 free");
        check((4, 1, false, true), None, false, "Open 1 of 4, 3 free");
        check((4, 1, false, false), None, false, "Disconnected 1 of 4, 0 free");
        check((4, 1, true, true), None, false, "Draining 1 of 4, 0 free");
        check((1, 2, false, true), None, false, "Open 2 of 1, 0 free");
    }
}
