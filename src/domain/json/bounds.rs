//! What JSON allows and programs read differently: keys that come twice, and numbers that doubles cannot hold.
//!
//! Works on text that is known to be well-formed and nested no deeper than the parser allows. Costs one pass.

use std::{borrow::Cow, collections::HashSet};

/// Objects with more keys look them up by hash.
const LISTED_KEYS_MAX: usize = 16;

/// Characters of one number at most.
const NUMBER_CHARS_MAX: usize = 1_024;

/// Says of a well-formed text what two programs would read differently, with the place: `"a" comes twice at b[2].a`.
/// `None` when nothing is.
pub(super) fn violation(text: &str) -> Option<String> {
    let mut walk = Walk { text, at: 0, open: Vec::new() };
    walk.run()
}

/// An object or an array that has begun.
enum Open<'a> {
    Object { keys: Keys<'a>, key: Cow<'a, str>, awaits_key: bool },
    Array { index: usize },
}

/// The keys of an object so far.
#[derive(Default)]
struct Keys<'a> {
    listed: Vec<Cow<'a, str>>,
    hashed: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    /// Adds a key; false when it is there already.
    fn add(&mut self, key: Cow<'a, str>) -> bool {
        if self.hashed.is_empty() {
            if self.listed.contains(&key) {
                return false;
            }
            self.listed.push(key);
            if self.listed.len() > LISTED_KEYS_MAX {
                self.hashed.extend(self.listed.drain(..));
            }
            return true;
        }
        self.hashed.insert(key)
    }
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open<'a>>,
}

impl<'a> Walk<'a> {
    fn run(&mut self) -> Option<String> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'{' => {
                    self.open.push(Open::Object { keys: Keys::default(), key: Cow::Borrowed(""), awaits_key: true });
                    self.at += 1;
                }
                b'[' => {
                    self.open.push(Open::Array { index: 0 });
                    self.at += 1;
                }
                b'}' | b']' => {
                    self.open.pop();
                    self.at += 1;
                }
                b',' => {
                    match self.open.last_mut() {
                        Some(Open::Object { awaits_key, .. }) => *awaits_key = true,
                        Some(Open::Array { index }) => *index += 1,
                        None => {}
                    }
                    self.at += 1;
                }
                b'"' => {
                    let string = self.string();
                    if let Some(problem) = self.key(string) {
                        return Some(problem);
                    }
                }
                b'-' | b'0'..=b'9' => {
                    let number = self.number();
                    if let Some(problem) = number_problem(number) {
                        return Some(format!("{problem} at {}", self.place()));
                    }
                }
                _ => self.at += 1,
            }
        }
        None
    }

    /// Passes a string; what is between its quotes.
    fn string(&mut self) -> &'a str {
        let bytes = self.text.as_bytes();
        let from = self.at + 1;
        let mut at = from;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        self.at = at + 1;
        self.text.get(from..at).unwrap_or_default()
    }

    fn number(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Takes a string as a key if one is due.
    fn key(&mut self, raw: &'a str) -> Option<String> {
        let Some(Open::Object { keys, key, awaits_key }) = self.open.last_mut() else { return None };
        if !std::mem::take(awaits_key) {
            return None;
        }
        *key = unescaped(raw);
        if keys.add(key.clone()) {
            return None;
        }
        let twice = format!("{:?} comes twice", shortened(key));
        Some(format!("{twice} at {}", self.place()))
    }

    /// Where the walk is: `a.b[2]`.
    fn place(&self) -> String {
        let mut place = String::new();
        for open in &self.open {
            match open {
                Open::Object { key, .. } => {
                    if !place.is_empty() {
                        place.push('.');
                    }
                    place.push_str(shortened(key));
                }
                Open::Array { index } => place.push_str(&format!("[{index}]")),
            }
        }
        if place.is_empty() { "the top".to_owned() } else { place }
    }
}

/// A key as it is meant.
fn unescaped(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    serde_json::from_str::<String>(&format!("\"{raw}\"")).map_or(Cow::Borrowed(raw), Cow::Owned)
}

/// The beginning of a text that may be long.
fn shortened(text: &str) -> &str {
    const CHARS_MAX: usize = 64;
    text.char_indices().nth(CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

/// What is wrong with a number: every language reads most numbers as doubles, so one that is not zero must not become
/// zero, and one that is finite must not become infinite.
fn number_problem(number: &str) -> Option<String> {
    if number.len() > NUMBER_CHARS_MAX {
        return Some(format!("a number of {} characters is longer than {NUMBER_CHARS_MAX}", number.len()));
    }
    // Only an exponent or many digits lead out of the range.
    if number.len() < 300 && !number.contains(['e', 'E']) {
        return None;
    }
    let mantissa = number.split(['e', 'E']).next().unwrap_or(number);
    let is_zero = !mantissa.contains(|c: char| matches!(c, '1'..='9'));
    let value: f64 = number.parse().ok()?;
    let is_lost = value.is_infinite() || (value == 0.0 && !is_zero);
    is_lost.then(|| format!("the number {} is beyond the range of a double", shortened(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(violation(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn keys_come_once() {
        check(r#"{"a": 1, "b": {"a": "a"}, "c": ["a", "a", {"a": 2}]}"#, None);
        check(r#"{"a": 1, "a": 2}"#, Some(r#""a" comes twice at a"#));
        check(
            r#"{"x": {"list": [{}, {"a": "x, \"a\": 1", "b": 0, "\u0061": 2}]}}"#,
            Some(r#""a" comes twice at x.list[1].a"#),
        );
        check(r#"[{"": 1}, {"": 1, "": 2}]"#, Some(r#""" comes twice at [1]."#));
    }

    #[test]
    fn many_keys_come_once() {
        let keys = |count: usize| (0..count).map(|no| format!("\"k{no}\": 0")).collect::<Vec<_>>().join(",");
        check(&format!("{{{}}}", keys(1_000)), None);
        for twice in [0, 15, 16, 17, 999] {
            let problem = format!("\"k{twice}\" comes twice at k{twice}");
            check(&format!("{{{}, \"k{twice}\": 1}}", keys(1_000)), Some(&problem));
        }
    }

    #[test]
    fn numbers_are_in_the_range_of_a_double() {
        for number in ["1e2", "-0", "1.0", "0e-999999", "-0.0e99999", "5e-324", "1.7e308", &"9".repeat(308)] {
            check(number, None);
            check(&format!("{{\"a\": [{number}]}}"), None);
        }
        let beyond = |number: &str| format!("the number {number} is beyond the range of a double at a[1]");
        for number in ["1e-16383", "-1e-400", "1E400", "0.1e-324"] {
            check(&format!(r#"{{"a": [0, {number}]}}"#), Some(&beyond(number)));
        }
        check("1e-16383", Some("the number 1e-16383 is beyond the range of a double at the top"));
        let long = "1".repeat(2_000);
        check(&long, Some("a number of 2000 characters is longer than 1024 at the top"));
        // What looks like a number in a string is none.
        check(r#"{"1e-16383": "1e-16383"}"#, None);
    }
}
