//! What is measured, and how much of it.

use crate::case::{Case, Entry, Fill, Work};
use crate::entrant::{
    EMBEDDED_PEERS, ES_POSTGRES, ES_SQLITE, Entrant, LIMIT_POSTGRES, LIMIT_SQLITE, PEERS, Program,
};
use contender::{Mode, Task};

/// The names of the workloads.
pub(crate) const NAMES: [&str; 7] = ["command", "long", "append", "replay", "latency", "growth", "embedded"];

/// The store that most begin with.
const SMALL: Fill = Fill { accounts: 10_000, events: 10 };
/// A million events.
const LARGE: Fill = Fill { accounts: 100_000, events: 10 };
/// Ten million events.
const HUGE: Fill = Fill { accounts: 1_000_000, events: 10 };

/// The pieces of work of a workload.
pub(crate) fn cases(workload: &str, peers: &[&'static Program], quick: bool) -> Vec<Case> {
    let with = |list: &'static [Program]| {
        peers.iter().copied().filter(|peer| list.contains(peer)).collect::<Vec<_>>()
    };
    let all = All { peers: with(&PEERS), embedded: with(&EMBEDDED_PEERS), quick };
    match workload {
        "command" => all.command(),
        "long" => all.long(),
        "append" => all.append(),
        "replay" => all.replay(),
        "latency" => all.latency(),
        "growth" => all.growth(),
        _ => all.embedded(),
    }
}

struct All {
    peers: Vec<&'static Program>,
    embedded: Vec<&'static Program>,
    quick: bool,
}

fn command(fill: Fill, on: u64, passes: u64, at_once: u64, warm: bool) -> Work {
    let Fill { accounts, events } = fill;
    Work::Alone(Task::Command { accounts, events, on, passes, at_once, warm })
}

fn append(fill: Fill, appends: u64, events: u64) -> Work {
    Work::Alone(Task::Append { before: fill.accounts * fill.events, writers: 64, appends, events })
}

fn replay(fill: Fill) -> Work {
    Work::Alone(Task::Replay { accounts: fill.accounts, events: fill.events })
}

fn rebuild(fill: Fill, workers: u16) -> Work {
    Work::Alone(Task::Rebuild { accounts: fill.accounts, events: fill.events, workers })
}

/// A tenth of the events, once: that takes a peer up to a minute.
fn small_rebuild(peer: &'static Program) -> Entry {
    let mut entrant = Entrant::new(peer, Mode::Plain);
    entrant.label = format!("{} (100,000 events)", entrant.label);
    Entry { entrant, fill: SMALL, work: rebuild(SMALL, 1), rounds_max: 1 }
}

