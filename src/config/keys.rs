//! The keys that there are, and the nearest one to a key that there is not.

use toml::{Table, Value};

use super::DEFAULTS;

/// What is wrong with a key that is unknown, with the nearest one that is known.
pub(super) fn unknown(key: &str) -> String {
    let nearest = known_keys().into_iter().map(|known| (distance(key, &known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= 2 + key.len() / 4 => format!("unknown key; did you mean `{known}`?"),
        _ => "unknown key; `tasker doctor --defaults` lists all".to_owned(),
    }
}

fn known_keys() -> Vec<String> {
    fn walk(table: &Table, prefix: &str, keys: &mut Vec<String>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            if let Value::Table(table) = value {
                walk(table, &key, keys);
            }
            keys.push(key);
        }
    }
    let mut keys = Vec::new();
    walk(&DEFAULTS.parse().expect("the compiled-in defaults parse"), "", &mut keys);
    keys
}

/// How many letters must be changed, added or left out to get from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
