//! What a schema costs, before it is used.
//!
//! A schema is a graph: keywords such as `allOf`, `anyOf` and `$ref` lead to further schemas of the *same* value,
//! keywords such as `properties` and `items` to schemas of the values *inside*. Of the first kind there must be few from
//! any one schema, counted along every path, and no circle: otherwise a single value costs without bound. Circles of the
//! second kind are fine, they end where the value ends; `metered` bounds those.

use std::collections::HashMap;

use serde_json::Value;

/// Schemas of one value at most, counted along every path.
const COMBINED_MAX: u64 = 10_000;

/// Schemas of one value that lead to one another at most.
const CHAIN_MAX: usize = 64;

/// Patterns of a schema at most: compiling one may take milliseconds and a megabyte.
const PATTERNS_MAX: usize = 500;

/// The longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 4_096;

/// Schemas with a name of their own within a schema at most: a reference may mean something else in each.
const RESOURCES_MAX: usize = 16;

/// A schema costs too much to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TooCostly(pub(super) String);

/// What is known of a schema beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    /// The longest way through its schemas; `None` where one leads back to itself.
    pub(super) depth: Option<usize>,
    /// Whether a pattern looks around or back, which is costly to match.
    pub(super) looks_around: bool,
}

/// Judges a schema.
pub(super) fn judge(schema: &Value) -> Result<Cost, TooCostly> {
    let mut graph =
        Graph { root: schema, nodes: Vec::new(), numbers: HashMap::new(), looks_around: false, patterns: 0 };
    graph.add(schema, "");
    graph.resolve()?;
    graph.check_patterns()?;
    graph.check_combined()?;
    Ok(Cost { depth: graph.depth(), looks_around: graph.looks_around })
}

/// A schema of the graph.
struct Schema<'a> {
    value: &'a Value,
    pointer: String,
    /// Schemas of the same value.
    same: Vec<usize>,
    /// Schemas of values inside.
    inside: Vec<usize>,
}

struct Graph<'a> {
    root: &'a Value,
    nodes: Vec<Schema<'a>>,
    /// The schemas by address.
    numbers: HashMap<*const Value, usize>,
    looks_around: bool,
    patterns: usize,
}

/// What a keyword leads to.
enum Leads {
    /// To schemas of the same value.
    Same,
    /// To schemas of values inside.
    Inside,
}

/// Which schemas a keyword has: itself, a list, or a map of them. Values that merely look like schemas (`default`,
/// `const`, `enum`, `examples`) are not among them.
fn leads(keyword: &str) -> Option<Leads> {
    match keyword {
        "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "dependentSchemas" | "dependencies" => {
            Some(Leads::Same)
        }
        "properties"
        | "patternProperties"
        | "additionalProperties"
        | "items"
        | "prefixItems"
        | "additionalItems"
        | "contains"
        | "propertyNames"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "contentSchema" => Some(Leads::Inside),
        _ => None,
    }
}

