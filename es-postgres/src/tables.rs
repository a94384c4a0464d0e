//! [`Tables`]: what a generation's tables are called.

use es_core::{GenerationId, GenerationState, Grant, StoreError};

/// The longest name: with what is put behind it, it stays within PostgreSQL's 63 bytes, beyond which names are cut in
/// silence.
const NAME_BYTES_MAX: usize = 41;

/// The physical names of a generation's tables: those of the live one are as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    suffix: String,
}

impl Tables {
    /// The tables of the generation that was granted.
    pub fn of(grant: &Grant) -> Self {
        match grant.lease.of {
            GenerationState::Building => Self::building(grant.generation),
            GenerationState::Live | GenerationState::Kept => Self::live(),
        }
    }

    pub(crate) fn live() -> Self {
        Self { suffix: String::new() }
    }

    pub(crate) fn building(generation: GenerationId) -> Self {
        Self { suffix: format!("__g{}", generation.value()) }
    }

    /// What the table declared as `table` is called in this generation. It needs no quotes, unless it is a word of
    /// SQL.
    pub fn name(&self, table: &str) -> String {
        format!("{table}{}", self.suffix)
    }

    pub(crate) fn names(&self, declared: &[&str]) -> Vec<String> {
        declared.iter().map(|table| self.name(table)).collect()
    }

    /// Refuses names that leave their alphabet, which is what makes it safe to write them into SQL.
    pub(crate) fn check(declared: &[&str]) -> Result<(), StoreError> {
        let is_plain = |name: &str| name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let wrong = declared.iter().find(|name| {
            !is_plain(name)
                || !name.starts_with(|first: char| first.is_ascii_lowercase())
                || name.starts_with("pg_")
                || name.len() > NAME_BYTES_MAX
        });
        match wrong {
            Some(name) => Err(StoreError::Unusable(format!(
                "a projection's table is named with a to z, 0 to 9 and `_`, {NAME_BYTES_MAX} bytes at most, found `{}`",
                name.chars().take(64).flat_map(char::escape_default).collect::<String>()
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_02_a_hostile_table_is_refused() {
        let long = "a".repeat(42);
        for name in ["", "A", "1a", "_a", "a-b", "a.b", "a\"", "a;", "é", "a b", "pg_class", &long] {
            assert!(Tables::check(&["fine", name]).is_err(), "{name}");
        }
        assert!(Tables::check(&["balances", "order", "a1_b", &"a".repeat(41)]).is_ok());
    }
}
