//! The names that custom events may have. Rules and words are those of the original service.

use super::catalog;

/// First segments of names that belong to the service.
const RESERVED: [&str; 5] = ["task", "step", "workflow", "observability", "test"];

/// Why a custom event may not have a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameRefusal {
    /// There is no dot.
    #[error("Custom event name must contain a namespace (e.g., 'order.fulfilled')")]
    NoNamespace,
    /// The service has an event of this name.
    #[error("Event name '{0}' conflicts with system event")]
    System(String),
    /// The service's own events begin like this.
    #[error("Namespace '{0}' is reserved for system events")]
    Reserved(String),
}

/// Checks the name of a custom event.
pub fn check_name(name: &str) -> Result<(), NameRefusal> {
    let Some((namespace, _)) = name.split_once('.') else { return Err(NameRefusal::NoNamespace) };
    if catalog::find(name).is_some() {
        return Err(NameRefusal::System(name.to_owned()));
    }
    if RESERVED.contains(&namespace.to_lowercase().as_str()) {
        return Err(NameRefusal::Reserved(namespace.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |name: &str, expected: &str| {
            let found = check_name(name).err().map(|refusal| refusal.to_string()).unwrap_or_default();
            assert_eq!(found, expected, "{name}");
        };
        check("order.fulfilled", "");
        check("Order.a.b", "");
        check("tasks.done", "");
        check("fulfilled", "Custom event name must contain a namespace (e.g., 'order.fulfilled')");
        check("task.completed", "Event name 'task.completed' conflicts with system event");
        check("handler.registered", "Event name 'handler.registered' conflicts with system event");
        check("task.invented", "Namespace 'task' is reserved for system events");
        check("TeSt.x", "Namespace 'TeSt' is reserved for system events");
    }
}
