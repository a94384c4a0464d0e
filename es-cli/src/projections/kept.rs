//! `projections rollback` and `projections drop`.

use crate::command::OneProjection;
use crate::output::Console;
use crate::yes::confirm;
use crate::{DropArgs, Failure, FailureKind, which};
use es_core::{Generation, GenerationState, Store};

/// Puts what was live before the last rebuild in the place of what is live now, and keeps that.
pub(super) async fn roll_back(
    store: &dyn Store,
    which: &OneProjection,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let kept = find(store, which, GenerationState::Kept).await?;
    if !store.roll_back(&kept.projection).await? {
        return Err(nothing_kept(which));
    }
    let head = store.head().await?.map_or(0, |head| head.position.value());
    let (projection, position) = (&kept.projection, kept.position());
    let behind = head.saturating_sub(position.value());
    console.note(format_args!(
        "{projection} is now what it was before its last rebuild: at position {position}, {behind} behind the log; \
         it catches up where it runs. What was live is kept: projections rollback {} puts it back",
        which.name
    ));
    Ok(())
}

/// Drops what is kept; or all there is of the read model.
pub(super) async fn drop_it(
    store: &dyn Store,
    args: &DropArgs,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let which = &args.projection;
    let (found, states) = if args.all {
        let states = vec![GenerationState::Building, GenerationState::Kept, GenerationState::Live];
        (crate::pause::find(store, which).await?, states)
    } else {
        (find(store, which, GenerationState::Kept).await?, vec![GenerationState::Kept])
    };
    let (projection, position) = (&found.projection, found.position());
    let what = if args.all {
        format!(
            "drop {projection} with all its views, at position {position}, and what is kept or building of it"
        )
    } else {
        format!("drop what is kept of {projection} from before its last rebuild, at position {position}")
    };
    confirm(args.yes, &what, projection.name(), console).await?;
    for state in states {
        store.drop_generation(projection, state).await?;
    }
    console.note(format_args!("dropped; the log has all that is needed to build it again"));
    Ok(())
}

async fn find(
    store: &dyn Store,
    which: &OneProjection,
    state: GenerationState,
) -> Result<Generation, Failure> {
    let mut generations = store.generations().await?;
    let is_there = generations.iter().any(|found| {
        let projection = &found.projection;
        projection.name() == which.name && which.version.is_none_or(|version| version == projection.version())
    });
    generations.retain(|generation| generation.state == state);
    let found = which::one_of(which, "store", generations, |generation| {
        (generation.projection.name(), generation.projection.version())
    });
    match found {
        Err(failure) if is_there && failure.kind() == FailureKind::NotFound => Err(nothing_kept(which)),
        found => found,
    }
}

fn nothing_kept(which: &OneProjection) -> Failure {
    let message = format!("the store keeps nothing of `{}` from before a rebuild", which.name);
    Failure::new(FailureKind::NotFound, message)
        .with_hint("a rebuild keeps what it replaces, but tables of the application's own are not kept")
}
