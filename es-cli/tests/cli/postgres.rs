//! The program on PostgreSQL, whose log is read up to a horizon and has gaps.

use crate::bank::Movements;
use crate::dead_letters::Ledger;
use crate::program::Shop;
use crate::snapshots::save;
use es_core::{App, Append, EventStore, Expected, Metadata};
use tests::{Database, database};

#[tokio::test]
async fn the_program_reads_a_store_on_postgres() {
    if database::server().is_none() {
        return;
    }
    let database = Database::create().await;
    let shop = Shop::on_postgres(database.url()).await.and_accounts().await;
    App::new(shop.store.clone()).projection::<Movements>().catch_up().await.unwrap();
    let refused = crate::bank::new_event(9, "account.opened", "{}", Metadata::new());
    let refused = Append::new("account-ada".parse().unwrap(), Expected::Empty, vec![refused]);
    assert!(shop.store.append(refused).await.is_err());
    let verified = shop.es("verify").data();
    assert!(verified.contains("versions           5      0  1, 2, 3, … in each of 2 streams"), "{verified}");
    assert!(verified.contains("checkpoints        1      0"), "{verified}");
    assert_eq!(shop.es("streams list --json").data().lines().count(), 2);
    assert_eq!(shop.es("events grep cents").data().lines().count(), 3);
    let mut tail = shop.start("events tail --from begin --type account.deposited");
    tail.lines(3);
    shop.deposit(10, "ada", 1).await;
    assert!(tail.line().ends_with(r#"{"cents":1}"#));
    assert_eq!(tail.interrupt().code, 130);
    let lag = shop.es("check lag --warn 0 --crit 1000000");
    assert!(lag.out.starts_with("LAG WARNING - movements is ") && lag.code == 1, "{lag:?}");
    let status = shop.es("projections status movements --json").data();
    assert!(status.contains(r#""state":"stopped""#) && !status.contains(r#""lag_seconds":null"#), "{status}");
}

#[tokio::test]
async fn the_program_sees_dead_letters_and_drops_snapshots_on_postgres() {
    if database::server().is_none() {
        return;
    }
    let database = Database::create().await;
    let shop = Shop::on_postgres(database.url()).await;
    for (id, cents) in [(1, 13), (2, 1)] {
        shop.deposit(id, "ada", cents).await;
    }
    App::new(shop.store.clone()).projection::<Ledger<false>>().catch_up().await.unwrap();
    let letters = shop.es("dead-letters list ledger --json").data();
    assert!(letters.lines().count() == 1 && letters.ends_with("\"waiting\":1}\n"), "{letters}");
    let shown = shop.es("dead-letters show ledger --queue key:ada").data();
    assert!(shown.ends_with("{\n  \"cents\": 13\n}\n"), "{shown}");
    let counted = shop.es("check dead-letters");
    let line = "DEAD LETTERS WARNING - ledger has 1 dead letter | ledger=1;1;100;0\n";
    assert_eq!((counted.out.as_str(), counted.code), (line, 1));
    for stream in ["account-ada", "account-bob"] {
        save(&shop.store, stream, 1, 1, "{}").await;
    }
    assert_eq!(
        shop.es("snapshots drop account-ada --yes").out,
        "dropped 1 snapshot of stream `account-ada`\n"
    );
    let left = "{\"stream\":\"account-bob\",\"schema_version\":1,\"version\":1,\"bytes\":2}\n";
    assert_eq!(shop.es("snapshots list --stream account --json").data(), left);
}

#[tokio::test]
async fn looking_at_a_database_makes_no_store_of_it() {
    if database::server().is_none() {
        return;
    }
    let database = Database::create().await;
    let shop = Shop::new().await;
    // If the first made a store, the second would find it.
    for look in ["projections", "events tail --limit 1", "verify", "streams list", "dead-letters list"] {
        let looked = shop.es_on(database.url(), look);
        assert_ne!(looked.code, 0, "{look}: {looked:?}");
        assert!(looked.err.contains("migrate up"), "{look}: {looked:?}");
    }
    let checked = shop.es_on(database.url(), "check lag --warn 1 --crit 2");
    assert_eq!(checked.code, 3, "{checked:?}");
    assert!(checked.out.starts_with("LAG UNKNOWN - "), "{checked:?}");
}
