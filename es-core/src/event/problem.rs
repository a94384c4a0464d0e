//! Why an event could not be written or read. Neither error ever shows a payload.

/// Why an event could not be turned into a payload.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeProblem {
    /// A field has no JSON form, such as a map whose keys are not strings.
    #[error("a field has no JSON form ({0})")]
    NoJson(Box<str>),
    /// What was written cannot be read again: a NaN is written as `null`, or a field is skipped without a default.
    #[error("what was encoded cannot be decoded again")]
    NotReadable(#[source] DecodeProblem),
    /// What was written reads back as something else: a `HashMap` (use a `BTreeMap`), or `Serialize` and
    /// `Deserialize` that do not fit each other.
    #[error("what was encoded is decoded and encoded differently (is there a HashMap? use a BTreeMap)")]
    NotFaithful,
}

/// Why a stored event could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeProblem {
    /// No variant has this name or alias.
    #[error("no variant has this name: was it recorded by a newer program, or is an alias missing?")]
    UnknownName,
    /// The variant has no shape with this version.
    #[error("the schema versions {oldest} to {newest} are known, found {found}")]
    UnknownVersion {
        /// The version that was stored.
        found: u32,
        /// The oldest version that can be upcast.
        oldest: u32,
        /// The version of today.
        newest: u32,
    },
    /// The payload does not have the shape that its name and version promise.
    #[error("the payload does not fit: {0}")]
    Malformed(Box<str>),
    /// The old shape was read, and its upcaster refused it.
    #[error("the upcaster from version {version} refused the event")]
    Upcast {
        /// The version of the shape that could not be upcast.
        version: u32,
        /// What the upcaster said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl DecodeProblem {
    /// Describes what serde_json found without the values it found: those are the payload's.
    pub(super) fn malformed(error: &serde_json::Error) -> Self {
        Self::Malformed(without_values(error).into())
    }
}

impl EncodeProblem {
    pub(super) fn no_json(error: &serde_json::Error) -> Self {
        Self::NoJson(without_values(error).into())
    }
}

fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let at = format!("at line {} column {}", error.line(), error.column());
    if let Some(name) =
        quoted_after(&text, "missing field `").or_else(|| quoted_after(&text, "duplicate field `"))
    {
        let problem = if text.starts_with("missing") { "missing" } else { "duplicate" };
        return format!("{problem} field `{name}` {at}");
    }
    // These are serde's own sentences; what stands behind the last "expected" is the type's description of itself.
    let is_serdes =
        ["invalid type: ", "invalid value: ", "invalid length "].iter().any(|start| text.starts_with(start));
    let expected = text.rsplit_once(", expected ").filter(|_| is_serdes);
    match (expected, error.classify()) {
        (Some((_, expected)), _) => format!("expected {expected}").replace(&format!(" {at}"), "") + " " + &at,
        (None, serde_json::error::Category::Syntax | serde_json::error::Category::Eof) => text,
        (None, _) => format!("a value of another type or range {at}"),
    }
}

/// The static name in `prefix` + name + "`", as serde_derive writes it.
fn quoted_after<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    text.strip_prefix(prefix)?.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Card {
        #[expect(dead_code)]
        cents: u64,
    }

    #[test]
    fn an_error_names_the_field_and_the_type_but_never_the_value() {
        let said = |json: &str| without_values(&serde_json::from_str::<Card>(json).unwrap_err());
        assert_eq!(said("{}"), "missing field `cents` at line 1 column 2");
        assert_eq!(said(r#"{"cents":"4111-secret, expected me"}"#), "expected u64 at line 1 column 35");
        assert_eq!(said(r#"{"cents":-5}"#), "expected u64 at line 1 column 11");
        assert_eq!(said(r#"{"cents":"#), "EOF while parsing a value at line 1 column 9");
        assert_eq!(said(r#"{"cents":1,"cents":2}"#), "duplicate field `cents` at line 1 column 18");
    }
}
