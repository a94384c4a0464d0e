//! `events tail`: the log as it grows.

use super::Lines;
use crate::command::TailStart;
use crate::output::Console;
use crate::{Failure, FailureKind, TailArgs};
use es_core::{App, EventStore, Payload, Position, Recorded, StoreError, Subscription};
use std::future::ready;
use std::pin::pin;

pub(crate) async fn tail(
    app: &App,
    args: &TailArgs,
    console: &mut Console<'_>,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (mut interrupt, mut unread) = (pin!(interrupt), pin!(console.unread()));
    let mut shown = after(app, args.from).await?;
    let subscription = Subscription::new(app.store().clone()).after(shown);
    let mut subscription = subscription.filtered(args.selection.filter());
    let mut lines = Lines::json(args.json);
    let mut left = args.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let event = tokio::select! {
            biased;
            () = &mut interrupt => return Err(interrupted(shown)),
            // Whoever reads has seen enough, as `head` has, and no further event has to tell.
            () = &mut unread => return Ok(()),
            event = next(&mut subscription, console) => event?.map_err(|error| stopped(error, shown))?,
        };
        console.line(lines.line(&event)?)?;
        shown = event.position;
        left -= 1;
    }
    Ok(())
}

/// The position behind which the first event is shown.
async fn after(app: &App, from: TailStart) -> Result<Position, Failure> {
    Ok(match from {
        TailStart::Now => app.store().head().await?.map_or(Position::START, |head| head.position),
        TailStart::Begin => Position::START,
        TailStart::At(position) => Position::new(position.value().saturating_sub(1)),
    })
}

/// The next event. Who waits for one has been shown all that came before.
async fn next(
    subscription: &mut Subscription,
    console: &mut Console<'_>,
) -> Result<Result<Recorded<Payload>, StoreError>, Failure> {
    let mut next = pin!(subscription.next());
    tokio::select! {
        biased;
        event = &mut next => return Ok(event),
        () = ready(()) => console.flush()?,
    }
    Ok(next.await)
}

fn interrupted(shown: Position) -> Failure {
    Failure::new(FailureKind::Interrupted, "interrupted").with_hint(resume(shown))
}

fn stopped(error: StoreError, shown: Position) -> Failure {
    let failure = Failure::from(error);
    match failure.kind() {
        FailureKind::Unreachable => failure.with_hint(resume(shown)),
        _ => failure,
    }
}

fn resume(shown: Position) -> String {
    format!("go on with: events tail --from {}", shown.value() + 1)
}
