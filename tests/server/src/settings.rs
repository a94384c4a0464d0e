//! [`Settings`].

use std::path::{Path, PathBuf};

/// What every server has; a later line for the same name wins.
const LINES: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
max_prepared_transactions = 20
max_wal_senders = 10
wal_level = replica
shared_buffers = 128MB
synchronous_commit = on
autovacuum = on
jit = off
logging_collector = off
lc_messages = 'C'
log_timezone = 'UTC'
timezone = 'UTC'
";

/// How a [`Server`](crate::Server) is set up. By default its data survives the crash of a process, not of the machine.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Settings {
    is_durable: bool,
    folder: Option<PathBuf>,
    lines: String,
    hba: String,
}

impl Settings {
    /// Fast: nothing is forced to the disk. A commit still waits for its record to be written.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forces what is committed to the disk, as a server in earnest does.
    pub fn durable(self) -> Self {
        Self { is_durable: true, ..self }
    }

    /// Makes the server's folder inside this one, for instance in memory, rather than among the temporary files.
    pub fn in_folder(self, path: impl Into<PathBuf>) -> Self {
        Self { folder: Some(path.into()), ..self }
    }

    /// Sets a parameter of `postgresql.conf`.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.lines.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
        self
    }

    /// Puts lines in front of those in `pg_hba.conf`, which ask for the password.
    pub fn with_hba(mut self, lines: &str) -> Self {
        self.hba.push_str(&format!("{lines}\n"));
        self
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.is_durable
    }

    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    pub(crate) fn hba(&self) -> &str {
        &self.hba
    }

    /// What is written behind the lines of `postgresql.conf`.
    pub(crate) fn lines(&self) -> String {
        let force = if self.is_durable { "on" } else { "off" };
        format!("{LINES}fsync = {force}\nfull_page_writes = {force}\n{}", self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_durable_server_forces_what_it_writes() {
        assert!(Settings::new().lines().contains("\nfsync = off\nfull_page_writes = off\n"));
        let lines = Settings::new().durable().with("fsync", "it's").lines();
        assert!(lines.ends_with("\nfsync = on\nfull_page_writes = on\nfsync = 'it''s'\n"), "{lines}");
    }
}
