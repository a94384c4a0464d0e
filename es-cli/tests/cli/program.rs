//! The program `es`, and a store in a file to run it on.

use crate::bank::{Ran, new_event};
use es_cli::StoreUrl;
use es_core::{Append, EventStore, Expected, Metadata, Store};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// A store of its own, and the directory in which the program runs.
pub struct Shop {
    pub directory: TempDir,
    url: String,
    pub store: Arc<dyn Store>,
}

impl Shop {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("shop.db").display());
        let store = StoreUrl::from(url.as_str()).open().await.unwrap();
        Self { directory, url, store }
    }

    /// A store in an empty database on PostgreSQL.
    pub async fn on_postgres(url: &str) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_es"));
        program.args(["migrate", "up", "--store", url]);
        assert_eq!(ran(program).code, 0);
        let store = StoreUrl::from(url).open().await.unwrap();
        Self { directory: tempfile::tempdir().unwrap(), url: url.to_owned(), store }
    }

    /// Two accounts and five events, as those of the bank.
    pub async fn with_accounts() -> Self {
        Self::new().await.and_accounts().await
    }

    pub async fn and_accounts(self) -> Self {
        let shop = self;
        shop.append(1, "account-ada", "account.opened", r#"{"owner":"Ada"}"#, Metadata::new()).await;
        shop.append(2, "account-bob", "account.opened", r#"{"owner":"Bob"}"#, Metadata::new()).await;
        for (id, key, cents) in [(3, "ada", 500), (4, "bob", 20), (5, "ada", 7)] {
            shop.deposit(id, key, cents).await;
        }
        shop
    }

    pub async fn deposit(&self, id: u128, key: &str, cents: u64) {
        let payload = format!(r#"{{"cents":{cents}}}"#);
        self.append(id, &format!("account-{key}"), "account.deposited", &payload, Metadata::new()).await;
    }

    pub async fn append(
        &self,
        id: u128,
        stream: &str,
        name: &'static str,
        payload: &str,
        metadata: Metadata,
    ) {
        let event = new_event(id, name, payload, metadata);
        let append = Append::new(stream.parse().unwrap(), Expected::Any, vec![event]);
        self.store.append(append).await.unwrap();
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Runs the program to its end.
    pub fn es(&self, line: &str) -> Ran {
        self.es_on(&self.url(), line)
    }

    /// Runs the program on another store.
    pub fn es_on(&self, url: &str, line: &str) -> Ran {
        let mut program = self.program();
        program.args(["--store", url]).args(line.split(' '));
        ran(program)
    }

    /// Starts the program.
    pub fn start(&self, line: &str) -> Running {
        let mut program = self.program();
        program.args(["--store", &self.url()]).args(line.split(' '));
        let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Running { child, out }
    }

    /// The program, in the directory of the file, with no store named.
    pub fn program(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_es"));
        program.current_dir(&self.directory).env_remove("ES_STORE_URL").env_remove("DATABASE_URL");
        program
    }
}

/// Runs a program to its end.
pub fn ran(mut program: Command) -> Ran {
    let output = program.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = u8::try_from(output.status.code().unwrap()).unwrap();
    Ran { out: text(output.stdout), err: text(output.stderr), code }
}

/// A program that was started.
pub struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    /// The next line of data, when it comes.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn lines(&mut self, lines: usize) {
        (0..lines).for_each(|_| assert_ne!(self.line(), ""));
    }

    /// Presses Ctrl-C.
    pub fn interrupt(mut self) -> Ran {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let mut out = String::new();
        self.out.read_to_string(&mut out).unwrap();
        Self::ended(self.child, out)
    }

    /// Closes the pipe.
    pub fn stop_reading(self) -> Ran {
        let Self { child, out } = self;
        drop(out);
        Self::ended(child, String::new())
    }

    fn ended(child: Child, out: String) -> Ran {
        let output = child.wait_with_output().unwrap();
        let code = u8::try_from(output.status.code().unwrap()).unwrap();
        Ran { out, err: String::from_utf8(output.stderr).unwrap(), code }
    }
}
