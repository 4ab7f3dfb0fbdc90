//! Rules that a team writes in Cedar.
//!
//! A policy sees a `Tasker::Principal` (in its `Tasker::Role`s), an action such as
//! `Tasker::Action::"tasker.task:create"` (in `Tasker::Action::"tasker.task:*"`), and a `Tasker::Target` (in its
//! `Tasker::Namespace`) with the attributes of the schema. Policies are checked against the schema when they are
//! read, so that a misspelled action or attribute is found at the start and not by a caller.
//!
//! How far a permission reaches is found by evaluating the policies with the target left unknown.

use std::{collections::HashSet, fmt::Write as _, str::FromStr as _, sync::Arc};

use arc_swap::ArcSwap;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};

use super::{Coordinator, Reach};
use crate::auth::{Permission, Principal, Target, catalog};

/// Allows what the policies permit. Clones share them, and they can be replaced.
#[derive(Debug, Clone)]
pub struct Cedar(Arc<ArcSwap<Policies>>);

#[derive(Debug)]
struct Policies {
    policies: PolicySet,
    actions: Entities,
}

impl Cedar {
    /// The policies of a text; every problem in it is reported.
    pub fn new(text: &str) -> Result<Self, Vec<String>> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(Policies::read(text)?))))
    }

    /// Puts other policies in their place, for calls and streams from now on.
    pub fn replace(&self, text: &str) -> Result<(), Vec<String>> {
        self.0.store(Arc::new(Policies::read(text)?));
        Ok(())
    }
}

/// What policies can speak of, as a Cedar schema.
pub fn schema() -> String {
    let mut text = String::from(
        "namespace Tasker {\n  entity Role;\n  entity Namespace;\n  entity Principal in [Role] = {\n    subject: \
         String,\n    source: String,\n  };\n  entity Target in [Namespace] = {\n    namespace: String,\n    handler?: \
         String,\n    step_handler?: String,\n    owner?: Principal,\n  };\n",
    );
    let mut permissions: Vec<Permission> = catalog::permissions().collect();
    permissions.sort_unstable();
    permissions.dedup();
    let mut resource = "";
    for permission in permissions {
        if permission.resource != resource {
            resource = permission.resource;
            writeln!(text, "  action \"{resource}:*\";").expect("a String takes writes");
        }
        writeln!(
            text,
            "  action \"{permission}\" in [\"{resource}:*\"] appliesTo {{ principal: [Principal], resource: [Target] }};"
        )
        .expect("a String takes writes");
    }
    text.push_str("}\n");
    text
}

impl Policies {
    fn read(text: &str) -> Result<Self, Vec<String>> {
        let (schema, _warnings) =
            Schema::from_cedarschema_str(&schema()).map_err(|error| vec![format!("the schema: {error}")])?;
        let policies =
            PolicySet::from_str(text).map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let actions = schema.action_entities().map_err(|error| vec![error.to_string()])?;
        let verdict = Validator::new(schema).validate(&policies, ValidationMode::Strict);
        let problems: Vec<String> = verdict.validation_errors().map(ToString::to_string).collect();
        if problems.is_empty() { Ok(Self { policies, actions }) } else { Err(problems) }
    }

    /// The entities that a decision is about: the actions, who calls, and the target if it is known.
    fn entities(&self, principal: &Principal, target: Option<&Target<'_>>) -> Option<Entities> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let roles = principal.roles.iter().map(|role| uid("Role", role)).collect();
        let who = [("subject".to_owned(), text(&principal.subject)), ("source".to_owned(), text(principal.source))];
        let mut entities = vec![Entity::new(uid("Principal", &principal.subject), who.into(), roles).ok()?];
        if let Some(target) = target {
            let mut what = vec![("namespace".to_owned(), text(target.namespace))];
            what.extend(target.handler.map(|name| ("handler".to_owned(), text(name))));
            what.extend(target.step_handler.map(|name| ("step_handler".to_owned(), text(name))));
            let owner = |subject| RestrictedExpression::new_entity_uid(uid("Principal", subject));
            what.extend(target.created_by.map(|subject| ("owner".to_owned(), owner(subject))));
            let parents = HashSet::from([uid("Namespace", target.namespace)]);
            entities.push(Entity::new(this_target(), what.into_iter().collect(), parents).ok()?);
        }
        self.actions.clone().add_entities(entities, None).ok()
    }
}

