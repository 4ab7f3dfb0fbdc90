//! Everything that is registered, in the order in which it is listed: by namespace, name, and version as numbers.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use super::list::Cursor;
use crate::{
    domain::{
        pause::Pause,
        template::{NamedTaskId, QueueId},
    },
    error::Result,
    store::{
        Store,
        handlers::{self as rows, NamespaceRow, VersionRow},
        pauses,
    },
};

/// Everything that is registered, at one revision of the catalog.
#[derive(Debug, Default)]
pub struct Listing {
    /// The namespaces by name.
    pub namespaces: Vec<Namespace>,
    /// The handlers by namespace and name.
    pub handlers: Vec<Arc<Entry>>,
    pauses: Vec<Pause>,
}

/// A namespace with what it holds.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Handler names in it.
    pub handlers: usize,
    /// Versions of all of them.
    pub versions: usize,
    /// Handlers in it that are paused by themselves.
    pub paused_handlers: usize,
    /// The pause of all of it.
    pub pause: Option<Pause>,
}

/// A handler name with its versions.
#[derive(Debug)]
pub struct Entry {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The versions, smallest first.
    pub versions: Vec<VersionEntry>,
    /// The queues of the version that `latest` means.
    pub queues: Vec<QueueId>,
    /// The pauses of the handler and of its namespace.
    pub pauses: Vec<Pause>,
    /// What whoever shows it has made of it, since it never changes: when nobody runs it, and when somebody does.
    pub shown: [OnceLock<Bytes>; 2],
}

/// A version of a handler.
#[derive(Debug)]
pub struct VersionEntry {
    /// The version.
    pub version: String,
    /// Its three numbers.
    pub order: [i64; 3],
    /// Its number.
    pub named_task_id: NamedTaskId,
    /// Whether it takes no new tasks.
    pub deprecated: bool,
}

impl Entry {
    /// The greatest version that takes new tasks.
    pub fn latest(&self) -> Option<&VersionEntry> {
        self.versions.iter().rev().find(|version| !version.deprecated)
    }

    /// What `latest` means when one just wants to look: the greatest that takes new tasks, or the greatest.
    fn presented(&self) -> Option<&VersionEntry> {
        self.latest().or(self.versions.last())
    }
}

impl Listing {
    /// Reads everything.
    pub(super) async fn load(store: &Store) -> Result<Self> {
        let pool = store.pool();
        let mut listing =
            Self::of(rows::namespaces(pool).await?, rows::catalog(pool).await?, pauses::list(pool).await?);
        let shown = listing.handlers.iter().filter_map(|entry| entry.presented());
        let shown: Vec<NamedTaskId> = shown.map(|version| version.named_task_id).collect();
        let mut queues: HashMap<NamedTaskId, Vec<QueueId>> = HashMap::new();
        for needed in rows::queues(pool, &shown).await? {
            queues.entry(needed.named_task_id).or_default().push(needed.queue);
        }
        for entry in &mut listing.handlers {
            let of_entry = entry.presented().and_then(|version| queues.remove(&version.named_task_id));
            if let Some(entry) = Arc::get_mut(entry) {
                entry.queues = of_entry.unwrap_or_default();
            }
        }
        Ok(listing)
    }

    /// Puts the rows in order.
    fn of(namespaces: Vec<NamespaceRow>, mut versions: Vec<VersionRow>, pauses: Vec<Pause>) -> Self {
        versions.sort_by(|one, other| {
            (&one.namespace, &one.name, one.order).cmp(&(&other.namespace, &other.name, other.order))
        });
        let mut listing = Self { pauses, ..Self::default() };
        let mut entries: Vec<Entry> = Vec::new();
        for VersionRow { namespace, name, version, order, named_task_id, deprecated } in versions {
            let version = VersionEntry { version, order, named_task_id, deprecated };
            match entries.last_mut() {
                Some(last) if last.namespace == namespace && last.name == name => last.versions.push(version),
                _ => {
                    let pauses = listing.pauses_of(&namespace, &name);
                    let (versions, queues, shown) = (vec![version], Vec::new(), Default::default());
                    entries.push(Entry { namespace, name, versions, queues, pauses, shown });
                }
            }
        }
        let mut held: HashMap<&str, (usize, usize)> = HashMap::new();
        for entry in &entries {
            let (handlers, versions) = held.entry(&entry.namespace).or_default();
            *handlers += 1;
            *versions += entry.versions.len();
        }
        let summary = |row: NamespaceRow| {
            let (handlers, versions) = held.get(&*row.name).copied().unwrap_or_default();
            let ours = || listing.pauses.iter().filter(|pause| pause.namespace == row.name);
            Namespace {
                handlers,
                versions,
                paused_handlers: ours().filter(|pause| pause.handler.is_some()).count(),
                pause: ours().find(|pause| pause.handler.is_none()).cloned(),
                name: row.name,
                description: row.description,
            }
        };
        let mut namespaces: Vec<Namespace> = namespaces.into_iter().map(summary).collect();
        namespaces.sort_by(|one, other| one.name.cmp(&other.name));
        listing.namespaces = namespaces;
        listing.handlers = entries.into_iter().map(Arc::new).collect();
        listing
    }

