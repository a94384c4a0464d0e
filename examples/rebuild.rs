//! A second version of a read model, built beside the first while tills go on selling and readers go on reading.
//!
//! ```sh
//! cargo run --example rebuild                                        # in memory
//! cargo run --example rebuild -- --store sqlite:rebuild.db           # on SQLite, or postgres://…
//! cargo run --example rebuild -- --store sqlite:rebuild.db projections    # where both versions are
//! ```
//!
//! The same in production, without a gap: the old program runs on; the new one says `replay takings`, which builds; then
//! the new one is started, and follows the log from where the build has ended. Start it too early and nothing is lost
//! either, but its readers see the new read model grow.

use clap::Parser;
use es_cli::{Failure, FailureKind, StoreArgs};
use es_core::{
    Aggregate, App, Apply, Event, EventStore, Fate, Filter, Id, KeyError, Position, Progress, Projection,
    Projector, Recorded, Repository, Store,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "till")]
enum TillEvent {
    Sold { cents: u64 },
}

#[derive(Debug, Clone, Aggregate)]
#[aggregate(event = TillEvent, error = std::convert::Infallible)]
struct Till {
    sales: u64,
}

impl Apply<TillEvent> for Till {
    fn apply(&mut self, _: &TillEvent) {
        self.sales += 1;
    }
}

/// The read model that is live.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Takings {
    sales: u64,
    cents: u64,
}

impl Projection for Takings {
    const NAME: &'static str = "takings";
    type Event = TillEvent;
    type Key = Id<Till>;

    fn keys(event: &Recorded<TillEvent>) -> Result<impl IntoIterator<Item = Id<Till>>, KeyError> {
        Ok([event.stream.id::<Till>()?])
    }

    fn project(&mut self, event: &Recorded<TillEvent>) -> Fate {
        let TillEvent::Sold { cents } = event.data;
        self.sales += 1;
        self.cents += cents;
        Fate::Keep
    }
}

/// The next version also knows the largest sale. In a program of its own it is still called `Takings`: name and version
/// are what counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct TakingsV2 {
    sales: u64,
    cents: u64,
    largest: u64,
}

impl Projection for TakingsV2 {
    const NAME: &'static str = "takings";
    const VERSION: u32 = 2; // a read model of its own, with a place in the log of its own
    type Event = TillEvent;
    type Key = Id<Till>;

    fn keys(event: &Recorded<TillEvent>) -> Result<impl IntoIterator<Item = Id<Till>>, KeyError> {
        Ok([event.stream.id::<Till>()?])
    }

    fn project(&mut self, event: &Recorded<TillEvent>) -> Fate {
        let TillEvent::Sold { cents } = event.data;
        self.sales += 1;
        self.cents += cents;
        self.largest = self.largest.max(cents);
        Fate::Keep
    }
}

/// Builds a second version of a read model under load.
#[derive(Parser)]
struct Args {
    /// How many sales each till has behind it when the build begins
    #[arg(long, value_name = "N", default_value_t = 200)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    sales: u64,
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    command: Option<es_cli::Command>,
}

/// How many tills sell at a time.
const TILLS: u64 = 6;
/// After so many sales a till is closed anyway.
const SALES_MAX: u64 = 100_000;
/// So few at a time that a reader who could see half of a build would.
const BATCH_EVENTS_MAX: usize = 25;
/// How often the readers look.
const READ_INTERVAL: Duration = Duration::from_millis(1);
/// After this the read models should have what was sold.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    es_cli::exit(start(Args::parse()).await)
}

async fn start(args: Args) -> Result<(), Failure> {
    let store = args.store.open_or("memory").await?;
    if let Some(command) = args.command {
        let app = App::new(store).projection::<Takings>().projection::<TakingsV2>();
        return es_cli::run(&app, command).await;
    }
    if store.head().await?.is_some() {
        let message = "the store has a log already, and this begins with an empty one";
        return Err(Failure::new(FailureKind::Usage, message).with_hint("name another one with --store"));
    }
    let seen = build_under_load(store.clone(), args.sales).await?;
    let log = log(&*store).await?;
    let (old, new) = (beginnings(&log, &seen.old)?, beginnings(&log, &seen.new)?);
    let first = new.iter().find(|sales| **sales > 0).copied().unwrap_or_default();
    let built = seen.built;
    println!("v2 was built from {} events in {:?}, while {TILLS} tills sold", built.events, built.elapsed);
    println!("v1: {} sales at last, {} different reads, each whole", log.len(), old.len());
    println!("v2: {} sales at last, {} different reads, the first of {first} sales", log.len(), new.len());
    match first >= (TILLS * args.sales) as usize {
        true => Ok(()),
        false => Err(Failure::new(FailureKind::CheckFailed, "a reader saw v2 before it was built")),
    }
}

