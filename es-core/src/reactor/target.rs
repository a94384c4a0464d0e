//! The target of a [`Reactor`]: one event at a time.

use super::{ReactError, Reactor};
use crate::{
    BackendError, Commit, CommitError, Cursor, Filter, Grant, Payload, ProjectorError, Recorded, Store,
    Target,
};
use async_trait::async_trait;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// Gives a reactor its events, and moves the checkpoint behind each of them, so that after a crash one is repeated and
/// no more.
pub(crate) struct ReactorTarget<R> {
    store: Arc<dyn Store>,
    reactor: Arc<R>,
    filter: Filter,
}

impl<R: Reactor> ReactorTarget<R> {
    pub(crate) fn new(store: Arc<dyn Store>, reactor: Arc<R>) -> Self {
        Self { store, reactor, filter: R::filter() }
    }

    /// Reacts to one event. Meanwhile the lease is renewed; once it is lost the reaction is dropped.
    async fn react(&self, grant: &Grant, event: Recorded<Payload>) -> Result<(), ProjectorError> {
        let (stream, version, position) = (event.stream.clone(), event.version, event.position);
        let failed = |transient, source: BackendError| ProjectorError::Reaction {
            reactor: grant.projection.clone(),
            stream: stream.clone(),
            version,
            position,
            transient,
            source,
        };
        let event = event.decode::<R::Event>();
        let event = event.map_err(|source| ProjectorError::undecodable(&grant.projection, source))?;
        let reaction = AssertUnwindSafe(self.reactor.react(&event)).catch_unwind();
        let renewals = async {
            loop {
                tokio::time::sleep(grant.lease.duration / 3).await;
                if let Err(error) = self.move_to(grant, grant.cursor).await {
                    break error;
                }
            }
        };
        tokio::select! {
            reacted = reaction => match reacted {
                Ok(Ok(())) => Ok(()),
                Ok(Err(ReactError::TryAgain(source))) => Err(failed(true, source)),
                Ok(Err(ReactError::Halt(source))) => Err(failed(false, source)),
                Err(_) => Err(failed(false, "its code panicked".into())),
            },
            lost = renewals => Err(lost),
        }
    }

    async fn move_to(&self, grant: &Grant, to: Option<Cursor>) -> Result<(), ProjectorError> {
        let moved = self.store.commit(Commit { grant: grant.clone(), to, writes: Vec::new() }).await;
        moved.map_err(|error: CommitError| ProjectorError::commit(&grant.projection, error))
    }
}

#[async_trait]
impl<R: Reactor> Target for ReactorTarget<R> {
    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn has_done_what_comes_before(&self) -> bool {
        true
    }

    async fn apply(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        to: Cursor,
    ) -> Result<(), ProjectorError> {
        let mut grant = grant.clone();
        for event in events {
            let done = Cursor { position: event.position, event_id: event.event_id };
            self.react(&grant, event).await?;
            self.move_to(&grant, Some(done)).await?;
            grant.cursor = Some(done);
        }
        if grant.cursor != Some(to) {
            self.move_to(&grant, Some(to)).await?;
        }
        Ok(())
    }
}