    /// Whether there is such a namespace.
    pub(super) fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.binary_search_by(|one| one.name.as_str().cmp(name)).is_ok()
    }

    /// The number of a version, or of what `latest` means.
    pub(super) fn find(&self, namespace: &str, name: &str, version: Option<[i64; 3]>) -> Option<NamedTaskId> {
        let key = (namespace, name);
        let place = self.handlers.binary_search_by(|entry| (&*entry.namespace, &*entry.name).cmp(&key)).ok()?;
        let entry = &self.handlers[place];
        let found = match version {
            Some(order) => entry.versions.iter().find(|version| version.order == order),
            None => entry.presented(),
        };
        found.map(|version| version.named_task_id)
    }

    /// The handlers of a namespace, or of all when it is empty, that come after a place.
    pub(super) fn after(&self, namespace: &str, after: Option<&Cursor>) -> impl Iterator<Item = &Arc<Entry>> {
        let key = |entry: &Arc<Entry>| (entry.namespace.clone(), entry.name.clone());
        let begin = match after {
            Some(after) => self.handlers.partition_point(|entry| key(entry) <= *after),
            None => self.handlers.partition_point(|entry| *entry.namespace < *namespace),
        };
        let is_all = namespace.is_empty();
        self.handlers[begin..].iter().take_while(move |entry| is_all || entry.namespace == namespace)
    }

    /// The pauses of a handler and of its namespace.
    pub(super) fn pauses_of(&self, namespace: &str, name: &str) -> Vec<Pause> {
        let ours = self.pauses.iter().filter(|pause| {
            pause.namespace == namespace && pause.handler.as_ref().is_none_or(|handler| handler == name)
        });
        ours.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listing of `namespace.name@version` with `!` for a deprecated one.
    fn listing(handlers: &str) -> Listing {
        let row = |(id, text): (i32, &str)| {
            let (full, version) = text.split_once('@').unwrap();
            let (namespace, name) = full.split_once('.').unwrap();
            let (version, deprecated) = (version.trim_end_matches('!'), version.ends_with('!'));
            let order: Vec<i64> = version.split('.').map(|part| part.parse().unwrap()).collect();
            VersionRow {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                version: version.to_owned(),
                order: order.try_into().unwrap(),
                named_task_id: id,
                deprecated,
            }
        };
        let rows: Vec<VersionRow> = (0..).zip(handlers.split(' ')).map(row).collect();
        let mut names: Vec<String> = rows.iter().map(|row| row.namespace.clone()).collect();
        names.dedup();
        let namespaces = names.into_iter().map(|name| NamespaceRow { name, description: String::new() }).collect();
        let pause = |namespace: &str, handler: Option<&str>| Pause {
            namespace: namespace.to_owned(),
            handler: handler.map(str::to_owned),
            since: 0,
            subject: String::new(),
            requested_by: String::new(),
            reason: String::new(),
        };
        Listing::of(namespaces, rows, vec![pause("b", None), pause("a", Some("x"))])
    }

    #[test]
    fn versions_are_numbers_and_deprecated_ones_are_not_the_latest() {
        let listing = listing("a.x@10.0.0 a.x@9.0.0 a.x@11.0.0! a.y@1.0.0! b.x@1.0.0");
        assert_eq!(listing.find("a", "x", None), Some(0));
        assert_eq!(listing.find("a", "x", Some([11, 0, 0])), Some(2));
        assert_eq!(listing.find("a", "x", Some([12, 0, 0])), None);
        assert_eq!(listing.find("a", "y", None), Some(3), "there is nothing else to show");
        assert_eq!(listing.find("b", "y", None), None);
        let latest = listing.handlers.iter().map(|entry| entry.latest().map(|version| &*version.version));
        assert_eq!(latest.collect::<Vec<_>>(), [Some("10.0.0"), None, Some("1.0.0")]);
    }

    #[test]
    fn a_list_goes_on_after_a_place() {
        let listing = listing("a.x@1.0.0 a.y@1.0.0 b.x@1.0.0 c.x@1.0.0");
        let names = |namespace: &str, after: Option<(&str, &str)>| {
            let after = after.map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
            let found = listing.after(namespace, after.as_ref());
            found.map(|entry| format!("{}.{}", entry.namespace, entry.name)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("", None), "a.x a.y b.x c.x");
        assert_eq!(names("b", None), "b.x");
        assert_eq!(names("", Some(("a", "x"))), "a.y b.x c.x");
        assert_eq!(names("a", Some(("a", "x"))), "a.y");
        assert_eq!(names("", Some(("a", "z"))), "b.x c.x");
        assert_eq!(names("bb", None), "");
    }

    #[test]
    fn namespaces_are_counted() {
        let listing = listing("a.x@1.0.0 a.x@2.0.0 a.y@1.0.0 b.x@1.0.0");
        let told = listing.namespaces.iter().map(|one| {
            format!("{} {} {} {} {}", one.name, one.handlers, one.versions, one.paused_handlers, one.pause.is_some())
        });
        assert_eq!(told.collect::<Vec<_>>(), ["a 2 3 1 false", "b 1 1 0 true"]);
        assert_eq!(listing.pauses_of("a", "x").len() + listing.pauses_of("b", "x").len(), 2);
        assert!(listing.pauses_of("a", "y").is_empty());
        assert!(listing.has_namespace("b") && !listing.has_namespace("c"));
    }
}
