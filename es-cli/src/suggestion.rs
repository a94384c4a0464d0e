//! What a person may have meant.

/// How alike two names must be to be taken for each other.
const SIMILARITY_MIN: f64 = 0.75;

/// "did you mean `movements`? known are: movements, totals", or what is true of it. `owner` is who knows them.
pub(crate) fn suggestion(given: &str, owner: &str, known: &[&str]) -> String {
    let alike = known.iter().map(|name| (strsim::jaro_winkler(given, name), name));
    let closest = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    let list = known.join(", ");
    match closest {
        None => format!("the {owner} has none at all"),
        Some((similarity, name)) if similarity >= SIMILARITY_MIN => {
            format!("did you mean `{name}`? known are: {list}")
        }
        Some(_) => format!("known are: {list}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_alike_is_suggested() {
        let known = ["movements", "totals"];
        let suggestion = |given: &str, known: &[&str]| suggestion(given, "application", known);
        assert_eq!(suggestion("movments", &known), "did you mean `movements`? known are: movements, totals");
        assert_eq!(suggestion("xyz", &known), "known are: movements, totals");
        assert_eq!(suggestion("xyz", &[]), "the application has none at all");
    }
}
