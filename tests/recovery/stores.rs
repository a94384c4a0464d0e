//! The examples on every store: the same program, the same answer.

use super::kill::{example, finish};
use serde_json::Value;
use tests::Database;

/// What the loans example reports, without how long it took.
fn report(store: &str) -> Value {
    let mut report: Value =
        serde_json::from_slice(&finish(&["--store", store, "--json"]).stdout).expect("JSON");
    report.as_object_mut().and_then(|report| report.remove("timings")).expect("it says how long it took");
    report
}

/// What the bank example prints, without the id that is new every time.
fn bank(store: &str) -> String {
    let output = example("bank").args(["--store", store]).output().expect("the example starts");
    assert!(output.status.success(), "bank on {store}: {}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("it prints text");
    let (id, rest) = printed.split_once(' ').expect("the id comes first");
    assert!(id.starts_with("account-"), "{printed}");
    rest.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_say_the_same_on_every_store() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let expected = (report("memory"), bank("memory"));
    assert_eq!((report(&sqlite("loans.db")), bank(&sqlite("bank.db"))), expected);
    if tests::database::server().is_some() {
        let (loans, of_bank) = (Database::create().await, Database::create().await);
        assert_eq!((report(loans.url()), bank(of_bank.url())), expected);
        assert_eq!(report(loans.url()), expected.0, "run again, it changes nothing");
        let replay = finish(&["--store", loans.url(), "replay", "--all", "--check"]);
        assert!(replay.status.success());
    }
}
