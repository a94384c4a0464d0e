//! From the commit in one process to the handler in another.

use super::server;
use crate::contender::{Sight, now};
use crate::measure::Meter;
use crate::{Contender, Job, Kind, Movement, Outcome, Seen};
use anyhow::{Result, bail};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// The number of the account that is appended to.
const ACCOUNT: u64 = 1 << 33;
/// How long the next event is waited for.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// The line that says that the follower would see the next event.
const READY: &str = "ready";

pub(super) async fn run<C: Contender>(contender: C, appends: u64) -> Result<Outcome> {
    let (times, mut sights) = mpsc::unbounded_channel();
    let following = contender.follow(Seen { times });
    let mut outcome = Outcome::default();
    let mut next = 1;
    let looking = async {
        while next <= appends {
            match timeout(WAIT_MAX, sights.recv()).await {
                Ok(Some(Sight::Ready)) => println!("{READY}"),
                Ok(Some(Sight::Event(number, time))) => {
                    if number != next {
                        outcome.wrong = Some(format!("event {number} was seen, expected {next}"));
                    }
                    next = number + 1;
                    outcome.times.push((number, time));
                }
                Ok(None) | Err(_) => {
                    outcome.wrong = Some(format!("event {next} was not seen"));
                    break;
                }
            }
        }
        anyhow::Ok(())
    };
    tokio::select! {
        // A contender that cannot follow drops what it would say what it sees with.
        biased;
        ended = following => {
            ended?;
            bail!("the follower has ended");
        }
        looked = looking => looked?,
    }
    outcome.units = outcome.times.len() as u64;
    Ok(outcome)
}

pub(super) async fn pace<C: Contender>(
    contender: C,
    job: &Job,
    appends: u64,
    per_second: u64,
) -> Result<Outcome> {
    let mut writer = contender.writer(ACCOUNT).await?;
    let meter = Meter::start(server(&contender, job));
    let (interval, began) = (Duration::from_secs(1) / per_second as u32, Instant::now());
    let mut times = Vec::new();
    for number in 1..=appends {
        sleep_until(began + interval * number as u32).await;
        let entry = (Kind::Deposited, Movement::new(ACCOUNT, number));
        contender.append(&mut writer, vec![entry]).await?;
        times.push((number, now()));
    }
    Ok(Outcome { units: appends, times, ..meter.stop() })
}
