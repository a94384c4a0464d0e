//! The import of the `loans` example, killed again and again.

use super::kill::{Watch, finish, kill_when, loans};
use es_core::GenerationState::Live;
use serde_json::Value;

/// How often the import is killed while it imports, and again while its read models catch up.
const KILLS_EACH: u64 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn an_import_killed_at_random_points_ends_with_exact_totals() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("loans.db");
    let store = format!("sqlite:{}", database.display());
    let import = ["--store", &store, "--json"];
    let expected = totals(&finish(&["--store", "memory", "--json"]).stdout);
    let events = expected["events"].as_u64().unwrap();

    let watch = Watch::open(&store).await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kills = 0;
    for round in 1..=KILLS_EACH {
        let target = (events - 1) * round / KILLS_EACH - random.u64(..events / KILLS_EACH);
        kills += u64::from(kill_when(&import, async || watch.events().await >= target).await);
    }
    for round in 1..=KILLS_EACH {
        let all = (events - 1) * 5;
        let target = all * round / KILLS_EACH - random.u64(..all / KILLS_EACH);
        kills += u64::from(kill_when(&import, async || watch.read(Live).await >= target).await);
    }
    assert!(kills >= 20, "killed {kills} times only");

    assert_eq!(totals(&finish(&import).stdout), expected);
    assert_eq!(totals(&finish(&import).stdout), expected, "a second run changes nothing");
    assert_eq!(watch.events().await, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_import_the_same_log_at_once_have_the_effect_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("loans.db");
    let store = format!("sqlite:{}", database.display());
    let import = ["--store", &store, "--json"];
    let expected = totals(&finish(&["--store", "memory", "--json"]).stdout);

    let one = loans(&import).spawn().unwrap();
    let other = loans(&import).spawn().unwrap();
    for import in [one, other] {
        let finished = import.wait_with_output().unwrap();
        assert!(finished.status.success(), "{}", finished.status);
        assert_eq!(totals(&finished.stdout), expected);
    }
    let watch = Watch::open(&store).await;
    assert_eq!(watch.events().await, expected["events"].as_u64().unwrap());
}

/// What `loans --json` prints, without how long it took.
pub fn totals(stdout: &[u8]) -> Value {
    let mut totals: Value = serde_json::from_slice(stdout).expect("loans --json prints one JSON object");
    let timings = totals.as_object_mut().expect("an object").remove("timings");
    assert!(timings.is_some(), "loans prints its timings");
    totals
}