fn uid(kind: &str, id: &str) -> EntityUid {
    let kind = EntityTypeName::from_str(&format!("Tasker::{kind}")).expect("our kinds are names");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

fn this_target() -> EntityUid {
    uid("Target", "this")
}

impl Coordinator for Cedar {
    fn name(&self) -> &'static str {
        "cedar"
    }

    fn reach(&self, principal: &Principal, permission: Permission) -> Reach {
        let policies = self.0.load();
        let Some(entities) = policies.entities(principal, None) else { return Reach::Nowhere };
        let kind = EntityTypeName::from_str("Tasker::Target").expect("a name");
        let request = Request::builder()
            .principal(uid("Principal", &principal.subject))
            .action(uid("Action", &permission.to_string()))
            .unknown_resource_with_type(kind)
            .context(Context::empty())
            .build();
        // A target that is known to be none of these entities, so that its attributes stay unknown too.
        match Authorizer::new().is_authorized_partial(&request, &policies.policies, &entities.partial()).decision() {
            Some(Decision::Allow) => Reach::Everywhere,
            Some(Decision::Deny) => Reach::Nowhere,
            None => Reach::Somewhere,
        }
    }

    fn allows(&self, principal: &Principal, permission: Permission, target: &Target<'_>) -> bool {
        let policies = self.0.load();
        let request = Request::new(
            uid("Principal", &principal.subject),
            uid("Action", &permission.to_string()),
            this_target(),
            Context::empty(),
            None,
        );
        let (Ok(request), Some(entities)) = (request, policies.entities(principal, Some(target))) else {
            return false;
        };
        Authorizer::new().is_authorized(&request, &policies.policies, &entities).decision() == Decision::Allow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Permission = Permission { resource: "tasker.task", action: "create" };

    #[track_caller]
    fn check(policies: &str, reach: Reach, in_billing: bool, own_in_shipping: bool) {
        let cedar = Cedar::new(policies).unwrap();
        let mut principal = Principal::new("ann", "test");
        principal.roles = vec!["clerk".to_owned()];
        let billing = Target { namespace: "billing", ..Target::default() };
        let own = Target { namespace: "shipping", created_by: Some("ann"), ..Target::default() };
        let allows = |target| cedar.allows(&principal, CREATE, target);
        let seen = (cedar.reach(&principal, CREATE), allows(&billing), allows(&own));
        assert_eq!(seen, (reach, in_billing, own_in_shipping), "{policies}");
    }

    #[test]
    fn policies_decide() {
        check("", Reach::Nowhere, false, false);
        check("permit(principal, action, resource);", Reach::Everywhere, true, true);
        check(r#"permit(principal == Tasker::Principal::"bob", action, resource);"#, Reach::Nowhere, false, false);
        check(
            r#"permit(principal in Tasker::Role::"clerk", action in Tasker::Action::"tasker.task:*", resource);"#,
            Reach::Everywhere,
            true,
            true,
        );
        check(
            r#"permit(principal, action == Tasker::Action::"tasker.task:show", resource);"#,
            Reach::Nowhere,
            false,
            false,
        );
        check(r#"permit(principal, action, resource in Tasker::Namespace::"billing");"#, Reach::Somewhere, true, false);
        check(
            r#"permit(principal, action, resource) when { resource.namespace like "bill*" };"#,
            Reach::Somewhere,
            true,
            false,
        );
        check(
            "permit(principal, action, resource) when { resource has owner && resource.owner == principal };",
            Reach::Somewhere,
            false,
            true,
        );
        check(
            r#"permit(principal, action, resource); forbid(principal, action, resource in Tasker::Namespace::"billing");"#,
            Reach::Somewhere,
            false,
            true,
        );
    }

    #[test]
    fn policies_that_cannot_mean_anything_are_refused_at_the_start() {
        let check = |policies: &str, expected: &str| {
            let problems = Cedar::new(policies).unwrap_err().join("; ");
            assert!(problems.contains(expected), "{policies}: {problems}");
        };
        check("permit(principal, action, resource", "unexpected end");
        check(r#"permit(principal, action == Tasker::Action::"tasker.tusk:create", resource);"#, "tasker.tusk:create");
        check("permit(principal, action, resource) when { resource.colour == 1 };", "colour");
    }
}
