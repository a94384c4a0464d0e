//! `projections rollback` and `projections drop`.

use crate::command::OneProjection;
use crate::output::Console;
use crate::yes::confirm;
use crate::{DropArgs, Failure, FailureKind, which};
use es_core::{App, Generation, GenerationState, Store};

/// Puts what was live before the last rebuild in the place of what is live now, and keeps that.
pub(super) async fn roll_back(
    store: &dyn Store,
    which: &OneProjection,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let all = find(store, which).await?;
    let kept = of(&all, GenerationState::Kept).ok_or_else(|| nothing_kept(which))?;
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
pub(super) async fn drop_it(app: &App, args: &DropArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let (store, which) = (&**app.store(), &args.projection);
    let found = find(store, which).await?;
    let dropped: Vec<_> = if args.all {
        found.iter().collect()
    } else {
        of(&found, GenerationState::Kept).into_iter().collect()
    };
    let projection = &dropped.first().ok_or_else(|| nothing_kept(which))?.projection;
    if args.all && app.reactors().any(|reactor| reactor == projection) {
        let message =
            format!("{projection} is a reactor: without its checkpoint it would react to old events again");
        return Err(Failure::new(FailureKind::Usage, message)
            .with_hint("take it out of the application first, and use the program es"));
    }
    let builds: Vec<_> = dropped.iter().map(|build| describe(build)).collect();
    let builds = builds.join(", ");
    let what = if args.all {
        format!(
            "drop all there is of {projection}: {builds}. Where it still runs it begins anew; a reactor would repeat \
             what it has done; tables of the application's own stay as they are, and are to be dropped by hand"
        )
    } else {
        format!("drop what is kept of {projection} from before its last rebuild: {builds}")
    };
    confirm(args.yes, &what, projection.name(), console).await?;
    let now = find(store, which).await?;
    for build in &dropped {
        // A rebuild may have ended while somebody was asked.
        if now.iter().any(|now| (now.id, now.state) == (build.id, build.state)) {
            store.drop_generation(projection, build.state).await?;
        } else {
            let message = format!("{projection} has changed meanwhile: {} is gone", describe(build));
            return Err(Failure::new(FailureKind::Conflict, message).with_hint("look again, and repeat it"));
        }
    }
    console.note("dropped");
    Ok(())
}

fn describe(build: &Generation) -> String {
    let state = match build.state {
        GenerationState::Live => "the live one",
        GenerationState::Kept => "the kept one",
        GenerationState::Building => "the one that is building",
    };
    format!("{state} at position {}", build.position())
}

fn of(all: &[Generation], state: GenerationState) -> Option<&Generation> {
    all.iter().find(|found| found.state == state)
}

/// All generations of the one that is meant.
async fn find(store: &dyn Store, which: &OneProjection) -> Result<Vec<Generation>, Failure> {
    let mut generations = store.generations().await?;
    let mut known: Vec<_> = generations.iter().map(|found| found.projection.clone()).collect();
    known.dedup();
    let meant = which::one_of(which, "store", known, |projection| (projection.name(), projection.version()))?;
    generations.retain(|found| found.projection == meant);
    Ok(generations)
}

fn nothing_kept(which: &OneProjection) -> Failure {
    let message = format!("the store keeps nothing of `{}` from before a rebuild", which.name);
    Failure::new(FailureKind::NotFound, message)
        .with_hint("a rebuild keeps what it replaces, but tables of the application's own are not kept")
}
