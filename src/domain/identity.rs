//! What makes two requests for a task the same.
//!
//! Owns: the two kinds of identity. A caller may give an idempotency key; then the key decides, and the content
//! is remembered so that the same key with other content is noticed. Or the service runs with the `hash`
//! strategy; then equal requests of one clock minute are the same. Otherwise every request is a task of its
//! own. Never: looks anything up. Next: `lifecycle`, which stores an identity with its task.

use chrono::DateTime;
use sha2::{Digest, Sha256};

use super::{
    json::{self, KeyOrder},
    run::Micros,
};

/// How requests without an idempotency key are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Every request is a task of its own.
    #[default]
    Distinct,
    /// Equal requests of one clock minute are the same.
    Hash,
}

/// What makes two requests the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Unique over all tasks: the kind of identity, the namespace, and the key or hash.
    pub key: String,
    /// SHA-256 of the content; the same key with another content is refused.
    pub content_hash: [u8; 32],
}

/// What a caller said. The context has passed [`json::check`].
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// The namespace, with the default in the place of nothing.
    pub namespace: &'a str,
    /// The handler's name.
    pub name: &'a str,
    /// The version as said: nothing and `latest` stay, because the greatest may be another one next time.
    pub version: &'a str,
    /// The input as JSON text.
    pub context_json: &'a str,
    /// Who asks.
    pub initiator: &'a str,
    /// The system that asks.
    pub source_system: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Labels.
    pub tags: &'a [String],
    /// Steps to bypass.
    pub bypass_steps: &'a [String],
    /// When the task was asked for, if said.
    pub requested_at: Option<Micros>,
    /// When it must be finished, if said.
    pub deadline_at: Option<Micros>,
}

impl Identity {
    /// The identity of a request: by its key when it has one, else as the strategy says.
    pub fn of(strategy: Strategy, idempotency_key: &str, content: &Content<'_>, now: Micros) -> Option<Self> {
        match strategy {
            _ if !idempotency_key.is_empty() => Some(Self::by_key(idempotency_key, content)),
            Strategy::Distinct => None,
            Strategy::Hash => Some(Self::by_hash(content, now)),
        }
    }

    /// By key. The order of keys in the context does not count, since a repeated request may have been
    /// serialised anew; the correlation id is no content, since it may differ from call to call.
    fn by_key(idempotency_key: &str, content: &Content<'_>) -> Self {
        let Content { namespace, name, version, initiator, source_system, reason, tags, bypass_steps, .. } = content;
        let context = json::canonical(content.context_json, KeyOrder::Sorted);
        let content = (
            (namespace, name, version, initiator, source_system, reason),
            (tags, bypass_steps, content.requested_at, content.deadline_at, context),
        );
        // The length in front keeps `a` + `b:c` apart from `a:b` + `c`.
        let key = format!("key:{}:{namespace}:{idempotency_key}", namespace.len());
        Self { key, content_hash: sha256(&content) }
    }

    /// By content, as the original service does it (the order of keys in the context counts, the time is that
    /// of the request to the minute), with namespace, version and tags besides.
    fn by_hash(content: &Content<'_>, now: Micros) -> Self {
        let Content { namespace, name, version, initiator, source_system, reason, tags, bypass_steps, .. } = content;
        let requested_at = content.requested_at.unwrap_or(now);
        let minute = DateTime::from_timestamp_micros(requested_at)
            .map_or_else(|| requested_at.to_string(), |at| at.format("%Y-%m-%d %H:%M").to_string());
        let context = json::canonical(content.context_json, KeyOrder::AsGiven);
        let content = (
            (name, initiator, source_system, context, reason, bypass_steps, minute),
            (namespace, version, tags, content.deadline_at),
        );
        let content_hash = sha256(&content);
        let digits: String = content_hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { key: format!("hash:{}:{namespace}:{digits}", namespace.len()), content_hash }
    }
}

fn sha256(content: &impl serde::Serialize) -> [u8; 32] {
    Sha256::digest(serde_json::to_vec(content).expect("texts and numbers")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = 1_700_000_000_000_000;
    const MINUTE: Micros = 60_000_000;

    fn content(context_json: &str) -> Content<'_> {
        Content {
            namespace: "default",
            name: "ship",
            version: "",
            context_json,
            initiator: "unknown",
            source_system: "unknown",
            reason: "unknown",
            tags: &[],
            bypass_steps: &[],
            requested_at: None,
            deadline_at: None,
        }
    }

    fn by_key(key: &str, content: &Content<'_>, now: Micros) -> Identity {
        Identity::of(Strategy::Distinct, key, content, now).unwrap()
    }

    fn by_hash(content: &Content<'_>, now: Micros) -> Identity {
        Identity::of(Strategy::Hash, "", content, now).unwrap()
    }

    #[test]
    fn without_key_and_strategy_requests_are_distinct() {
        assert_eq!(Identity::of(Strategy::Distinct, "", &content("{}"), NOW), None);
    }

    #[test]
    fn a_key_remembers_what_was_said() {
        let first = by_key("order-7", &content(r#"{"a": 1, "b": 2}"#), NOW);
        assert_eq!(first.key, "key:7:default:order-7");
        assert_eq!(first, by_key("order-7", &content(r#"{"b":2,"a":1}"#), NOW + 10 * MINUTE));
        let other = by_key("order-7", &content(r#"{"a": 1}"#), NOW);
        assert_eq!(other.key, first.key);
        assert_ne!(other.content_hash, first.content_hash);
    }

    #[test]
    fn keys_of_namespaces_do_not_meet() {
        let one = by_key("b:c", &Content { namespace: "a", ..content("{}") }, NOW);
        let other = by_key("c", &Content { namespace: "a:b", ..content("{}") }, NOW);
        assert_ne!(one.key, other.key);
    }

    #[test]
    fn every_part_of_the_content_counts() {
        let base = content("{}");
        let tags = ["x".to_owned()];
        let changed = [
            Content { namespace: "billing", ..base },
            Content { name: "bill", ..base },
            Content { version: "1.0.0", ..base },
            Content { context_json: "[]", ..base },
            Content { initiator: "x", ..base },
            Content { source_system: "x", ..base },
            Content { reason: "x", ..base },
            Content { tags: &tags, ..base },
            Content { bypass_steps: &tags, ..base },
            Content { requested_at: Some(NOW + MINUTE), ..base },
            Content { deadline_at: Some(NOW), ..base },
        ];
        for changed in changed {
            assert_ne!(by_hash(&base, NOW).content_hash, by_hash(&changed, NOW).content_hash, "{changed:?}");
            assert_ne!(by_key("k", &base, NOW).content_hash, by_key("k", &changed, NOW).content_hash, "{changed:?}");
        }
    }

    #[test]
    fn hashes_hold_for_one_clock_minute() {
        let start = NOW - NOW % MINUTE;
        let first = by_hash(&content("{}"), start);
        assert_eq!(first, by_hash(&content(" { } "), start + MINUTE - 1));
        assert_ne!(first.key, by_hash(&content("{}"), start - 1).key);
        assert_ne!(first.key, by_hash(&content("{}"), start + MINUTE).key);
        let ab = by_hash(&content(r#"{"a":1,"b":2}"#), start);
        assert_ne!(ab.key, by_hash(&content(r#"{"b":2,"a":1}"#), start).key);
    }
}
