//! `projections pause` and `projections resume`.

use crate::command::OneProjection;
use crate::output::Console;
use crate::suggestion::suggestion;
use crate::{Failure, FailureKind};
use es_core::{Generation, GenerationState, Store};

pub(crate) async fn pause(
    store: &dyn Store,
    which: &OneProjection,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let found = find(store, which).await?;
    if !store.pause(&found.projection).await? {
        return Err(gone(which));
    }
    let (projection, name) = (&found.projection, &which.name);
    console.note(format_args!("paused {projection}; let it go on with: projections resume {name}"));
    Ok(())
}

pub(crate) async fn resume(
    store: &dyn Store,
    which: &OneProjection,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let found = find(store, which).await?;
    if !store.resume(&found.projection).await? {
        return Err(gone(which));
    }
    let was = match &found {
        Generation { paused: true, .. } => "it was paused",
        Generation { halt: Some(_), .. } => "it had halted",
        _ => "it was neither paused nor halted",
    };
    console.note(format_args!("resumed {}: {was}", found.projection));
    Ok(())
}

/// The live generation that is meant.
async fn find(store: &dyn Store, which: &OneProjection) -> Result<Generation, Failure> {
    let generations = store.generations().await?;
    let mut live: Vec<_> =
        generations.into_iter().filter(|generation| generation.state == GenerationState::Live).collect();
    let names: Vec<_> = live.iter().map(|generation| generation.projection.name().to_owned()).collect();
    live.retain(|generation| {
        let projection = &generation.projection;
        projection.name() == which.name && which.version.is_none_or(|version| version == projection.version())
    });
    match live.len() {
        0 => {
            let known: Vec<_> = names.iter().map(String::as_str).collect();
            Err(gone(which).with_hint(suggestion(&which.name, &known)))
        }
        1 => Ok(live.remove(0)),
        _ => {
            let versions: Vec<_> = live.iter().map(|live| live.projection.version().to_string()).collect();
            let message = format!("`{}` has the versions {}", which.name, versions.join(", "));
            Err(Failure::new(FailureKind::Usage, message).with_hint("say which one with --version"))
        }
    }
}

fn gone(which: &OneProjection) -> Failure {
    let version = which.version.map(|version| format!(" v{version}")).unwrap_or_default();
    Failure::new(FailureKind::NotFound, format!("the store has no read model `{}`{version}", which.name))
}