impl All {
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }

    fn much(&self, full: u64, quick: u64) -> u64 {
        if self.quick { quick } else { full }
    }

    fn case(&self, name: impl Into<String>, unit: &'static str) -> Case {
        Case::new(name, unit, self.rounds())
    }

    /// Every peer does the same work.
    fn with_peers(&self, mut case: Case, fill: Fill, work: &Work) -> Case {
        for peer in &self.peers {
            case = case.with(Entrant::new(peer, Mode::Plain), fill, work.clone());
        }
        case
    }

    fn command(&self) -> Vec<Case> {
        // Peers have a part of the work, which takes them as long or longer.
        let one = |on| command(SMALL, self.much(on, 500), 1, 1, false);
        let some = |on| command(SMALL, self.much(on, 2_000), 1, 16, false);
        let many = |passes| command(SMALL, 10_000, self.much(passes, 1), 64, false);
        let cached = command(SMALL, 10_000, self.much(5, 1), 64, true);
        let ways = |case: Case, work: Work, peers: Work, limits: [Mode; 2]| {
            let mut case = case.with(Entrant::new(&ES_POSTGRES, Mode::Plain), SMALL, work.clone());
            for mode in limits {
                case = case.with(Entrant::new(&LIMIT_POSTGRES, mode), SMALL, work.clone());
            }
            self.with_peers(case, SMALL, &peers)
        };
        let coalesced = [Mode::Coalesced, Mode::CoalescedGuarded];
        let mut at_64 = ways(self.case("command, 64 at a time", "commands"), many(3), many(1), coalesced);
        for program in [&ES_POSTGRES, &LIMIT_POSTGRES] {
            at_64 = at_64.with(Entrant::new(program, Mode::Cached), SMALL, cached.clone());
        }
        vec![
            ways(
                self.case("command, 1 at a time", "commands"),
                one(5_000),
                one(2_000),
                [Mode::Plain, Mode::Guarded],
            ),
            ways(self.case("command, 16 at a time", "commands"), some(10_000), some(4_000), coalesced),
            at_64,
        ]
    }

    fn long(&self) -> Vec<Case> {
        let case = |events: u64| {
            let fill = Fill { accounts: 20, events };
            let passes = self.much(if events > 1_000 { 5 } else { 20 }, 2);
            let work = command(fill, 20, passes, 1, true);
            let mut case = self.case(format!("long, streams of {events} events"), "commands");
            for mode in [Mode::Plain, Mode::Snapshots] {
                case = case.with(Entrant::new(&ES_POSTGRES, mode), fill, work.clone());
            }
            case = case.with(Entrant::new(&LIMIT_POSTGRES, Mode::Plain), fill, work.clone());
            for peer in &self.peers {
                for mode in [Mode::Plain, Mode::Snapshots] {
                    case = case.with(Entrant::new(peer, mode), fill, work.clone());
                }
            }
            case
        };
        [10, 1_000, 10_000].map(case).into()
    }

    fn append(&self) -> Vec<Case> {
        let case = |name: &str, work: Work| {
            let mut case =
                self.case(name, "events").with(Entrant::new(&ES_POSTGRES, Mode::Plain), SMALL, work.clone());
            for mode in [Mode::Coalesced, Mode::CoalescedGuarded] {
                case = case.with(Entrant::new(&LIMIT_POSTGRES, mode), SMALL, work.clone());
            }
            self.with_peers(case, SMALL, &work)
        };
        vec![
            case("append, 1 event, 64 writers", append(SMALL, self.much(500, 50), 1)),
            case("append, 100 events, 64 writers", append(SMALL, self.much(20, 4), 100)),
        ]
    }

    fn replay(&self) -> Vec<Case> {
        let fill = if self.quick { SMALL } else { LARGE };
        let memory = self
            .case("replay, in memory", "events")
            .with(Entrant::new(&ES_POSTGRES, Mode::Plain), fill, replay(fill))
            .with(Entrant::new(&LIMIT_POSTGRES, Mode::Plain), fill, replay(fill));
        let memory = self.with_peers(memory, fill, &replay(fill));
        let mut table = self.case("replay, into a table", "events");
        for workers in [1, 2, 4] {
            let mut entrant = Entrant::new(&ES_POSTGRES, Mode::Plain);
            if workers > 1 {
                entrant.label = format!("{}, {workers} workers", entrant.label);
            }
            table = table.with(entrant, fill, rebuild(fill, workers));
        }
        table = table.with(Entrant::new(&LIMIT_POSTGRES, Mode::Plain), fill, rebuild(fill, 1));
        table.entries.extend(self.peers.iter().copied().map(small_rebuild));
        vec![memory, table]
    }

    fn latency(&self) -> Vec<Case> {
        let case = |(per_second, appends): (u64, u64)| {
            let work = Work::Follow { appends: self.much(appends, appends / 5), per_second };
            let case = self
                .case(format!("latency, {per_second} appends a second"), "events")
                .with(Entrant::new(&ES_POSTGRES, Mode::Plain), SMALL, work.clone())
                .with(Entrant::new(&LIMIT_POSTGRES, Mode::Notifying), SMALL, work.clone());
            self.with_peers(case, SMALL, &work)
        };
        [(10, 50), (100, 500), (1_000, 3_000)].map(case).into()
    }

    /// The same work on a small and on a huge store.
    fn growth(&self) -> Vec<Case> {
        let huge = if self.quick { LARGE } else { HUGE };
        let case = |name: &str, unit: &'static str, work: &dyn Fn(Fill) -> Work| {
            let mut case = Case::new(format!("growth: {name}"), unit, self.rounds().min(3));
            for fill in [SMALL, huge] {
                let mut entrant = Entrant::new(&ES_POSTGRES, Mode::Plain);
                entrant.label = format!("{}, {} events", entrant.label, fill.accounts * fill.events);
                case = case.with(entrant, fill, work(fill));
            }
            case
        };
        vec![
            case("command, 1 at a time", "commands", &|fill| command(fill, 5_000, 1, 1, false)),
            case("command, 64 at a time", "commands", &|fill| command(fill, 10_000, 3, 64, false)),
            case("append, 1 event, 64 writers", "events", &|fill| append(fill, 500, 1)),
            case("append, 100 events, 64 writers", "events", &|fill| append(fill, 20, 100)),
            case("replay, in memory", "events", &replay),
            case("replay, into a table", "events", &|fill| rebuild(fill, 1)),
        ]
    }

    fn embedded(&self) -> Vec<Case> {
        let large = if self.quick { SMALL } else { LARGE };
        let case = |name: &str, unit: &'static str, fill: Fill, work: Work| {
            let mut case = self.case(format!("embedded: {name}"), unit);
            for program in [&ES_SQLITE, &LIMIT_SQLITE].into_iter().chain(self.embedded.iter().copied()) {
                case = case.with(Entrant::new(program, Mode::Plain), fill, work.clone());
            }
            case
        };
        let on = self.much(2_000, 500);
        let mut table = self.case("embedded: replay, into a table", "events");
        for program in [&ES_SQLITE, &LIMIT_SQLITE] {
            table = table.with(Entrant::new(program, Mode::Plain), large, rebuild(large, 1));
        }
        table.entries.extend(self.embedded.iter().copied().map(small_rebuild));
        vec![
            case("command, 1 at a time", "commands", SMALL, command(SMALL, on, 1, 1, false)),
            case("command, 64 at a time", "commands", SMALL, command(SMALL, 5 * on, 1, 64, false)),
            case("append, 1 event, 64 writers", "events", SMALL, append(SMALL, self.much(200, 50), 1)),
            case("append, 100 events, 64 writers", "events", SMALL, append(SMALL, self.much(20, 4), 100)),
            case("replay, in memory", "events", large, replay(large)),
            table,
        ]
    }
}
