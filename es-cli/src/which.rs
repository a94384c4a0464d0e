//! Which of several read models and reactors a person means.

use crate::command::OneProjection;
use crate::suggestion::suggestion;
use crate::{Failure, FailureKind};

/// The one of `known` that is meant, which `of` gives name and version of; `owner` is who has them: the store, or the
/// application.
pub(crate) fn one_of<T>(
    which: &OneProjection,
    owner: &str,
    mut known: Vec<T>,
    of: impl Fn(&T) -> (&str, u32),
) -> Result<T, Failure> {
    let mut names: Vec<_> = known.iter().map(|one| of(one).0.to_owned()).collect();
    names.dedup();
    known.retain(|one| {
        let (name, version) = of(one);
        name == which.name && which.version.is_none_or(|wanted| wanted == version)
    });
    match known.len() {
        0 => {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            Err(none(which, owner).with_hint(suggestion(&which.name, owner, &names)))
        }
        1 => Ok(known.remove(0)),
        _ => {
            let versions: Vec<_> = known.iter().map(|one| of(one).1.to_string()).collect();
            let message = format!("`{}` has the versions {}", which.name, versions.join(", "));
            Err(Failure::new(FailureKind::Usage, message).with_hint("say which one with --version"))
        }
    }
}

/// Nothing that is called so.
pub(crate) fn none(which: &OneProjection, owner: &str) -> Failure {
    let version = which.version.map(|version| format!(" v{version}")).unwrap_or_default();
    let message = format!("the {owner} has no read model `{}`{version}", which.name);
    Failure::new(FailureKind::NotFound, message)
}
