//! `loans run` keeps the read models while another process imports.

use super::kill::{Watch, finish, kill_when, loans};
use super::loans::totals;
use es_core::GenerationState::Live;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};
use tests::{Database, wait};

/// The background work, as a process.
struct Run {
    process: Child,
    said: BufReader<ChildStderr>,
}

impl Run {
    fn start(store: &str) -> Self {
        let mut process = loans(&["--store", store, "run"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "running 5 read models and 0 reactors; Ctrl-C or SIGTERM ends it\n");
        Self { process, said }
    }

    /// Ends it by SIGTERM: its exit code, and what it has said since it ran.
    fn end(mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap().code(), rest)
    }
}

impl Drop for Run {
    /// A test that fails leaves nothing running. One that has ended cannot be killed, which is as good.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn is_run_beside_an_import(store: &str, plain: &str) {
    let import = ["--store", plain, "--json"];
    let expected = totals(&finish(&import).stdout);
    let expected_views = Watch::open(plain).await.live_views().await;
    assert!(expected_views.len() > 100, "there is something to compare");

    let watch = Watch::open(store).await;
    let run = Run::start(store);
    let live = async || watch.generations(Live).await;
    wait::until("it has begun with all read models", async || live().await.len() == 5).await;

    // An import brings its read models up to date when it has come to its end. This one never does.
    let killed = kill_when(&["--store", store, "--json"], async || watch.events().await > 0).await;
    assert!(killed, "the import ended before it was killed");
    wait::until("the process has kept up by itself", async || {
        let head = watch.events().await;
        live().await.iter().all(|live| live.position().value() == head)
    })
    .await;

    assert_eq!(totals(&finish(&["--store", store, "--json"]).stdout), expected);
    assert_eq!(watch.live_views().await, expected_views, "the views are the same, byte for byte");

    let (code, said) = run.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("finished\n"), "{said}");
    assert!(live().await.iter().all(|live| live.owner().is_none()), "the leases were given back");
    assert_eq!(totals(&finish(&["--store", store, "--json"]).stdout), expected, "nothing is left to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn read_models_that_another_process_keeps_live_equal_those_of_a_plain_import() {
    let folder = tempfile::tempdir().unwrap();
    let [kept, plain] =
        ["kept", "plain"].map(|name| format!("sqlite:{}", folder.path().join(name).display()));
    is_run_beside_an_import(&kept, &plain).await;
    if tests::database::server().is_some() {
        let (kept, plain) = (Database::create().await, Database::create().await);
        is_run_beside_an_import(kept.url(), plain.url()).await;
    }
}