/// The schemas that the value of a keyword holds, with their places below it.
fn held<'a>(keyword: &str, value: &'a Value) -> Vec<(String, &'a Value)> {
    let is_map = matches!(
        keyword,
        "properties" | "patternProperties" | "dependentSchemas" | "dependencies" | "$defs" | "definitions"
    );
    match value {
        Value::Object(members) if is_map => {
            let schemas = members.iter().filter(|(_, schema)| schema.is_object());
            schemas.map(|(name, schema)| (format!("/{}", escaped(name)), schema)).collect()
        }
        Value::Object(_) => vec![(String::new(), value)],
        Value::Array(items) => {
            let schemas = items.iter().enumerate().filter(|(_, schema)| schema.is_object());
            schemas.map(|(position, schema)| (format!("/{position}"), schema)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a schema has a name of its own.
fn is_resource(schema: &Value) -> bool {
    ["$id", "id", "$anchor", "$dynamicAnchor"].iter().any(|name| schema.get(name).is_some_and(Value::is_string))
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl<'a> Graph<'a> {
    /// Adds a schema with everything inside its text. Depth is bounded by that of the JSON text.
    fn add(&mut self, value: &'a Value, pointer: &str) -> usize {
        if let Some(number) = self.numbers.get(&std::ptr::from_ref(value)) {
            return *number;
        }
        let number = self.nodes.len();
        self.numbers.insert(value, number);
        self.nodes.push(Schema { value, pointer: pointer.to_owned(), same: Vec::new(), inside: Vec::new() });
        let Value::Object(keywords) = value else { return number };
        for (keyword, value) in keywords {
            let leads = leads(keyword);
            if leads.is_none() && !matches!(keyword.as_str(), "$defs" | "definitions") {
                continue;
            }
            for (place, schema) in held(keyword, value) {
                let target = self.add(schema, &format!("{pointer}/{}{place}", escaped(keyword)));
                match leads {
                    Some(Leads::Same) => self.nodes[number].same.push(target),
                    Some(Leads::Inside) => self.nodes[number].inside.push(target),
                    None => {}
                }
            }
        }
        number
    }

    /// Follows the references. What they lead to may stand where no keyword expects a schema.
    fn resolve(&mut self) -> Result<(), TooCostly> {
        let mut resources = Vec::new();
        let (mut number, mut searched) = (0, 0);
        while let Some(value) = self.nodes.get(number).map(|node| node.value) {
            let found = self.nodes.get(searched..).unwrap_or_default().iter().map(|node| node.value);
            resources.extend(found.filter(|value| !std::ptr::eq(*value, self.root) && is_resource(value)));
            searched = self.nodes.len();
            if resources.len() > RESOURCES_MAX {
                let text = format!("it has more than {RESOURCES_MAX} schemas with a name of their own ($id, $anchor)");
                return Err(TooCostly(text));
            }
            for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
                let Some(reference) = value.get(keyword).and_then(Value::as_str) else { continue };
                for target in self.targets(reference, &resources) {
                    let target = self.add(target, reference.trim_start_matches('#'));
                    self.nodes[number].same.push(target);
                }
            }
            number += 1;
        }
        Ok(())
    }

    /// Everything that a reference may mean: what the pointer says, in each resource; of a name, any that has one.
    fn targets(&self, reference: &str, resources: &[&'a Value]) -> Vec<&'a Value> {
        let all = std::iter::once(self.root).chain(resources.iter().copied());
        match reference.strip_prefix('#') {
            Some("") if resources.is_empty() => vec![self.root],
            Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
                let decoded = percent_decoded(pointer);
                all.filter_map(|resource| resource.pointer(&decoded)).collect()
            }
            Some(name) => {
                let is_named = |value: &&Value| {
                    ["$anchor", "$dynamicAnchor"].iter().any(|key| value.get(key).and_then(Value::as_str) == Some(name))
                        || ["$id", "id"].iter().any(|key| value.get(key).and_then(Value::as_str) == Some(reference))
                };
                all.filter(is_named).collect()
            }
            None => match reference.split_once('#') {
                Some((_, pointer)) if pointer.starts_with('/') => {
                    let decoded = percent_decoded(pointer);
                    all.filter_map(|resource| resource.pointer(&decoded)).collect()
                }
                // A name that no schema here has is nobody's, and does not compile.
                _ => resources
                    .iter()
                    .copied()
                    .chain([self.root])
                    .filter(|value| ["$id", "id"].iter().any(|key| value.get(key).is_some()))
                    .collect(),
            },
        }
    }

    fn check_patterns(&mut self) -> Result<(), TooCostly> {
        for node in &self.nodes {
            let own = node.value.get("pattern").and_then(Value::as_str);
            let names = node.value.get("patternProperties").and_then(Value::as_object);
            for pattern in own.into_iter().chain(names.into_iter().flat_map(|names| names.keys().map(String::as_str))) {
                self.patterns += 1;
                if pattern.len() > PATTERN_BYTES_MAX {
                    let (at, bytes) = (shown(&node.pointer), pattern.len());
                    return Err(TooCostly(format!(
                        "{at} has a pattern of {bytes} bytes, the limit is {PATTERN_BYTES_MAX}"
                    )));
                }
                self.looks_around |= ["(?=", "(?!", "(?<"].iter().any(|group| pattern.contains(group))
                    || pattern
                        .as_bytes()
                        .windows(2)
                        .any(|pair| pair[0] == b'\\' && matches!(pair[1], b'1'..=b'9' | b'k'));
            }
        }
        if self.patterns > PATTERNS_MAX {
            return Err(TooCostly(format!("it has {} patterns, the limit is {PATTERNS_MAX}", self.patterns)));
        }
        Ok(())
    }

    /// Counts, from each schema, the schemas of the same value along every path.
    fn check_combined(&self) -> Result<(), TooCostly> {
        let order = self.order(|node| node.same.iter());
        if let Some(circle) = (order.len() < self.nodes.len()).then(|| self.first_missing(&order)) {
            return Err(TooCostly(format!(
                "{} refers to itself without going into the value",
                shown(&self.nodes[circle].pointer)
            )));
        }
        let mut combined = vec![1_u64; self.nodes.len()];
        let mut chain = vec![1_usize; self.nodes.len()];
        for number in order.into_iter().rev() {
            let node = &self.nodes[number];
            // What was not evaluated is found out by evaluating once more.
            let again =
                ["unevaluatedProperties", "unevaluatedItems"].iter().filter(|key| node.value.get(key).is_some());
            let times = 1 + u64::try_from(again.count()).unwrap_or(u64::MAX);
            let below = node.same.iter().fold(0_u64, |sum, target| sum.saturating_add(combined[*target]));
            combined[number] = below.saturating_mul(times).saturating_add(1);
            chain[number] = 1 + node.same.iter().map(|target| chain[*target]).max().unwrap_or_default();
            let at = || shown(&node.pointer);
            if combined[number] > COMBINED_MAX {
                let text = "combines more schemas for one value (allOf, anyOf, oneOf, $ref and the like, along every path) than";
                return Err(TooCostly(format!("{} {text} {COMBINED_MAX}", at())));
            }
            if chain[number] > CHAIN_MAX {
                let text = "leads from schema to schema for one value more often than";
                return Err(TooCostly(format!("{} {text} {CHAIN_MAX} times", at())));
            }
        }
        Ok(())
    }

    /// The longest way through the schemas; `None` where there is a circle.
    fn depth(&self) -> Option<usize> {
        let order = self.order(|node| node.same.iter().chain(&node.inside));
        if order.len() < self.nodes.len() {
            return None;
        }
        let mut depth = vec![1_usize; self.nodes.len()];
        for number in order.into_iter().rev() {
            let node = &self.nodes[number];
            depth[number] = 1 + node.same.iter().chain(&node.inside).map(|to| depth[*to]).max().unwrap_or_default();
        }
        depth.into_iter().max()
    }

    /// The schemas, each before those that it leads to; those that lead into a circle or out of one are missing.
    fn order<'g, I: Iterator<Item = &'g usize>>(&'g self, targets: impl Fn(&'g Schema<'a>) -> I) -> Vec<usize> {
        let mut unseen = vec![0_usize; self.nodes.len()];
        for target in self.nodes.iter().flat_map(&targets) {
            unseen[*target] += 1;
        }
        let mut order: Vec<usize> = (0..self.nodes.len()).filter(|number| unseen[*number] == 0).collect();
        let mut next = 0;
        while let Some(number) = order.get(next).copied() {
            next += 1;
            for target in targets(&self.nodes[number]) {
                unseen[*target] -= 1;
                if unseen[*target] == 0 {
                    order.push(*target);
                }
            }
        }
        order
    }

    fn first_missing(&self, order: &[usize]) -> usize {
        let mut is_there = vec![false; self.nodes.len()];
        order.iter().for_each(|number| is_there[*number] = true);
        is_there.iter().position(|there| !there).unwrap_or_default()
    }
}

fn shown(pointer: &str) -> &str {
    if pointer.is_empty() { "the schema" } else { pointer }
}

/// The pointer of a URI fragment.
fn percent_decoded(pointer: &str) -> String {
    let bytes = pointer.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = (*byte == b'%').then(|| pointer.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                decoded.push(code);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: &Value, expected: Result<Option<usize>, &str>) {
        let judged = judge(schema).map(|cost| cost.depth).map_err(|TooCostly(text)| text);
        assert_eq!(judged, expected.map_err(str::to_owned), "{schema}");
    }

    /// Definitions of which each refers twice to the next.
    fn doubling(depth: usize) -> Value {
        let mut definitions = serde_json::Map::new();
        for level in 0..depth {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            definitions.insert(format!("d{level}"), json!({"allOf": [next, next]}));
        }
        definitions.insert(format!("d{depth}"), json!({"type": "object"}));
        json!({"$ref": "#/$defs/d0", "$defs": definitions})
    }

    #[test]
    fn ordinary_schemas_pass() {
        check(&json!({}), Ok(Some(1)));
        check(&json!({"properties": {"a": {"items": {"type": "string"}}}}), Ok(Some(3)));
        check(&json!({"properties": {"next": {"$ref": "#"}}}), Ok(None));
        check(&json!({"$defs": {"a b": {}}, "properties": {"x": {"$ref": "#/$defs/a%20b"}}}), Ok(Some(3)));
    }

    #[test]
    fn what_doubles_at_each_level_is_refused() {
        check(&doubling(10), Ok(Some(22)));
        let text = "/$defs/d28 combines more schemas for one value (allOf, anyOf, oneOf, $ref and the like, along every \
                    path) than 10000";
        check(&doubling(40), Err(text));
        let hidden = json!({"$ref": "#/x/a", "x": {"a": {"anyOf": [{"$ref": "#/x/b"}]}, "b": {"$ref": "#/x/a"}}});
        check(&hidden, Err("/x/a refers to itself without going into the value"));
    }

    #[test]
    fn chains_are_bounded() {
        let chain = |length: usize| {
            let link = |level: usize| (format!("d{level}"), json!({"$ref": format!("#/$defs/d{}", level + 1)}));
            let mut definitions: serde_json::Map<String, Value> = (0..length).map(link).collect();
            definitions.insert(format!("d{length}"), json!({}));
            json!({"$defs": definitions})
        };
        check(&chain(CHAIN_MAX - 1), Ok(Some(CHAIN_MAX)));
        let text = "/$defs/d0 leads from schema to schema for one value more often than 64 times";
        check(&chain(CHAIN_MAX), Err(text));
    }

    #[test]
    fn patterns_are_bounded_and_known_by_their_cost() {
        let looks = |pattern: &str| judge(&json!({"pattern": pattern})).map(|cost| cost.looks_around);
        assert_eq!(looks("^(a+)+$"), Ok(false));
        assert_eq!(looks("^(?=a)b"), Ok(true));
        assert_eq!(looks(r"(a)\1"), Ok(true));
        let many: serde_json::Map<String, Value> = (0..=PATTERNS_MAX).map(|n| (format!("^{n}$"), json!({}))).collect();
        check(&json!({"patternProperties": many}), Err("it has 501 patterns, the limit is 500"));
        let long = json!({"properties": {"a": {"pattern": "a".repeat(4_097)}}});
        check(&long, Err("/properties/a has a pattern of 4097 bytes, the limit is 4096"));
    }
}
