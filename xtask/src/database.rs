//! [`Database`].

use anyhow::{Context, Result};
use std::env;
use test_server::{Server, Settings};

/// Names the server that tests make their databases in. Whoever sets it allows them to.
pub const VARIABLE: &str = "ES_TEST_DATABASE_URL";

/// Where the tests of a run find PostgreSQL.
#[derive(Debug)]
pub enum Database {
    /// The person or the CI that runs us has named a server.
    Named,
    /// A private server, which ends with this value.
    Started(Box<Server>),
    /// There is none, and the tests that need one are skipped.
    Missing,
}

impl Database {
    /// The server that was named, or else a private one. None is a failure in CI and loud elsewhere.
    pub fn get() -> Result<Self> {
        if env::var_os(VARIABLE).is_some_and(|url| !url.is_empty()) {
            println!("{VARIABLE} names a server: tests make their databases there");
            return Ok(Self::Named);
        }
        match Server::start(Settings::new()) {
            Ok(server) => {
                println!("PostgreSQL {} on port {}", server.binaries().version(), server.port());
                Ok(Self::Started(Box::new(server)))
            }
            Err(error) if env::var_os("CI").is_some() => {
                Err(error).context("in CI no test may be skipped, and there is no PostgreSQL server")
            }
            Err(error) => {
                println!("!!! SKIPPED: every test that needs PostgreSQL, because there is no server:");
                println!("!!! {error:#}");
                Ok(Self::Missing)
            }
        }
    }

    /// What the steps are told.
    pub fn variable(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Started(server) => Some((VARIABLE, server.url("postgres"))),
            Self::Named | Self::Missing => None,
        }
    }

    /// The word for the table.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Named | Self::Started(_) => "ok",
            Self::Missing => "SKIPPED",
        }
    }
}
