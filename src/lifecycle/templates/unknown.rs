//! What is said about a handler that does not exist: which part of its name is wrong, and what may be meant.

use crate::{
    domain::{handler::Version, near},
    error::{Error, Reason},
    store::{self, Connection, handlers},
};

/// Names that are compared at most.
const COMPARED_MAX: i64 = 1_000;

/// The refusal for a handler version that was not found.
pub async fn unknown(connection: &mut Connection, namespace: &str, name: &str, version: &str) -> store::Result<Error> {
    let namespaces = handlers::list_namespaces(connection, namespace, COMPARED_MAX).await?;
    let names = handlers::list_names(connection, namespace, COMPARED_MAX).await?;
    if !namespaces.iter().any(|known| known == namespace) {
        let error = Error::new(Reason::NamespaceUnknown, format!("there is no namespace '{namespace}'"));
        return Ok(with_hint(error.with("namespace", namespace), namespace, &namespaces));
    }
    let versions = handlers::list_versions(connection, namespace, name, COMPARED_MAX).await?;
    if versions.is_empty() {
        let message = format!("there is no handler '{name}' in namespace '{namespace}'");
        let error = Error::new(Reason::HandlerUnknown, message).with("namespace", namespace).with("name", name);
        return Ok(with_hint(error, name, &names));
    }
    let message = format!("handler '{namespace}.{name}' has no version '{version}'");
    let error = Error::new(Reason::VersionUnknown, message)
        .with("namespace", namespace)
        .with("name", name)
        .with("version", version)
        .with("latest_version", versions[0].as_str());
    // Numbers are near in another way than letters: the greatest version that is not past the wanted one.
    let wanted = version.parse::<Version>().ok();
    let near = wanted
        .and_then(|wanted| versions.iter().find(|known| known.parse::<Version>().is_ok_and(|known| known <= wanted)));
    Ok(error.with("did_you_mean", near.unwrap_or(&versions[0]).as_str()))
}

fn with_hint(error: Error, wanted: &str, known: &[String]) -> Error {
    match near::nearest(wanted, known.iter().map(String::as_str)) {
        Some(near) => error.with("did_you_mean", near),
        None => error,
    }
}
