//! Views as rows of a table and back, as JSON.

use es_core::{Projection, ViewWrite};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

type Fields<'j> = BTreeMap<String, &'j RawValue>;

const NO_OBJECT: &str = "a view in a table is a struct with named fields";

/// The rows as an array of JSON objects, each with its key; why there is none, where a field has no column.
pub(crate) fn json_rows(kept: &[ViewWrite], columns: &[String]) -> Result<String, String> {
    let mut rows = String::from("[");
    for ViewWrite { key, view } in kept {
        let view = view.as_deref().unwrap_or_default();
        for field in fields(view)?.keys() {
            if !columns.contains(field) {
                return Err(format!("it has no column `{field}`, found `{}`", columns.join("`, `")));
            }
        }
        let inner = view.trim().strip_prefix('{').ok_or(NO_OBJECT)?;
        let key = serde_json::to_string(key).map_err(|error| error.to_string())?;
        let comma = if rows.len() > 1 { "," } else { "" };
        let before = if inner.trim_start().starts_with('}') { "" } else { "," };
        rows.push_str(&format!("{comma}{{\"key\":{key}{before}{inner}"));
    }
    rows.push(']');
    Ok(rows)
}

/// A row's JSON without the nulls of fields that the view does not always have.
pub(crate) fn restored(row: &str, always: &[String]) -> Result<String, String> {
    let mut fields = fields(row)?;
    fields.retain(|name, value| value.get() != "null" || always.contains(name));
    serde_json::to_string(&fields).map_err(|error| error.to_string())
}

/// Why what was found is not the view that was written; nothing where it is.
pub(crate) fn not_given_back<P: Projection>(written: &str, found: &str) -> Option<String> {
    let back = serde_json::from_str::<P>(found).and_then(|view| serde_json::to_string(&view));
    let Ok(back) = back else { return Some("its row cannot be read as a view".into()) };
    if back == written {
        return None;
    }
    let (Ok(ours), Ok(theirs)) = (fields(written), fields(&back)) else { return Some(NO_OBJECT.into()) };
    let differs = |name: &&String| match (ours.get(*name), theirs.get(*name)) {
        (Some(one), Some(other)) => !same(one, other),
        _ => true,
    };
    let name = ours.keys().chain(theirs.keys()).find(differs)?;
    Some(format!("the column `{name}` does not give back what was written"))
}

/// Whether two documents say the same: the order of an object's keys may differ, and nothing else.
fn same(one: &RawValue, other: &RawValue) -> bool {
    if one.get() == other.get() {
        return true;
    }
    if let (Ok(one), Ok(other)) = (fields(one.get()), fields(other.get())) {
        let is_there = |(name, value): (&String, &&RawValue)| other.get(name).is_some_and(|o| same(value, o));
        return one.len() == other.len() && one.iter().all(is_there);
    }
    match (serde_json::from_str::<Vec<&RawValue>>(one.get()), serde_json::from_str::<Vec<_>>(other.get())) {
        (Ok(one), Ok(other)) => {
            one.len() == other.len() && std::iter::zip(one, other).all(|(a, b)| same(a, b))
        }
        _ => false,
    }
}

/// The fields of a view, by name.
pub(crate) fn fields(view: &str) -> Result<Fields<'_>, String> {
    serde_json::from_str(view).map_err(|_| NO_OBJECT.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(key: &str, view: &str) -> ViewWrite {
        ViewWrite { key: key.into(), view: Some(view.into()) }
    }

    #[test]
    fn a_hostile_key_stays_a_string_and_numbers_stay_as_they_are_written() {
        let columns = ["n".to_owned()];
        let rows = json_rows(&[write("a\",\"n\":1", "{\"n\":9007199254740993}"), write("", "{}")], &columns);
        assert_eq!(rows.unwrap(), r#"[{"key":"a\",\"n\":1","n":9007199254740993},{"key":""}]"#);
        let missing = json_rows(&[write("a", "{\"m\":1}")], &columns).unwrap_err();
        assert_eq!(missing, "it has no column `m`, found `n`");
        assert!(json_rows(&[write("a", "[1]")], &columns).is_err());
    }

    #[test]
    fn documents_differ_by_their_values_alone() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let same = |one, other| same(&raw(one), &raw(other));
        assert!(same(r#"{"a":[1,{"b":2,"c":3}],"d":"x"}"#, r#"{"d":"x","a":[1,{"c":3,"b":2}]}"#));
        for (one, other) in
            [("-0.0", "0.0"), ("1", "1.0"), ("[1,2]", "[2,1]"), (r#"{"a":1}"#, "{}"), ("{}", "[]")]
        {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn only_nulls_of_fields_that_come_and_go_are_left_out() {
        let row = r#"{"a":null,"b":null,"c":1.50}"#;
        assert_eq!(restored(row, &["a".into()]).unwrap(), r#"{"a":null,"c":1.50}"#);
    }
}
