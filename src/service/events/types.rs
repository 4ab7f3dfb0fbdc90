//! The catalog: the service's own events and those that handlers declare.

use chrono::{DateTime, Utc};

use super::Events;
use crate::{
    auth::Scope,
    domain::events::{CATALOG, Category},
    error::Result,
    service::namespaces,
    store::events as log,
};

/// An entry of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    /// The name.
    pub name: String,
    /// What it is about.
    pub category: Category,
    /// When it is told, or what it is for.
    pub description: String,
    /// Who tells it.
    pub fired_by: Vec<String>,
    /// The payload as JSON Schema.
    pub payload_schema_json: String,
    /// A payload as it may look.
    pub example_payload_json: String,
    /// Since when a custom event is declared.
    pub registered_at: Option<DateTime<Utc>>,
}

/// Which entries. What is empty does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Of this category.
    pub category: Option<Category>,
    /// With a name that begins with this and a dot.
    pub name_prefix: String,
    /// With this text in the name or the description.
    pub search: String,
    /// With this name.
    pub name: String,
}

impl Found {
    fn has(&self, entry: &Type) -> bool {
        let search = self.search.to_lowercase();
        let contains = |text: &str| text.to_lowercase().contains(&search);
        self.category.is_none_or(|category| category == entry.category)
            && (self.name_prefix.is_empty()
                || entry.name.strip_prefix(&self.name_prefix).is_some_and(|rest| rest.starts_with('.')))
            && (search.is_empty() || contains(&entry.name) || contains(&entry.description))
            && (self.name.is_empty() || self.name == entry.name)
    }
}

impl Events {
    /// Lists entries by name after one, and tells whether there are more.
    pub async fn types(
        &self,
        scope: &Scope,
        found: &Found,
        after: Option<&str>,
        size: usize,
    ) -> Result<(Vec<Type>, bool)> {
        let mut entries = Vec::new();
        if found.category != Some(Category::Custom) {
            entries.extend(CATALOG.iter().map(|event| Type {
                name: event.name.to_owned(),
                category: event.category,
                description: event.description.to_owned(),
                fired_by: event.fired_by.iter().map(|by| (*by).to_owned()).collect(),
                payload_schema_json: event.payload_schema().to_string(),
                example_payload_json: event.example_payload().to_string(),
                registered_at: None,
            }));
        }
        if found.category.is_none_or(|category| category == Category::Custom) {
            let within = namespaces::within(&self.store, scope, None).await?;
            let declared = log::declared(self.store.pool(), within.as_deref()).await?;
            entries.extend(declared.into_iter().map(|event| Type {
                name: event.name,
                category: Category::Custom,
                description: event.description,
                fired_by: event.fired_by,
                payload_schema_json: "{}".to_owned(),
                example_payload_json: "{}".to_owned(),
                registered_at: Some(event.registered_at),
            }));
        }
        entries.retain(|entry| found.has(entry) && after.is_none_or(|after| entry.name.as_str() > after));
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        let more = entries.len() > size;
        entries.truncate(size);
        Ok((entries, more))
    }
}
