//! `replay`: building read models beside the live ones, to swap or to compare.

use crate::output::Console;
use crate::progress::{Bar, DRAW_INTERVAL, summary};
use crate::suggestion::suggestion;
use crate::text::{escaped, grouped, json_or_text};
use crate::{Failure, FailureKind, ReplayArgs};
use es_core::{AnyProjector, App, Comparison, Difference, Position, Progress, ProjectionId, ProjectorError};
use indicatif::MultiProgress;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

/// How many read models are built at the same time.
const AT_ONCE_MAX: usize = 4;
/// How many characters of a view are shown where two differ, and how many of them before the difference.
const VIEW_CHARS_MAX: usize = 400;
const VIEW_CHARS_BEFORE: usize = 60;

pub(crate) async fn run(
    app: &App,
    args: &ReplayArgs,
    console: &mut Console<'_>,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let chosen = chosen(app, args)?;
    if chosen.is_empty() {
        console.note("the application has no projections");
        return Ok(());
    }
    let head = app.store().head().await?.map_or(Position::START, |head| head.position);
    let purpose = match (args.check, args.resume) {
        (true, _) => Purpose::Compare,
        (false, true) => Purpose::Resume,
        (false, false) => Purpose::Swap,
    };
    let mut replays = Replays::new(chosen, purpose, head, console);
    tokio::pin!(interrupt);
    let mut ticks = tokio::time::interval(DRAW_INTERVAL);
    while replays.begin_more() {
        tokio::select! {
            Some(joined) = replays.tasks.join_next() => replays.ended(joined)?,
            _ = ticks.tick() => replays.show(),
            () = &mut interrupt => return Err(replays.interrupted().await),
        }
    }
    replays.outcome()
}

/// The projectors with these names, or all, in the order of the application.
fn chosen(app: &App, args: &ReplayArgs) -> Result<VecDeque<AnyProjector>, Failure> {
    let names: Vec<_> = app.projectors().iter().map(|projector| projector.projection().name()).collect();
    if let Some(unknown) = args.names.iter().find(|name| !names.contains(&name.as_str())) {
        let message = format!("no projection is named `{unknown}`");
        return Err(Failure::new(FailureKind::NotFound, message).with_hint(suggestion(
            unknown,
            "application",
            &names,
        )));
    }
    let is_chosen = |projector: &&AnyProjector| {
        args.all || args.names.iter().any(|name| name == projector.projection().name())
    };
    let projectors = app.projectors().iter().filter(is_chosen).cloned();
    let projectors = projectors.map(|projector| {
        let projector = projector.with_rebuild_workers(args.workers.unwrap_or(1));
        args.rate.into_iter().fold(projector, AnyProjector::with_rebuild_rate_max)
    });
    Ok(projectors.collect())
}

/// What is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Swap,
    /// As `Swap`, but an unfinished build is gone on with.
    Resume,
    Compare,
}

/// What became of one.
enum Built {
    Swapped(Progress),
    Compared(Comparison),
}

/// Builds one read model.
async fn build(
    projector: AnyProjector,
    purpose: Purpose,
    progress: watch::Sender<Progress>,
) -> Result<Built, ProjectorError> {
    let each = |now: Progress| {
        progress.send_replace(now);
    };
    match purpose {
        Purpose::Swap => projector.rebuild(each).await.map(Built::Swapped),
        Purpose::Resume => projector.resume_rebuild(each).await.map(Built::Swapped),
        Purpose::Compare => projector.check(each).await.map(Built::Compared),
    }
}

/// Read models that are being built, and those whose turn comes.
struct Replays<'a, 'c> {
    waiting: VecDeque<AnyProjector>,
    running: Vec<Replay>,
    tasks: JoinSet<(AnyProjector, Result<Built, ProjectorError>)>,
    purpose: Purpose,
    head: Position,
    total: usize,
    failures: Vec<Failure>,
    /// Why nobody reads the answers any more: the work is done all the same.
    unread: Option<Failure>,
    bars: Option<MultiProgress>,
    console: &'a mut Console<'c>,
}

/// One of them.
struct Replay {
    projector: AnyProjector,
    progress: watch::Receiver<Progress>,
    bar: Bar,
}

impl<'a, 'c> Replays<'a, 'c> {
    fn new(
        waiting: VecDeque<AnyProjector>,
        purpose: Purpose,
        head: Position,
        console: &'a mut Console<'c>,
    ) -> Self {
        Self {
            running: Vec::new(),
            tasks: JoinSet::new(),
            purpose,
            head,
            total: waiting.len(),
            failures: Vec::new(),
            unread: None,
            bars: console.has_bars().then(MultiProgress::new),
            waiting,
            console,
        }
    }

    /// Begins as many as there may be; false when all is done.
    fn begin_more(&mut self) -> bool {
        while self.tasks.len() < AT_ONCE_MAX
            && let Some(projector) = self.waiting.pop_front()
        {
            let nothing =
                Progress { position: Position::START, head: self.head, events: 0, elapsed: Duration::ZERO };
            let (sender, progress) = watch::channel(nothing);
            let name = projector.projection().to_string();
            let (bar, line) = Bar::begin(name, self.head, self.bars.as_ref());
            line.into_iter().for_each(|line| self.console.note(line));
            let (own, purpose) = (projector.clone(), self.purpose);
            self.tasks.spawn(async move {
                let outcome = build(own.clone(), purpose, sender).await;
                (own, outcome)
            });
            self.running.push(Replay { projector, progress, bar });
        }
        !self.tasks.is_empty()
    }

