//! A replay, killed half way.

use super::kill::{Watch, finish, kill_when};
use es_core::GenerationState::Building;

const KILLS: u64 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_killed_half_way_leaves_the_live_model_untouched_and_can_be_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("loans.db");
    let store = format!("sqlite:{}", database.display());
    let replay = ["--store", &store, "replay", "--all"];
    finish(&["--store", &store, "--json"]);
    let watch = Watch::open(&store).await;
    let live = watch.live_views().await;
    assert!(live.len() > 100, "there is something to lose");

    let events = watch.events().await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kills = 0;
    for _ in 0..KILLS {
        let target = watch.read(Building).await + random.u64(1..=events);
        kills += u64::from(kill_when(&replay, async || watch.read(Building).await >= target).await);
        assert_eq!(watch.live_views().await, live, "a replay that was killed changed what is read");
    }
    assert!(kills > 0, "no replay was killed half way");

    finish(&replay);
    assert_eq!(watch.live_views().await, live, "a replay gives the same views, byte for byte");
    assert_eq!(watch.generations(Building).await, [], "nothing half-built is left");
    let checked = finish(&["--store", &store, "replay", "--all", "--check"]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("identical"));
}
