//! One run: safety, liveness, and the verdict.

use super::arguments::{Arguments, Nemesis, Twin};
use super::check::{Anomaly, check};
use super::crew::Crew;
use super::history::History;
use super::journal;
use super::line::Line;
use super::nemesis;
use super::orders::Phase;
use super::patience::{Patience, SILENCE_MAX, WAIT_MAX};
use super::plan;
use super::report::Report;
use super::site::Site;
use super::worker::{Job, Role};
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// How long the workers may take to open the store.
const BEGIN_MAX: Duration = Duration::from_secs(20);

/// How often to look whether they have.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How many processes read.
const READERS: u16 = 2;

/// How many processes want to run the projections.
const PROJECTORS: u16 = 3;

/// Runs, prints what was found, and says whether that was nothing.
///
/// # Errors
/// When the run could not be carried out, which says nothing of the store.
pub async fn run(arguments: &Arguments) -> Result<bool> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let safety = Duration::from_secs(arguments.seconds);
    let faults = arguments.faults()?;
    let folder = tempfile::tempdir()?;
    let site = Site::prepare(arguments, seed, folder.path()).await?;
    let divides = faults.contains(&Nemesis::Divide);
    let mut jobs = jobs(arguments, (seed, divides), folder.path(), &site);
    let plan = plan::plan(seed, safety, &faults, jobs.len() - 1);
    println!("seed {seed}: {} workers, {} faults in {safety:?}", jobs.len() - 1, plan.len());

    let workers: Vec<u16> = jobs.iter().map(|job| job.worker).collect();
    let director = jobs.remove(0);
    if faults.contains(&Nemesis::Restart) || arguments.twin == Some(Twin::HorizonAsCursor) {
        site.direct(director).await?;
    }
    let mut crew = Crew::start(jobs)?;
    begun(folder.path(), &workers[1..]).await?;
    nemesis::torment(&plan, safety, &mut crew, &site).await?;
    let stuck = drain(Patience::with(folder.path(), &workers), &mut crew, &site).await?;

    let mut history = History::read(folder.path(), workers.into_iter())?;
    history.stuck = stuck;
    history.failures.append(&mut crew.failures);
    site.read_into(&mut history).await?;
    let found = check(&history);
    let report = Report::of(&history, seed, crew.kills, site.cuts());
    conclude(&found, &report, folder)
}

/// Waits until every worker has opened the store: faults that come before break nothing.
async fn begun(folder: &Path, workers: &[u16]) -> Result<()> {
    let deadline = Instant::now() + BEGIN_MAX;
    let mut look = tokio::time::interval(LOOK_INTERVAL);
    for worker in workers {
        let path = journal::path(folder, *worker);
        while !journal::read(&path)?.contains(&Line::Opened) {
            anyhow::ensure!(
                Instant::now() < deadline,
                "worker {worker} did not open the store in {BEGIN_MAX:?}"
            );
            look.tick().await;
        }
    }
    Ok(())
}

/// Lets everybody catch up once the faults are over. Says who was stuck at the end.
async fn drain(mut patience: Patience, crew: &mut Crew, site: &Site) -> Result<Vec<String>> {
    site.calm();
    crew.continue_all()?;
    crew.say(Phase::Drain).await;
    let mut late = crew.wait(&mut patience, |job| job.role == Role::Writer).await;
    let head = patience.wait(site.head()).await;
    let head = head.context("the head of the log could not be read in time")??;
    crew.say(Phase::Until(head)).await;
    late.extend(crew.wait(&mut patience, |job| job.role != Role::Writer).await);
    crew.dismiss().await?;
    let say = |worker| {
        format!(
            "worker {worker} had not come to its end, after {SILENCE_MAX:?} of silence or {WAIT_MAX:?} in all"
        )
    };
    Ok(late.into_iter().map(say).collect())
}

/// The first is for what comes before the seeded part. Then come writers, readers and projectors.
fn jobs(arguments: &Arguments, (seed, divides): (u64, bool), folder: &Path, site: &Site) -> Vec<Job> {
    let writers = arguments.writers;
    let roles = std::iter::repeat_n(Role::Writer, usize::from(writers) + 1)
        .chain(std::iter::repeat_n(Role::Reader, usize::from(READERS)))
        .chain(std::iter::repeat_n(Role::Projector, usize::from(PROJECTORS)));
    let job = |(worker, role)| Job {
        worker,
        role,
        writers,
        incarnation: 0,
        seed,
        folder: folder.to_owned(),
        divides,
        place: site.place().clone(),
    };
    (0..).zip(roles).map(job).collect()
}

/// Prints the anomalies, one of each name in full, and the report.
fn conclude(found: &[Anomaly], report: &Report, folder: TempDir) -> Result<bool> {
    let mut names: Vec<&str> = found.iter().map(|anomaly| anomaly.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let mut same = found.iter().filter(|anomaly| anomaly.name == name);
        if let Some(first) = same.next() {
            println!("{first}");
        }
        let more = same.count();
        if more > 0 {
            println!("    … and {more} more");
        }
    }
    if !found.is_empty() {
        let kept = folder.keep();
        println!("seed {} fails; the journals are in {}", report.seed, kept.display());
    }
    println!("{}", serde_json::to_string(report)?);
    Ok(found.is_empty())
}
