//! Starting the `loans` example as a process of its own, watching how far it is, and killing it there.

use es_cli::StoreUrl;
use es_core::{Generation, GenerationState, Store};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// How often to look how far the process is.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// The smallest log that takes long enough to be killed in.
const APPLICATIONS: &str = "300";

/// An example, built by `cargo build --examples` beside the test itself.
pub fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test knows where it is");
    let target = test.parent().and_then(Path::parent).expect("tests are built in target/<profile>/deps");
    let program = target.join("examples").join(name);
    assert!(program.exists(), "{} is missing: run `cargo build --examples` first", program.display());
    Command::new(program)
}

/// The example `loans`.
pub fn loans(arguments: &[&str]) -> Command {
    let mut command = example("loans");
    command.args(["--applications", APPLICATIONS, "--seed", "7"]).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null());
    command
}

/// Runs the example to its end, which must be a good one.
pub fn finish(arguments: &[&str]) -> Output {
    let output = loans(arguments).stderr(Stdio::piped()).output().expect("the example starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "loans {arguments:?} ended with {}: {said}", output.status);
    output
}

/// Starts the example and kills it with SIGKILL as soon as `reached`; false if it came to its end before.
pub async fn kill_when(arguments: &[&str], reached: impl AsyncFn() -> bool) -> bool {
    let mut child: Child = loans(arguments).stdout(Stdio::null()).spawn().expect("the example starts");
    let mut look = tokio::time::interval(LOOK_INTERVAL);
    loop {
        look.tick().await;
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            assert!(status.success(), "loans {arguments:?} failed by itself: {status}");
            return false;
        }
        if reached().await {
            child.kill().expect("a child can be killed");
            child.wait().expect("a killed child ends");
            return true;
        }
    }
}

/// A second handle on the program's database, as another process has it.
pub struct Watch(Arc<dyn Store>);

impl Watch {
    pub async fn open(store: &str) -> Self {
        Self(StoreUrl::from(store).open().await.expect("the database opens"))
    }

    /// How many events there are.
    pub async fn events(&self) -> u64 {
        let head = self.0.head().await.expect("the database is readable");
        head.map_or(0, |head| head.position.value())
    }

    /// The positions of all live read models, or all that are building, added up.
    pub async fn read(&self, state: GenerationState) -> u64 {
        self.generations(state).await.iter().map(|found| found.position().value()).sum()
    }

    /// Every view that is read, with its projection and key.
    pub async fn live_views(&self) -> Vec<(String, String, String)> {
        let mut all = Vec::new();
        for live in self.generations(GenerationState::Live).await {
            let views = self.0.generation_views(live.id, None, 10_000).await.expect("views are readable");
            let name = live.projection.name();
            all.extend(views.into_iter().map(|(key, view)| (name.to_owned(), key, view)));
        }
        all
    }

    pub async fn generations(&self, state: GenerationState) -> Vec<Generation> {
        let generations = self.0.generations().await.expect("the database is readable");
        generations.into_iter().filter(|found| found.state == state).collect()
    }
}
