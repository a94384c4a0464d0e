//! `projections pause` and `projections resume`.

use crate::command::OneProjection;
use crate::output::Console;
use crate::{Failure, which};
use es_core::{Generation, GenerationState, Store};

pub(crate) async fn pause(
    store: &dyn Store,
    which: &OneProjection,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let found = find(store, which).await?;
    if !store.pause(&found.projection).await? {
        return Err(which::none(which, "store"));
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
        return Err(which::none(which, "store"));
    }
    let was = if found.paused {
        "it was paused"
    } else if found.halt().is_some() {
        "it had halted"
    } else {
        "it was neither paused nor halted"
    };
    console.note(format_args!("resumed {}: {was}", found.projection));
    Ok(())
}

/// The live generation that is meant.
pub(crate) async fn find(store: &dyn Store, which: &OneProjection) -> Result<Generation, Failure> {
    let mut generations = store.generations().await?;
    generations.retain(|generation| generation.state == GenerationState::Live);
    which::one_of(which, "store", generations, |generation| {
        (generation.projection.name(), generation.projection.version())
    })
}
