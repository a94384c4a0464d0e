//! [`plan`]: which faults come when, made of nothing but the seed.

use super::arguments::Nemesis;
use ::tests::proxy::Direction;
use fastrand::Rng;
use std::time::Duration;

/// Between two faults.
const GAP_MS: std::ops::Range<u64> = 80..700;

/// Longer than the lease of a projector, and shorter than a store's patience with a process that holds its lock.
const STOP_MS: std::ops::Range<u64> = 200..2_500;

/// A server needs some time to come back, and the processes some to do anything.
const RESTART_GAP: Duration = Duration::from_secs(6);

/// A network that does not work for a while.
const NETWORK_MS: std::ops::Range<u64> = 100..1_500;

/// One fault, and when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// After the beginning of the safety phase.
    pub at: Duration,
    /// What it is.
    pub fault: Fault,
}

/// What can be done to a run; a worker is named by its place in the crew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL, and a new process.
    Kill(usize),
    /// SIGSTOP.
    Stop(usize),
    /// SIGCONT.
    Continue(usize),
    /// `pg_terminate_backend` of every connection whose process number leaves this rest, divided by three.
    Terminate { rest: u32 },
    /// The connection through which the byte with this number flows is cut.
    Cut { direction: Direction, bytes: usize },
    /// What is sent vanishes.
    Swallow,
    /// What is sent comes later.
    Delay(Duration),
    /// The network works again.
    Pass,
    /// An immediate restart of the server.
    Restart,
}

/// The faults of a run, by time.
pub fn plan(seed: u64, safety: Duration, kinds: &[Nemesis], workers: usize) -> Vec<Planned> {
    let mut dice = Rng::with_seed(seed);
    let mut planned = Vec::new();
    let mut restarted = Duration::ZERO;
    let mut at = Duration::ZERO;
    while let Some(kind) = dice.choice(kinds) {
        at += Duration::from_millis(dice.u64(GAP_MS));
        if at >= safety {
            break;
        }
        let worker = dice.usize(..workers);
        let faults = match kind {
            // The projectors do that by themselves.
            Nemesis::None | Nemesis::Divide => vec![],
            Nemesis::Kill => vec![(at, Fault::Kill(worker))],
            Nemesis::Pause => {
                let end = at + Duration::from_millis(dice.u64(STOP_MS));
                vec![(at, Fault::Stop(worker)), (end, Fault::Continue(worker))]
            }
            Nemesis::Terminate => vec![(at, Fault::Terminate { rest: dice.u32(..3) })],
            Nemesis::Cut => network(&mut dice, at),
            Nemesis::Restart if at < restarted + RESTART_GAP && restarted > Duration::ZERO => vec![],
            Nemesis::Restart => {
                restarted = at;
                vec![(at, Fault::Restart)]
            }
        };
        planned.extend(faults.into_iter().map(|(at, fault)| Planned { at, fault }));
    }
    planned.sort_by_key(|planned| planned.at);
    planned
}

fn network(dice: &mut Rng, at: Duration) -> Vec<(Duration, Fault)> {
    let end = at + Duration::from_millis(dice.u64(NETWORK_MS));
    match dice.u32(..8) {
        0 => vec![(at, Fault::Swallow), (end, Fault::Pass)],
        1 => vec![(at, Fault::Delay(Duration::from_millis(dice.u64(1..30)))), (end, Fault::Pass)],
        _ => {
            let direction = if dice.bool() { Direction::Request } else { Direction::Reply };
            vec![(at, Fault::Cut { direction, bytes: dice.usize(1..4_000) })]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Nemesis; 5] =
        [Nemesis::Kill, Nemesis::Terminate, Nemesis::Cut, Nemesis::Pause, Nemesis::Restart];

    #[test]
    fn a_seed_makes_one_plan_and_another_seed_another() {
        let minute = Duration::from_secs(60);
        assert_eq!(plan(7, minute, &ALL, 5), plan(7, minute, &ALL, 5));
        assert_ne!(plan(7, minute, &ALL, 5), plan(8, minute, &ALL, 5));
        assert_eq!(plan(7, minute, &[], 5), []);
    }

    #[test]
    fn whoever_is_stopped_goes_on_later_and_the_network_works_again() {
        let planned = plan(7, Duration::from_secs(60), &ALL, 5);
        let count =
            |wanted: fn(&Fault) -> bool| planned.iter().filter(|planned| wanted(&planned.fault)).count();
        let stops = count(|fault| matches!(fault, Fault::Stop(_)));
        assert!(stops > 0);
        assert_eq!(stops, count(|fault| matches!(fault, Fault::Continue(_))));
        let broken = count(|fault| matches!(fault, Fault::Swallow | Fault::Delay(_)));
        assert_eq!(broken, count(|fault| matches!(fault, Fault::Pass)));
        let restarts = count(|fault| matches!(fault, Fault::Restart));
        assert!((2..=10).contains(&restarts), "{restarts}");
    }
}
