//! The fields of a view, as its own `Deserialize` names them.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// The names of `T`'s fields with their aliases; nothing where `T` is no struct with named fields of its own.
pub(crate) fn view_fields<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    let mut found = None;
    // It has nothing to read: all that counts is what it asks for.
    let _ = T::deserialize(Question(&mut found));
    found
}

struct Question<'f>(&'f mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Question<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = Some(fields);
        Err(Error::custom("the fields are known now"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no struct with named fields"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[expect(dead_code, reason = "only its fields are looked at")]
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Plain {
        first_seen: u8,
        #[serde(rename = "n", alias = "number")]
        count: Option<u64>,
    }

    #[derive(Deserialize)]
    struct Wrapped(#[expect(dead_code, reason = "as above")] Plain);

    #[test]
    fn the_fields_of_a_struct_are_found_and_nothing_else_has_any() {
        assert_eq!(view_fields::<Plain>(), Some(&["firstSeen", "n", "number"][..]));
        assert_eq!(view_fields::<Wrapped>(), view_fields::<Plain>());
        assert_eq!(view_fields::<BTreeMap<String, u8>>(), None);
        assert_eq!(view_fields::<u64>(), None);
    }
}
