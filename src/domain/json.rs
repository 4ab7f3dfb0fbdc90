//! JSON text: what may be stored, and when two texts say the same.
//!
//! Owns: the check that every payload passes at the edge, and the canonical form behind content hashes.
//! Numbers are kept as text, so that integers of any size stay exact. Never: meaning.

mod bounds;

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What a JSON text is at its top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// `[…]`.
    Array,
    /// `{…}`.
    Object,
}

/// Checks that a text is JSON that every program reads alike and Postgres can store: well-formed, nested at most 127
/// deep, without `\u0000`, each key of an object once, numbers within the range of a double. Says what it is, or what
/// is wrong and where.
pub fn check(text: &str) -> Result<Shape, String> {
    match serde_json::from_str::<Seen>(text) {
        Ok(seen) => bounds::violation(text).map_or(Ok(seen.0), Err),
        Err(error) => {
            let error = error.to_string();
            let place = error.rfind(" at line ").map_or("", |from| &error[from..]);
            if error.starts_with(NUL) {
                Err(format!("must not contain \\u0000{place}"))
            } else {
                Err(format!("is not JSON: {error}"))
            }
        }
    }
}

/// Whether the order of keys in objects counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrder {
    /// It does.
    AsGiven,
    /// It does not: keys are sorted, and of equal keys the last one stays.
    Sorted,
}

/// The canonical text of a JSON text that has passed [`check`]: without white space, strings escaped in one way.
pub fn canonical(text: &str, order: KeyOrder) -> String {
    let mut out = String::with_capacity(text.len());
    write(text, order, &mut out).expect("the text has passed the check");
    out
}

/// Recursion is bounded by the nesting that [`check`] allows.
fn write(text: &str, order: KeyOrder, out: &mut String) -> serde_json::Result<()> {
    match text.trim_start().as_bytes().first() {
        Some(b'{') => match order {
            KeyOrder::AsGiven => write_object(serde_json::from_str::<Entries<'_>>(text)?.0, order, out),
            KeyOrder::Sorted => {
                write_object(serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(text)?, order, out)
            }
        },
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            out.push('[');
            for (position, item) in items.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write(item.get(), order, out)?;
            }
            out.push(']');
            Ok(())
        }
        Some(b'"') => {
            out.push_str(&serde_json::to_string(&serde_json::from_str::<String>(text)?)?);
            Ok(())
        }
        _ => {
            out.push_str(text.trim());
            Ok(())
        }
    }
}

fn write_object<'a>(
    entries: impl IntoIterator<Item = (Cow<'a, str>, &'a RawValue)>,
    order: KeyOrder,
    out: &mut String,
) -> serde_json::Result<()> {
    out.push('{');
    for (position, (key, value)) in entries.into_iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(&key)?);
        out.push(':');
        write(value.get(), order, out)?;
    }
    out.push('}');
    Ok(())
}

const NUL: &str = "a string contains nul";

/// Visits everything and keeps nothing.
struct Seen(Shape);

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visit).map(Seen)
    }
}

struct Visit;

impl<'de> Visitor<'de> for Visit {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Shape, E> {
        if text.contains('\0') { Err(E::custom(NUL)) } else { Ok(Shape::String) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        while items.next_element::<Seen>()?.is_some() {}
        Ok(Shape::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Shape, A::Error> {
        while let Some((key, _)) = entries.next_entry::<Seen, Seen>()? {
            if key.0 != Shape::String {
                return Err(A::Error::custom("a key is not a string"));
            }
        }
        Ok(Shape::Object)
    }
}

/// The entries of an object in their order.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Entries<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some((key, value)) = entries.next_entry::<String, &'de RawValue>()? {
                    all.push((Cow::Owned(key), value));
                }
                Ok(Entries(all))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_stored_passes() {
        assert_eq!(check("{\"a\": [1, 2.5e3, \"ü\", null]}"), Ok(Shape::Object));
        assert_eq!(check(" [123456789012345678901234567890] "), Ok(Shape::Array));
        assert_eq!(check("null"), Ok(Shape::Null));
        assert_eq!(check(&format!("{}{}", "[".repeat(127), "]".repeat(127))), Ok(Shape::Array));
        assert_eq!(check(r#""\\u0000""#), Ok(Shape::String));
    }

    #[test]
    fn what_cannot_be_stored_does_not() {
        for text in ["", "{", "{a: 1}", "[1,]", "1 2", "\"\\ud800\"", "nul", "1e999", "{\"a\":\u{0}1}"] {
            let error = check(text).unwrap_err();
            assert!(error.starts_with("is not JSON: "), "{text}: {error}");
        }
        assert!(check(&"[".repeat(100_000)).unwrap_err().contains("recursion limit"));
        for text in [r#"{"a": "x\u0000"}"#, r#"{"\u0000": 1}"#, r#"["\\\u0000"]"#] {
            assert!(check(text).unwrap_err().starts_with("must not contain \\u0000 at line 1"), "{text}");
        }
    }

    #[test]
    fn what_programs_read_differently_does_not() {
        assert_eq!(check(r#"{"a": {"b": 1, "b": 2}}"#), Err(r#""b" comes twice at a.b"#.to_owned()));
        let small = "the number 1e-16383 is beyond the range of a double at a[0]";
        assert_eq!(check(r#"{"a": [1e-16383]}"#), Err(small.to_owned()));
        assert_eq!(check(r#"{"z": 1e2, "y": -0, "x": 1.0}"#), Ok(Shape::Object));
    }

    #[test]
    fn canonical_texts_are_equal_when_the_values_are() {
        let sorted = |text| canonical(text, KeyOrder::Sorted);
        assert_eq!(sorted(r#" { "b" : [ 1 , {} ], "a" : "\u00fc" } "#), r#"{"a":"ü","b":[1,{}]}"#);
        assert_ne!(sorted("[123456789012345678901]"), sorted("[123456789012345678902]"));
        assert_eq!(canonical(r#"{"b": 1, "a": 2}"#, KeyOrder::AsGiven), r#"{"b":1,"a":2}"#);
    }
}