/// What readers saw: all views of a version at once, each time they had changed.
struct Seen {
    old: Vec<Views<Takings>>,
    new: Vec<Views<TakingsV2>>,
    built: Progress,
}

type Views<P> = BTreeMap<Id<Till>, P>;

async fn build_under_load(store: Arc<dyn Store>, sales: u64) -> Result<Seen, Failure> {
    let old = App::new(store.clone()).projection::<Takings>();
    let new = App::new(store.clone()).projection::<TakingsV2>();
    let (closing, shutdown) = (CancellationToken::new(), CancellationToken::new());
    let tills: Vec<_> = (0..TILLS).map(|_| Id::new()).collect();
    sell_all(&store, &tills, sales, &CancellationToken::new()).await?;

    // From here on version 1 follows the log, readers read, and tills sell.
    let old_work = run(&old, &shutdown);
    let readers = tokio::spawn(read_until(store.clone(), shutdown.clone()));
    let selling = tokio::spawn({
        let (store, closing) = (store.clone(), closing.clone());
        async move { sell_all(&store, &tills, SALES_MAX, &closing).await }
    });

    let history = head(&*store).await?;
    old.wait_for::<Takings>(Position::new(history.value() + 1), PATIENCE).await?;

    // The new version grows where nobody reads it, and is live from one moment to the next.
    let next = Projector::<TakingsV2>::new(store.clone()).with_batch_events_max(BATCH_EVENTS_MAX);
    let built = next.rebuild().await?;
    let new_work = run(&new, &shutdown);

    closing.cancel();
    selling.await??;
    let head = head(&*store).await?;
    old.wait_for::<Takings>(head, PATIENCE).await?;
    new.wait_for::<TakingsV2>(head, PATIENCE).await?;
    shutdown.cancel();
    old_work.await??;
    new_work.await??;
    let (old, new) = readers.await??;
    Ok(Seen { old, new, built })
}

fn run(app: &App, shutdown: &CancellationToken) -> JoinHandle<Result<(), es_core::ProjectorError>> {
    let (app, shutdown) = (app.clone(), shutdown.clone());
    tokio::spawn(async move { app.run(shutdown).await })
}

/// Each till sells at least once, and until it has sold `sales_max` times or is `closing`.
async fn sell_all(
    store: &Arc<dyn Store>,
    tills: &[Id<Till>],
    sales_max: u64,
    closing: &CancellationToken,
) -> Result<(), Failure> {
    let repository = Repository::<Till>::new(store.clone()).with_cache(tills.len());
    let mut selling = JoinSet::new();
    for &id in tills {
        let (repository, closing) = (repository.clone(), closing.clone());
        selling.spawn(async move {
            for sale in 0..sales_max {
                let cents = 1 + (sale * 7_919 + id.uuid().as_u128() as u64 % 89) % 9_973;
                repository.decide(id, |_| Ok(vec![TillEvent::Sold { cents }])).await?;
                if closing.is_cancelled() {
                    break;
                }
                // The memory store never makes anybody wait: without this a till would keep its thread to itself.
                tokio::task::yield_now().await;
            }
            Ok::<_, es_core::ExecuteError<_>>(())
        });
    }
    while let Some(sold) = selling.join_next().await {
        sold??;
    }
    Ok(())
}

/// Reads both versions again and again, and once more at the end.
async fn read_until(
    store: Arc<dyn Store>,
    shutdown: CancellationToken,
) -> Result<(Vec<Views<Takings>>, Vec<Views<TakingsV2>>), Failure> {
    let (old, new) = (Projector::<Takings>::new(store.clone()), Projector::<TakingsV2>::new(store));
    let (mut seen_old, mut seen_new) = (Vec::new(), Vec::new());
    let mut look = tokio::time::interval(READ_INTERVAL);
    loop {
        let last = shutdown.is_cancelled();
        seen_old.push(old.list(None, TILLS as usize).await?.into_iter().collect());
        seen_new.push(new.list(None, TILLS as usize).await?.into_iter().collect());
        seen_old.dedup();
        seen_new.dedup();
        if last {
            return Ok((seen_old, seen_new));
        }
        look.tick().await;
    }
}

