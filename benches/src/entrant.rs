//! Who takes part: programs, and the ways they go.

use anyhow::{Result, bail};
use contender::Mode;

/// A program in this folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// What it is called in reports and by `--peers`.
    pub(crate) name: &'static str,
    /// The package that builds it, and the folder of its workspace.
    pub(crate) package: &'static str,
    pub(crate) workspace: &'static str,
    /// The file that is built.
    pub(crate) binary: &'static str,
    pub(crate) role: Role,
    pub(crate) keeps: Keeps,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ours,
    Limit,
    Peer,
}

/// Where it keeps events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// In the database that all share.
    Postgres,
    /// In files of its own.
    Files,
}

/// A program in one of its ways.
#[derive(Debug, Clone)]
pub(crate) struct Entrant {
    pub(crate) label: String,
    pub(crate) program: &'static Program,
    pub(crate) mode: Mode,
}

impl Entrant {
    pub(crate) fn new(program: &'static Program, mode: Mode) -> Self {
        let way = match mode {
            Mode::Plain | Mode::Notifying => "",
            Mode::Cached => " + states in memory",
            Mode::Snapshots => " + snapshots",
            Mode::Guarded => " + guard",
            Mode::Coalesced => " coalesced",
            Mode::CoalescedGuarded => " coalesced + guard",
        };
        Self { label: format!("{}{way}", program.name), program, mode }
    }
}

const fn program(
    name: &'static str,
    package: &'static str,
    binary: &'static str,
    role: Role,
    keeps: Keeps,
) -> Program {
    Program { name, package, workspace: ".", binary, role, keeps }
}

pub(crate) static ES_POSTGRES: Program =
    program("es-postgres", "contender-es", "es-postgres", Role::Ours, Keeps::Postgres);
pub(crate) static ES_SQLITE: Program =
    program("es-sqlite", "contender-es", "es-sqlite", Role::Ours, Keeps::Files);
pub(crate) static LIMIT_POSTGRES: Program =
    program("limit", "contender-limit", "limit-postgres", Role::Limit, Keeps::Postgres);
pub(crate) static LIMIT_SQLITE: Program =
    program("limit", "contender-limit", "limit-sqlite", Role::Limit, Keeps::Files);

/// A peer whose package and binary are called `contender-…`.
macro_rules! peer {
    ($name:literal, $keeps:ident) => {
        program($name, concat!("contender-", $name), concat!("contender-", $name), Role::Peer, Keeps::$keeps)
    };
}

/// The peers with a server.
pub(crate) static PEERS: [Program; 6] = [
    peer!("disintegrate", Postgres),
    peer!("cqrs-es", Postgres),
    peer!("esrs", Postgres),
    peer!("es-entity", Postgres),
    peer!("evento", Postgres),
    // It wants `protoc`, which not every machine has.
    Program { workspace: "contenders/umadb", ..peer!("umadb", Files) },
];

/// The embedded peers.
pub(crate) static EMBEDDED_PEERS: [Program; 1] = [peer!("evento-sqlite", Files)];

/// The peers with these names, or all.
pub(crate) fn peers(names: Option<&[String]>) -> Result<Vec<&'static Program>> {
    let all = || PEERS.iter().chain(&EMBEDDED_PEERS);
    let Some(names) = names else { return Ok(all().collect()) };
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "none").collect();
    if let Some(name) = names.iter().find(|name| all().all(|peer| peer.name != **name)) {
        let known: Vec<&str> = all().map(|peer| peer.name).collect();
        bail!("there is no peer `{name}`, expected some of {}", known.join(", "));
    }
    Ok(all().filter(|peer| names.contains(&peer.name)).collect())
}
