//! The steps that a worker offers to run.

use serde::{Deserialize, Serialize};

/// Steps of a step handler, or all steps of a handler; maybe only those of some handler versions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Offer {
    /// The namespace.
    pub namespace: String,
    /// The step handler, or empty.
    pub step_handler: String,
    /// The handler all of whose steps are offered, or empty.
    pub handler: String,
    /// The handler versions; all when empty.
    #[serde(default)]
    pub versions: Vec<String>,
}

impl Offer {
    /// Whether it covers a step with this step handler, of this handler version.
    pub fn covers(&self, namespace: &str, handler: &str, version: &str, step_handler: &str) -> bool {
        let named = if self.handler.is_empty() { self.step_handler == step_handler } else { self.handler == handler };
        named
            && self.namespace == namespace
            && (self.versions.is_empty() || self.versions.iter().any(|offered| offered == version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(step_handler: &str, handler: &str, versions: &[&str]) -> Offer {
        Offer {
            namespace: "default".to_owned(),
            step_handler: step_handler.to_owned(),
            handler: handler.to_owned(),
            versions: versions.iter().map(|version| (*version).to_owned()).collect(),
        }
    }

    #[test]
    fn a_handler_covers_its_own_steps_only_and_versions_narrow() {
        let check = |offer: Offer, expected: [bool; 4]| {
            let steps = [
                ("default", "ship", "1.0.0", "Label"),
                ("default", "ship", "2.0.0", "Pack"),
                ("default", "bill", "1.0.0", "Label"),
                ("other", "ship", "1.0.0", "Label"),
            ];
            let covered =
                steps.map(|(namespace, handler, version, step)| offer.covers(namespace, handler, version, step));
            assert_eq!(covered, expected, "{offer:?}");
        };
        check(offer("Label", "", &[]), [true, false, true, false]);
        check(offer("", "ship", &[]), [true, true, false, false]);
        check(offer("", "ship", &["1.0.0"]), [true, false, false, false]);
        check(offer("Label", "", &["2.0.0"]), [false, false, false, false]);
    }
}
