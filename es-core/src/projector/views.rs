//! The target of a [`Projection`]: its views, kept as JSON by key.

use super::{ProjectorError, Target};
use crate::name::{self, NameKind};
use crate::{
    Commit, Cursor, Fate, Filter, Grant, Key, KeyError, Payload, Projection, ProjectionId, Recorded, Store,
    ViewWrite,
};
use async_trait::async_trait;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// How many views stay in memory between two batches.
const VIEWS_KEPT_MAX: usize = 100_000;

/// Folds batches into views. Views that were written stay in memory, which is right for as long as every commit
/// succeeds: the epoch and the checkpoint prove that nobody else has written.
pub(super) struct ViewTarget<P> {
    store: Arc<dyn Store>,
    filter: Filter,
    views: HashMap<String, Option<P>>,
}

impl<P: Projection> ViewTarget<P> {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, filter: P::filter(), views: HashMap::new() }
    }

    async fn fold(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
    ) -> Result<Vec<ViewWrite>, ProjectorError> {
        let batch = decode_with_keys::<P>(&grant.projection, events)?;
        self.load_missing(grant, &batch).await?;
        let mut touched = BTreeSet::new();
        for (event, keys) in &batch {
            for key in keys {
                let view = self.views.get_mut(key).expect("the views of all keys of the batch are loaded");
                if view.get_or_insert_default().project(event) == Fate::Delete {
                    *view = None;
                }
                touched.insert(key.as_str());
            }
        }
        touched.into_iter().map(|key| self.write(grant, key)).collect()
    }

    /// Loads the views of the batch that are not in memory, in one query.
    async fn load_missing(&mut self, grant: &Grant, batch: &[Keyed<P>]) -> Result<(), ProjectorError> {
        if self.views.len() > VIEWS_KEPT_MAX {
            self.views.clear();
        }
        let keys = batch.iter().flat_map(|(_, keys)| keys).filter(|key| !self.views.contains_key(*key));
        let missing: Vec<String> = keys.collect::<BTreeSet<_>>().into_iter().cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let found = self.store.load_views(grant.generation, &missing).await;
        let found = found.map_err(|source| ProjectorError::store(&grant.projection, source))?;
        for (key, view) in missing.into_iter().zip(found) {
            let parse = |view: String| {
                serde_json::from_str(&view)
                    .map_err(|_| unreadable(&grant.projection, &key, "its JSON does not fit"))
            };
            let view = view.map(parse).transpose()?;
            self.views.insert(key, view);
        }
        Ok(())
    }

    fn write(&self, grant: &Grant, key: &str) -> Result<ViewWrite, ProjectorError> {
        let no_json = |_| unreadable(&grant.projection, key, "it has no JSON form");
        let view = self.views[key].as_ref().map(serde_json::to_string).transpose().map_err(no_json)?;
        Ok(ViewWrite { key: key.to_owned(), view })
    }
}

#[async_trait]
impl<P: Projection> Target for ViewTarget<P> {
    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    async fn apply(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        to: Cursor,
    ) -> Result<(), ProjectorError> {
        let written = match self.fold(grant, events).await {
            Ok(writes) => {
                let commit = Commit { grant: grant.clone(), to: Some(to), writes };
                self.store
                    .commit(commit)
                    .await
                    .map_err(|error| ProjectorError::commit(&grant.projection, error))
            }
            Err(error) => Err(error),
        };
        if written.is_err() {
            self.views.clear();
        }
        written
    }
}

/// An event with the texts of its keys.
type Keyed<P> = (Recorded<<P as Projection>::Event>, Vec<String>);

fn decode_with_keys<P: Projection>(
    projection: &ProjectionId,
    events: Vec<Recorded<Payload>>,
) -> Result<Vec<Keyed<P>>, ProjectorError> {
    let with_keys = |event: Recorded<Payload>| {
        let event = event.decode().map_err(|source| ProjectorError::undecodable(projection, source))?;
        let keys = texts(P::keys(&event));
        let keys = keys.map_err(|source| ProjectorError::no_key(projection, &event, source))?;
        Ok((event, keys))
    };
    events.into_iter().map(with_keys).collect()
}

/// The texts that keys are stored under.
fn texts<K: Key>(keys: Result<impl IntoIterator<Item = K>, KeyError>) -> Result<Vec<String>, KeyError> {
    let text = |key: K| {
        let text = key.to_string();
        match name::check_text(NameKind::ViewKey, &text) {
            Ok(()) => Ok(text),
            Err(invalid) => Err(KeyError::new(invalid.to_string())),
        }
    };
    keys?.into_iter().map(text).collect()
}

pub(super) fn unreadable(projection: &ProjectionId, key: &str, reason: &'static str) -> ProjectorError {
    ProjectorError::View { projection: projection.clone(), key: key.to_owned(), reason }
}
