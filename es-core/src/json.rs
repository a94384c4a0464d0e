//! What must be true of a payload's bytes before they are stored, and when two documents say the same.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// How deep the arrays and objects of `json` are nested; right also for text that is no JSON up to its first error.
pub(crate) fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => (),
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => (),
        }
    }
    deepest
}

/// Reads the whole of `json`, so that what every reader would stumble over is found before it is stored: half of a
/// surrogate pair, a number beyond `f64`, text behind the document.
pub(crate) fn check(json: &[u8]) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    Walk.deserialize(&mut reader)?;
    reader.end()
}

struct Walk;

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON document")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Walk)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Walk)?.is_some() {
            map.next_value_seed(Walk)?;
        }
        Ok(())
    }
}

/// The document with the keys of every object in order, and every number as it was written.
pub(crate) fn canonical(json: &str) -> Result<String, serde_json::Error> {
    let mut out = String::with_capacity(json.len());
    write_canonical(serde_json::from_str(json)?, &mut out)?;
    Ok(out)
}

fn write_canonical(value: &RawValue, out: &mut String) -> Result<(), serde_json::Error> {
    #[derive(Deserialize)]
    struct Object<'r>(#[serde(borrow)] BTreeMap<String, &'r RawValue>);

    match value.get().as_bytes().first() {
        Some(b'{') => {
            let Object(fields) = serde_json::from_str(value.get())?;
            out.push('{');
            for (index, (name, field)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(&name)?);
                out.push(':');
                write_canonical(field, out)?;
            }
            out.push('}');
        }
        Some(b'[') => {
            out.push('[');
            for (index, element) in
                serde_json::from_str::<Vec<&RawValue>>(value.get())?.into_iter().enumerate()
            {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(element, out)?;
            }
            out.push(']');
        }
        _ => out.push_str(value.get()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_inside_of_strings_are_not_depth() {
        assert_eq!(depth(br#"{"a":"[[[\"[[","b":[[]]}"#), 3);
        assert_eq!(depth(b"5"), 0);
        assert_eq!(depth(b"]]]["), 1);
    }

    #[test]
    fn what_a_reader_would_stumble_over_is_found() {
        for good in ["{}", "[1,2.5,\"\\u0000\",null,true]", "18446744073709551616", r#""\ud83d\ude00""#] {
            assert!(check(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in ["", "{} {}", r#""\ud800""#, "1e400", "NaN", "{\"a\":}", "\"\u{1}\"", "[1,]"] {
            assert!(check(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(check(b"\"\xff\"").is_err());
    }

    #[test]
    fn canonical_documents_differ_only_where_values_do() {
        let one = canonical(r#" {"b":[1, {"d":1E2,"c":-0.0}],"a":18446744073709551616} "#).unwrap();
        assert_eq!(one, r#"{"a":18446744073709551616,"b":[1,{"c":-0.0,"d":1E2}]}"#);
    }
}
