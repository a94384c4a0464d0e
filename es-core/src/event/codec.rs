//! The JSON of one variant: its fields alone, without a tag around them.
//!
//! The user's own `Serialize` and `Deserialize` write and read the enum; these adapters stand where the tag would
//! be. Nothing passes through `serde_json::Value` or serde's buffered content, so that `i128` and large numbers
//! survive.

use super::{DecodeProblem, EncodeProblem};
use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, VariantAccess, Visitor,
};
use serde::ser::{
    Impossible, Serialize, SerializeMap, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleVariant, Serializer,
};
use serde_json::Error as JsonError;
use serde_json::de::SliceRead;

type JsonReader<'de> = serde_json::Deserializer<SliceRead<'de>>;

/// Bytes reserved for a payload before its first field is written.
const PAYLOAD_BYTES_USUAL: usize = 128;

/// Writes the fields of `event`'s variant as JSON; a variant without fields is `{}`.
pub fn encode_variant<E: Serialize>(event: &E) -> Result<Vec<u8>, EncodeProblem> {
    let mut payload = Vec::with_capacity(PAYLOAD_BYTES_USUAL);
    event
        .serialize(VariantSerializer(&mut serde_json::Serializer::new(&mut payload)))
        .map_err(|error| EncodeProblem::no_json(&error))?;
    Ok(payload)
}

/// Reads `payload` as the fields of the variant at `index` of the enum `E`.
pub fn decode_variant<E: DeserializeOwned>(index: u32, payload: &[u8]) -> Result<E, DecodeProblem> {
    read(payload, |json| E::deserialize(VariantDeserializer { index, json }))
}

/// Reads `payload` as a shape that is no longer written.
pub fn decode_old<T: DeserializeOwned>(payload: &[u8]) -> Result<T, DecodeProblem> {
    read(payload, |json| T::deserialize(json))
}

/// Turns the shape of `version` into the next one.
pub fn upcast<Old, New: TryFrom<Old>>(version: u32, old: Old) -> Result<New, DecodeProblem>
where
    New::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    New::try_from(old).map_err(|error| DecodeProblem::Upcast { version, source: error.into() })
}

fn read<'de, T>(
    payload: &'de [u8],
    shape: impl FnOnce(&mut JsonReader<'de>) -> Result<T, JsonError>,
) -> Result<T, DecodeProblem> {
    let mut json = serde_json::Deserializer::from_slice(payload);
    let value = shape(&mut json).and_then(|value| json.end().map(|()| value));
    value.map_err(|error| DecodeProblem::malformed(&error))
}

struct VariantDeserializer<'j, 'de> {
    index: u32,
    json: &'j mut JsonReader<'de>,
}

impl<'de> Deserializer<'de> for VariantDeserializer<'_, 'de> {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, JsonError> {
        Err(serde::de::Error::custom("an event is an enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for VariantDeserializer<'_, 'de> {
    type Error = JsonError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), JsonError> {
        let variant = seed.deserialize(U32Deserializer::<JsonError>::new(self.index))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for VariantDeserializer<'_, 'de> {
    type Error = JsonError;

    fn unit_variant(self) -> Result<(), JsonError> {
        self.json.deserialize_map(AnyObject)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, JsonError> {
        seed.deserialize(self.json)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, JsonError> {
        self.json.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.json.deserialize_struct("", fields, visitor)
    }
}

/// An object whatever its fields: a variant that lost its last field still reads its old events.
struct AnyObject;

impl<'de> Visitor<'de> for AnyObject {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

struct VariantSerializer<S>(S);

macro_rules! refuse {
    ($($method:ident($($kind:ty)?))*) => {
        $(fn $method(self $(, _: $kind)?) -> Result<S::Ok, S::Error> { Err(no_enum()) })*
    };
}

fn no_enum<E: serde::ser::Error>() -> E {
    E::custom("an event is an enum")
}

impl<S: Serializer> Serializer for VariantSerializer<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = Elements<S::SerializeTuple>;
    type SerializeMap = Impossible<S::Ok, S::Error>;
    type SerializeStruct = Impossible<S::Ok, S::Error>;
    type SerializeStructVariant = Fields<S::SerializeStruct>;

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<S::Ok, S::Error> {
        self.0.serialize_map(Some(0))?.end()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(self.0)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.0.serialize_tuple(len).map(Elements)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0.serialize_struct(variant, len).map(Fields)
    }

    refuse! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_f32(f32)
        serialize_f64(f64) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8]) serialize_none()
        serialize_unit() serialize_unit_struct(&'static str)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<S::Ok, S::Error> {
        Err(no_enum())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<S::Ok, S::Error> {
        Err(no_enum())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Err(no_enum())
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, S::Error> {
        Err(no_enum())
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        Err(no_enum())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Err(no_enum())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, S::Error> {
        Err(no_enum())
    }
}

struct Fields<S>(S);

impl<S: SerializeStruct> SerializeStructVariant for Fields<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        self.0.serialize_field(key, value)
    }

    fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
        self.0.skip_field(key)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

struct Elements<S>(S);

impl<S: SerializeTuple> SerializeTupleVariant for Elements<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_element(value)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Fact {
        Nothing,
        One(i128),
        Two(String, f64),
        Named { big: u64, huge: i128, maybe: Option<Vec<u8>> },
    }

    #[test]
    fn every_kind_of_variant_comes_back_as_it_was() {
        let facts = [
            (Fact::Nothing, "{}"),
            (Fact::One(i128::MIN), "-170141183460469231731687303715884105728"),
            (Fact::Two("\0\u{1f600}".into(), -0.0), "[\"\\u0000😀\",-0.0]"),
            (
                Fact::Named { big: u64::MAX, huge: 1 << 64, maybe: None },
                "{\"big\":18446744073709551615,\"huge\":18446744073709551616,\"maybe\":null}",
            ),
        ];
        for (index, (fact, json)) in (0..).zip(facts) {
            let payload = encode_variant(&fact).unwrap();
            assert_eq!(String::from_utf8(payload.clone()).unwrap(), json);
            assert_eq!(decode_variant::<Fact>(index, &payload).unwrap(), fact);
        }
    }

    #[test]
    fn a_variant_that_lost_its_fields_reads_its_old_events_but_nothing_else() {
        assert_eq!(decode_variant::<Fact>(0, br#"{"reason":"x"}"#).unwrap(), Fact::Nothing);
        assert!(decode_variant::<Fact>(0, b"[]").is_err());
        assert!(decode_variant::<Fact>(0, b"{} {}").is_err());
    }

    #[test]
    fn what_is_not_an_enum_is_refused() {
        assert!(matches!(encode_variant(&5), Err(EncodeProblem::NoJson(_))));
        assert!(matches!(decode_variant::<u64>(0, b"5"), Err(DecodeProblem::Malformed(_))));
    }
}
