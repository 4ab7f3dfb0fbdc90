//! Grants: permissions with wildcards, narrowed to namespaces or handlers.
//!
//! ```text
//! grant     = permission [ "@" namespace [ "/" handler ] ]
//! permission = "*" | resource ":" action          action = name | "*"
//! ```
//!
//! `tasker.task:create`, `tasker.task:*`, `*`, `tasker.task:*@billing`, `tasker.worker:connect@billing/charge_card`.
//! Only ASCII letters, digits, `_`, `-` and `.` name things, so that no two texts look alike and differ.

use std::{fmt, str::FromStr};

use super::{catalog, permission::Permission, target::Target};

/// A grant's text at most, in bytes.
pub const GRANT_BYTES_MAX: usize = 512;

/// A pattern of permissions, and where it holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grant {
    /// `None` for every resource and action.
    permission: Option<(String, Action)>,
    namespace: Option<String>,
    /// A step handler or handler of the namespace.
    handler: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Action {
    Every,
    One(String),
}

/// Why a text is not a grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAGrant {
    /// It is longer than a grant may be.
    #[error("is longer than {GRANT_BYTES_MAX} bytes")]
    TooLong,
    /// It has another form.
    #[error("is not of the form resource:action[@namespace[/handler]] or *[@namespace[/handler]]")]
    Form,
    /// A name in it has other characters than it may.
    #[error("names may have only the letters a-z and A-Z, digits, `_`, `-` and `.`")]
    Characters,
    /// There is no such permission.
    #[error("there is no permission `{0}`")]
    Unknown(String),
}

impl Grant {
    /// Whether it grants the permission anywhere.
    pub fn names(&self, permission: Permission) -> bool {
        match &self.permission {
            None => true,
            Some((resource, action)) => {
                resource == permission.resource
                    && match action {
                        Action::Every => true,
                        Action::One(action) => action == permission.action,
                    }
            }
        }
    }

    /// Whether it holds for everything, or only for some namespaces or handlers.
    pub const fn is_narrow(&self) -> bool {
        self.namespace.is_some()
    }

    /// Whether it holds for a target.
    pub fn covers(&self, target: &Target<'_>) -> bool {
        let namespace = self.namespace.as_deref().is_none_or(|namespace| namespace == target.namespace);
        // What names no handler is not covered by a grant for one handler.
        let handler = self.handler.as_deref().is_none_or(|handler| target.handlers().any(|name| name == handler));
        namespace && handler
    }

    /// Reads a grant that somebody configures: it must name a permission that exists.
    pub fn checked(text: &str) -> Result<Self, NotAGrant> {
        let grant: Self = text.parse()?;
        if catalog::permissions().any(|permission| grant.names(permission)) {
            return Ok(grant);
        }
        Err(NotAGrant::Unknown(text.split('@').next().unwrap_or_default().to_owned()))
    }
}

impl FromStr for Grant {
    type Err = NotAGrant;

    fn from_str(text: &str) -> Result<Self, NotAGrant> {
        if text.len() > GRANT_BYTES_MAX {
            return Err(NotAGrant::TooLong);
        }
        let (permission, place) = match text.split_once('@') {
            Some((permission, place)) => (permission, Some(place)),
            None => (text, None),
        };
        let permission = match permission.split_once(':') {
            None if permission == "*" => None,
            None => return Err(NotAGrant::Form),
            Some((resource, "*")) => Some((name(resource)?, Action::Every)),
            Some((resource, action)) => Some((name(resource)?, Action::One(name(action)?))),
        };
        let (namespace, handler) = match place.map(|place| place.split_once('/').ok_or(place)) {
            None => (None, None),
            Some(Err(namespace)) => (Some(name(namespace)?), None),
            Some(Ok((namespace, handler))) => (Some(name(namespace)?), Some(class(handler)?)),
        };
        Ok(Self { permission, namespace, handler })
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.permission {
            None => f.write_str("*")?,
            Some((resource, Action::Every)) => write!(f, "{resource}:*")?,
            Some((resource, Action::One(action))) => write!(f, "{resource}:{action}")?,
        }
        if let Some(namespace) = &self.namespace {
            write!(f, "@{namespace}")?;
        }
        if let Some(handler) = &self.handler {
            write!(f, "/{handler}")?;
        }
        Ok(())
    }
}

fn name(text: &str) -> Result<String, NotAGrant> {
    named(text, |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Step handlers are often classes: `Billing::ChargeCard`.
fn class(text: &str) -> Result<String, NotAGrant> {
    named(text, |byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte))
}

fn named(text: &str, allowed: impl Fn(u8) -> bool) -> Result<String, NotAGrant> {
    if text.is_empty() {
        return Err(NotAGrant::Form);
    }
    if text.bytes().all(allowed) { Ok(text.to_owned()) } else { Err(NotAGrant::Characters) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CREATE: Permission = Permission { resource: "tasker.task", action: "create" };

    #[track_caller]
    fn check(text: &str, place: &str, expected: bool) {
        let grant: Grant = text.parse().unwrap();
        let (namespace, handler) = place.split_once('/').map_or((place, None), |(left, right)| (left, Some(right)));
        let target = Target { namespace, handler, ..Target::default() };
        assert_eq!(grant.names(CREATE) && grant.covers(&target), expected, "{text} on {place}");
        assert_eq!(grant.to_string(), text);
    }

    #[track_caller]
    fn refused(text: &str, why: &NotAGrant) {
        assert_eq!(&text.parse::<Grant>().unwrap_err(), why, "{text:?}");
    }

    #[test]
    fn grants_cover_what_they_name() {
        check("*", "billing", true);
        check("tasker.task:*", "billing", true);
        check("tasker.task:create", "billing", true);
        check("tasker.task:show", "billing", false);
        check("tasker.tas:create", "billing", false);
        check("tasker.task:create@billing", "billing", true);
        check("tasker.task:create@billing", "billing2", false);
        check("tasker.task:create@billing", "bill", false);
        check("*@billing", "shipping", false);
        check("tasker.task:create@billing/charge", "billing/charge", true);
        check("tasker.task:create@billing/charge", "billing/refund", false);
        check("tasker.task:create@billing/charge", "billing", false);
        check("tasker.task:create@billing/Billing::Charge", "billing/Billing::Charge", true);
    }

    #[test]
    fn other_texts_are_not_grants() {
        for text in ["", "**", "tasker.task", "@billing", "tasker.task:", ":create", "*@", "*@a/", "x:y@"] {
            refused(text, &NotAGrant::Form);
        }
        // A Cyrillic letter, a full-width one, an invisible one, a right-to-left mark, NUL, a space.
        for odd in ["b\u{456}lling", "\u{ff42}illing", "bil\u{200b}ling", "\u{202e}gnillib", "a\0", "a b"] {
            refused(&format!("tasker.task:create@{odd}"), &NotAGrant::Characters);
            refused(&format!("tasker.task{odd}:create"), &NotAGrant::Characters);
        }
        refused(&"a".repeat(GRANT_BYTES_MAX + 1), &NotAGrant::TooLong);
        assert_eq!(
            Grant::checked("tasker.tusk:create@billing").unwrap_err(),
            NotAGrant::Unknown("tasker.tusk:create".into())
        );
        assert!(Grant::checked("tasker.task:*@billing").is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[a-z.:@/*]{0,40}") {
            if let Ok(grant) = text.parse::<Grant>() {
                prop_assert_eq!(grant.to_string(), text);
            }
        }
    }
}
