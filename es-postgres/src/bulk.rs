//! Reads large pages of the log and of long streams by `COPY`, which costs the server half of what a query does.

use crate::connections::Loan;
use crate::errors::Failed;
use crate::reads::Page;
use crate::{PostgresStore, copied, horizon};
use es_core::{LogPage, PAGE_BYTES_MAX, PAGE_EVENTS_MAX, StoreError, StreamId};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many rows are asked for. The server does not count their bytes, so a page that is full before its rows are at an end
/// breaks off the copy, and with it the connection: the next one asks for no more than have fitted.
pub(crate) struct RowsMax(AtomicUsize);

impl Default for RowsMax {
    fn default() -> Self {
        Self(AtomicUsize::new(PAGE_EVENTS_MAX))
    }
}

impl RowsMax {
    fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn learn(&self, page: &Page, broke_off: bool) {
        if broke_off {
            self.0.store(page.len().max(1), Ordering::Relaxed);
        } else if page.bytes() < PAGE_BYTES_MAX / 4 && page.len() == self.now() {
            self.0.store((page.len() * 2).min(PAGE_EVENTS_MAX), Ordering::Relaxed);
        }
    }
}

/// A page up to `horizon`, which was asked for before.
pub(crate) async fn read_up_to(
    store: &PostgresStore,
    after: i64,
    horizon: i64,
    limit: usize,
) -> Result<LogPage, StoreError> {
    let mut loan = store.connections().borrow().await?;
    Ok(copy(store, &mut loan, after, horizon, limit).await?.of_the_log())
}

/// A page far from the end of the log. A horizon is a bound for ever, as long as the server is the same: the session that has
/// asked for it remembers it, and asks anew where a page might reach it.
pub(crate) async fn read_far_from_the_end(
    store: &PostgresStore,
    after: i64,
    limit: usize,
) -> Result<LogPage, StoreError> {
    let mut loan = store.connections().borrow().await?;
    let reaches = after.saturating_add(i64::try_from(limit).unwrap_or(i64::MAX));
    let mut remembered = loan.horizon().filter(|horizon| *horizon >= reaches);
    loop {
        let horizon = match remembered {
            Some(horizon) => horizon,
            None => ask(store, &mut loan).await?,
        };
        if horizon <= after {
            return Ok(Page::new(limit).of_the_log());
        }
        let page = copy(store, &mut loan, after, horizon, limit).await?;
        // Where there are gaps, it may have ended at what was remembered.
        if page.is_full() || remembered.take().is_none() || !loan.is_open() {
            return Ok(page.of_the_log());
        }
    }
}

async fn ask(store: &PostgresStore, loan: &mut Loan) -> Result<i64, Failed> {
    let (horizon, _) = horizon::ask(loan, store.sql().horizon.clone()).await?;
    loan.remember(horizon);
    Ok(horizon)
}

/// A page of a stream behind a version.
pub(crate) async fn read_stream(
    store: &PostgresStore,
    stream: &StreamId,
    after: i64,
    up_to: i64,
    limit: usize,
) -> Result<Page, StoreError> {
    let mut loan = store.connections().borrow().await?;
    let rows_max = store.stream_rows_max();
    let page = Page::new(limit.min(rows_max.now()));
    let text = store.sql().copy_stream(stream, after, up_to, page.rows_max());
    copy_into(page, &mut loan, &text, Some(stream), rows_max).await
}

async fn copy(
    store: &PostgresStore,
    loan: &mut Loan,
    after: i64,
    horizon: i64,
    limit: usize,
) -> Result<Page, StoreError> {
    let rows = usize::try_from(horizon.saturating_sub(after)).unwrap_or(usize::MAX);
    let rows_max = store.rows_max();
    let mut page = Page::new(limit.min(rows_max.now()));
    if rows >= page.events_max() {
        page = page.with_room();
    }
    let text = store.sql().copy_log(after, horizon, page.rows_max());
    copy_into(page, loan, &text, None, rows_max).await
}

async fn copy_into(
    mut page: Page,
    loan: &mut Loan,
    text: &str,
    stream: Option<&StreamId>,
    rows_max: &RowsMax,
) -> Result<Page, StoreError> {
    let mut is_first = true;
    let mut failed = None;
    let whole = loan
        .copy_out(text, |piece| {
            let begin = if std::mem::take(&mut is_first) { copied::behind_the_head(piece) } else { Ok(0) };
            match begin.and_then(|begin| copied::recorded(piece, begin, stream, &mut page.packed)) {
                Ok(Some(event)) => page.take(event),
                Ok(None) => (),
                Err(error) => failed = Some(error),
            }
            // The row that tells that there is more is the last one.
            if failed.is_some() || (page.is_full() && page.len() < page.events_max()) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
        .await?;
    if let Some(error) = failed {
        return Err(error);
    }
    rows_max.learn(&page, !whole);
    Ok(page)
}