async fn head(store: &dyn Store) -> Result<Position, Failure> {
    Ok(store.head().await?.map_or(Position::START, |head| head.position))
}

/// The whole log.
async fn log(store: &dyn Store) -> Result<Vec<Recorded<TillEvent>>, Failure> {
    let mut log = Vec::new();
    let mut after = Position::START;
    loop {
        let page = EventStore::read_all(store, after, &Filter::default(), 1_000).await?;
        let Some(cursor) = page.cursor else { return Ok(log) };
        after = cursor.position;
        for event in page.events {
            log.push(event.decode()?);
        }
    }
}

/// Of how many events each of the `reads` is the fold: it must be that of a beginning of the log, and never of a shorter
/// one than the read before it.
fn beginnings<P>(log: &[Recorded<TillEvent>], reads: &[Views<P>]) -> Result<Vec<usize>, Failure>
where
    P: Projection<Event = TillEvent, Key = Id<Till>> + PartialEq,
{
    let mut views = Views::<P>::new();
    let mut found = Vec::new();
    for length in 0..=log.len() {
        while reads.get(found.len()) == Some(&views) {
            found.push(length);
        }
        if let Some(event) = log.get(length) {
            for key in P::keys(event)? {
                views.entry(key).or_default().project(event);
            }
        }
    }
    match found.len() == reads.len() {
        true => Ok(found),
        false => Err(Failure::new(FailureKind::CheckFailed, "a reader saw what the log has never said")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use es_cli::StoreUrl;

    const SALES: u64 = 60;

    async fn each_read_is_whole_on(store: &str) {
        let store = StoreUrl::from(store).open().await.unwrap();
        let seen = build_under_load(store.clone(), SALES).await.unwrap();
        let log = log(&*store).await.unwrap();
        let before = (TILLS * SALES) as usize;
        assert!(log.len() >= before + TILLS as usize, "each till went on selling: {}", log.len());

        let (old, new) = (beginnings(&log, &seen.old).unwrap(), beginnings(&log, &seen.new).unwrap());
        assert_eq!((old.last(), new.last()), (Some(&log.len()), Some(&log.len())), "both have everything");
        let halves: Vec<_> = new.iter().filter(|sales| (1..before).contains(*sales)).collect();
        assert_eq!(halves, Vec::<&usize>::new(), "version 2 was seen before it was built");

        let cents = || {
            log.iter().map(|event| match event.data {
                TillEvent::Sold { cents } => cents,
            })
        };
        let (old, new) = (seen.old.last().unwrap(), seen.new.last().unwrap());
        assert_eq!(old.values().map(|view| view.cents).sum::<u64>(), cents().sum::<u64>());
        assert_eq!(new.values().map(|view| view.cents).sum::<u64>(), cents().sum::<u64>());
        assert_eq!(new.values().map(|view| view.largest).max(), cents().max());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn readers_see_whole_read_models_while_another_version_is_built() {
        each_read_is_whole_on("memory").await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn readers_see_whole_read_models_on_sqlite_too() {
        let folder = tempfile::tempdir().unwrap();
        each_read_is_whole_on(&format!("sqlite:{}", folder.path().join("rebuild.db").display())).await;
    }

    #[tokio::test]
    async fn a_view_that_is_ahead_of_another_or_behind_an_earlier_read_is_found() {
        let store: Arc<dyn Store> = Arc::new(es_memory::MemoryStore::default());
        let tills = [Id::new(), Id::new()];
        sell_all(&store, &tills, 2, &CancellationToken::new()).await.unwrap();
        let log = log(&*store).await.unwrap();
        let fold = |events: &[Recorded<TillEvent>]| {
            let mut views = Views::<Takings>::new();
            for event in events {
                views.entry(event.stream.id::<Till>().unwrap()).or_default().project(event);
            }
            views
        };
        let whole: Vec<_> = (0..=4).map(|length| fold(&log[..length])).collect();
        assert_eq!(beginnings(&log, &whole).unwrap(), [0, 1, 2, 3, 4]);
        assert!(beginnings(&log, &[fold(&log[1..])]).is_err(), "without the first event");
        assert!(beginnings(&log, &[whole[2].clone(), whole[1].clone()]).is_err(), "back again");
        let mut twice = whole[4].clone();
        twice.values_mut().next().unwrap().sales += 1;
        assert!(beginnings(&log, &[twice]).is_err(), "an event that was counted twice");
    }
}
