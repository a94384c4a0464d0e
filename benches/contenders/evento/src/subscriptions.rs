//! What reads all events.

use crate::Store;
use crate::account::{Account, AccountEvent};
use anyhow::Result;
use contender::{Balance, Balances, Seen};
use evento::cursor::Args;
use evento::metadata::RawEvent;
use evento::subscription::{Context, SubscriptionBuilder};
use evento::{EventFilter, Executor, TenantFilter};
use std::sync::Arc;
use std::time::Duration;

/// Few and large pages, as each is searched by time and id.
const PAGE: u16 = 20_000;
const POLL: Duration = Duration::from_millis(50);
/// A subscription starts at what was the end so long ago, by default, and a bit.
const MARGIN: Duration = Duration::from_millis(1_100);

/// Reads page after page, in the order of subscriptions.
pub(crate) async fn replay<E: Executor>(executor: &E) -> Result<Balances> {
    let filters: Arc<[EventFilter]> = Arc::new([EventFilter::by_type::<Account>()]);
    let mut balances = Balances::new();
    let mut after = None;
    loop {
        let args = Args::forward(PAGE, after);
        let page = executor.read(Some(Arc::clone(&filters)), None, TenantFilter::All, args, None).await?;
        for edge in &page.edges {
            let (kind, cents) = AccountEvent::try_from(&edge.node)?.parts();
            balances.entry(edge.node.aggregate_id.parse()?).or_default().apply(kind, cents);
        }
        if !page.page_info.has_next_page {
            return Ok(balances);
        }
        after = page.edges.last().map(|edge| edge.cursor.clone());
    }
}

/// How an event gets into the table, whatever the database.
type Change = Arc<dyn Fn(i64, i64, i64) -> Changed + Send + Sync>;
type Changed = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send>>;

#[evento::subscription_all]
async fn keep_table<E: Executor>(context: &Context<'_, E>, event: RawEvent<Account>) -> anyhow::Result<()> {
    let change: Change = context.extract();
    let (kind, cents) = event.decode()?.parts();
    let mut balance = Balance::default();
    balance.apply(kind, cents);
    change(event.aggregate_id.parse()?, balance.cents, i64::from(event.version)).await
}

pub(crate) async fn fill_table<S: Store>(store: &S) -> Result<()> {
    let own = store.clone();
    let change: Change = Arc::new(move |account, cents, version| {
        let own = own.clone();
        Box::pin(async move { own.change(account, cents, version).await })
    });
    SubscriptionBuilder::new("balances")
        .handler(keep_table())
        .data(change)
        .chunk_size(PAGE)
        .any_routing_key()
        .run_once(store.executor())
        .await
}

#[evento::subscription_all]
async fn show<E: Executor>(context: &Context<'_, E>, event: RawEvent<Account>) -> anyhow::Result<()> {
    let seen: Seen = context.extract();
    let (_, cents) = event.decode()?.parts();
    seen.event(cents);
    Ok(())
}

/// Starts at the end, and keeps its place in memory.
pub(crate) async fn follow<E: Executor + Clone>(executor: &E, seen: Seen) -> Result<()> {
    tokio::time::sleep(MARGIN).await;
    let subscription = SubscriptionBuilder::new("follower")
        .handler(show())
        .data(seen.clone())
        .poll_interval(POLL)
        .any_routing_key()
        .live(executor)
        .await?;
    seen.ready();
    anyhow::bail!("the follower stopped: {}", subscription.stopped().await)
}