    fn show(&mut self) {
        for replay in &mut self.running {
            let progress = *replay.progress.borrow_and_update();
            replay.bar.show(progress).into_iter().for_each(|line| self.console.note(line));
        }
    }

    fn ended(
        &mut self,
        joined: Result<(AnyProjector, Result<Built, ProjectorError>), JoinError>,
    ) -> Result<(), Failure> {
        let (projector, outcome) = match joined {
            Ok(ended) => ended,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => return Err(error.into()),
        };
        let is_it = |replay: &Replay| replay.projector.projection() == projector.projection();
        if let Some(index) = self.running.iter().position(is_it) {
            let replay = self.running.remove(index);
            let how = if outcome.is_ok() { "done" } else { "stopped" };
            replay.bar.end(how).into_iter().for_each(|line| self.console.note(line));
        }
        let (lines, failure) = answer(projector.projection(), outcome);
        match self.bars.clone() {
            // What is written between two pictures of the bars does not tear them.
            Some(bars) => bars.suspend(|| self.tell(&lines, failure)),
            None => self.tell(&lines, failure),
        }
        Ok(())
    }

    /// Writes what became of one, and keeps what went wrong with it.
    fn tell(&mut self, lines: &[String], failure: Option<Failure>) {
        let written = lines.iter().try_for_each(|line| self.console.line(line));
        if let Err(unread) = written.and_then(|()| self.console.flush()) {
            self.unread.get_or_insert(unread);
        }
        if let Some(failure) = failure {
            if self.total > 1 {
                self.console.report(&failure);
            }
            self.failures.push(failure);
        }
    }

    /// Stops what runs, and says how to go on.
    async fn interrupted(mut self) -> Failure {
        self.tasks.shutdown().await;
        self.running.iter().for_each(|replay| replay.bar.clear());
        let running = self.running.iter().map(|replay| &replay.projector);
        let mut names: Vec<_> =
            running.chain(&self.waiting).map(|projector| projector.projection().name()).collect();
        names.dedup();
        let how = if self.purpose == Purpose::Compare { "--check" } else { "--resume" };
        let message = "interrupted: the live read models that were not done yet are as they were";
        Failure::new(FailureKind::Interrupted, message)
            .with_hint(format!("go on with: replay {} {how}", names.join(" ")))
    }

    /// Nothing, the one failure there is, or how many there are.
    fn outcome(mut self) -> Result<(), Failure> {
        let Some(last) = self.failures.pop() else {
            return self.unread.map_or(Ok(()), Err);
        };
        if self.total == 1 {
            return Err(last);
        }
        let is_same = self.failures.iter().all(|failure| failure.kind() == last.kind());
        let kind = if is_same { last.kind() } else { FailureKind::Failed };
        let what = if self.purpose == Purpose::Compare { "found identical" } else { "rebuilt" };
        let (failed, total) = (self.failures.len() + 1, self.total);
        Err(Failure::new(kind, format!("{failed} of {total} read models were not {what}: see above")))
    }
}

/// The data that an outcome gives, and the failure that it is.
fn answer(
    projection: &ProjectionId,
    outcome: Result<Built, ProjectorError>,
) -> (Vec<String>, Option<Failure>) {
    match outcome {
        Ok(Built::Swapped(progress)) => (vec![format!("{projection}: rebuilt, {}", summary(progress))], None),
        Ok(Built::Compared(Comparison::Identical { compared, position })) => {
            let compared = grouped(compared);
            (vec![format!("{projection}: identical ({compared} compared at position {position})")], None)
        }
        Ok(Built::Compared(Comparison::Different(difference))) => {
            let first = format!("{projection}: different at `{}`", escaped(&difference.key));
            let [live, rebuilt] = different(&difference);
            let message = format!("the live read model {projection} is not what the log gives");
            let failure = Failure::new(FailureKind::CheckFailed, message)
                .with_hint(format!("put it right with: replay {}", projection.name()));
            (vec![first, live, rebuilt], Some(failure))
        }
        Err(error) => (Vec::new(), Some(Failure::from(error))),
    }
}

/// Both sides, where they begin to differ: views, or what is said of tables.
fn different(difference: &Difference) -> [String; 2] {
    let [live, rebuilt] = [&difference.live, &difference.rebuilt]
        .map(|view| view.as_deref().map_or_else(|| "no such view".into(), json_or_text));
    let same = live.chars().zip(rebuilt.chars()).take_while(|(one, other)| one == other).count();
    let from = if live.len().max(rebuilt.len()) > VIEW_CHARS_MAX {
        same.saturating_sub(VIEW_CHARS_BEFORE)
    } else {
        0
    };
    let part = |view: &str| {
        let shown: String = view.chars().skip(from).take(VIEW_CHARS_MAX).collect();
        let left = view.chars().count().saturating_sub(from + VIEW_CHARS_MAX);
        let (before, after) = (if from > 0 { "…" } else { "" }, if left > 0 { "…" } else { "" });
        format!("{before}{shown}{after}")
    };
    [format!("  live:    {}", part(&live)), format!("  rebuilt: {}", part(&rebuilt))]
}

#[cfg(test)]
mod tests;
