//! The program on PostgreSQL, whose log is read up to a horizon and has gaps.

use crate::bank::Movements;
use crate::program::Shop;
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
}
