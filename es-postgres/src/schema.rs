//! [`Schema`]: the name of the schema a store lives in, and its place in SQL.

use es_core::StoreError;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

/// The longest name: what is made of it must stay below PostgreSQL's 63 bytes, beyond which it cuts names in silence.
const NAME_BYTES_MAX: usize = 48;

/// The schema that all SQL in this crate is written for.
pub(crate) const DEFAULT: &str = "es";

/// A name that needs no quotes and cannot break out: `[a-z_][a-z0-9_]*`, not one of PostgreSQL's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema(String);

impl Schema {
    pub(crate) fn new(name: &str) -> Result<Self, StoreError> {
        let first = |c: char| c.is_ascii_lowercase() || c == '_';
        let fits = name.len() <= NAME_BYTES_MAX
            && name.starts_with(first)
            && name.chars().all(|c| first(c) || c.is_ascii_digit());
        if !fits {
            return Err(StoreError::Unusable(format!(
                "a schema is named with lower case letters, digits and `_`, {NAME_BYTES_MAX} bytes at most, found `{}`",
                shown(name)
            )));
        }
        if name.starts_with("pg_") || name == "information_schema" {
            return Err(StoreError::Unusable(format!(
                "schema `{name}` belongs to PostgreSQL: choose another"
            )));
        }
        Ok(Self(name.to_owned()))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// The text, written for the schema `es`, for this one.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut named = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(found) = rest.find("es.") {
            let (before, behind) = rest.split_at(found);
            named.push_str(before);
            let within_a_word = before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.');
            let a_name_follows =
                behind[3..].starts_with(|c: char| c.is_ascii_lowercase() || c == '_' || c == '%');
            named.push_str(if within_a_word || !a_name_follows { DEFAULT } else { &self.0 });
            named.push('.');
            rest = &behind[3..];
        }
        named.push_str(rest);
        named
    }

    /// The same for a text of this crate that is to be run.
    pub(crate) fn sql(&self, text: &'static str) -> SqlStr {
        if self.0 == DEFAULT { text.into_sql_str() } else { AssertSqlSafe(self.text(text)).into_sql_str() }
    }
}

/// What of a hostile name is fit for an error.
fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_02_a_hostile_schema_is_refused() {
        for name in [
            "",
            "Es",
            "1es",
            "es-1",
            "es\"",
            "es;",
            "é",
            "es es",
            "pg_temp",
            "pg_catalog",
            "information_schema",
        ] {
            assert!(Schema::new(name).is_err(), "{name}");
        }
        assert!(Schema::new(&"a".repeat(49)).is_err());
        assert!(Schema::new(&"a".repeat(48)).is_ok() && Schema::new("_orders2").is_ok());
    }

    #[test]
    fn only_names_of_the_schema_are_replaced() {
        let orders = Schema::new("orders").unwrap();
        let text = "SELECT es.horizon() FROM es.events WHERE values.x = a.es.b -- closes. es. es.views_%s 'es.begun'";
        let named = "SELECT orders.horizon() FROM orders.events WHERE values.x = a.es.b -- closes. es. orders.views_%s 'orders.begun'";
        assert_eq!(orders.text(text), named);
        assert_eq!(Schema::new("es").unwrap().text(text), text);
    }
}
