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

/// How many bytes of views may have been read and written since memory was last cleared.
const VIEW_BYTES_KEPT_MAX: usize = 64 * 1024 * 1024;

/// Folds batches into views. Views that were written stay in memory, which is right for as long as every commit
/// succeeds: the epoch and the checkpoint prove that nobody else has written.
pub(super) struct ViewTarget<P> {
    store: Arc<dyn Store>,
    filter: Filter,
    views: HashMap<String, Option<P>>,
    bytes: usize,
}

impl<P: Projection> ViewTarget<P> {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, filter: P::filter(), views: HashMap::new(), bytes: 0 }
    }

    fn forget(&mut self) {
        self.views.clear();
        self.bytes = 0;
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
        let touched: Vec<_> = touched.into_iter().map(str::to_owned).collect();
        touched.into_iter().map(|key| self.write(grant, key)).collect()
    }

    /// Loads the views of the batch that are not in memory, in one query.
    async fn load_missing(&mut self, grant: &Grant, batch: &[Keyed<P>]) -> Result<(), ProjectorError> {
        if self.views.len() > VIEWS_KEPT_MAX || self.bytes > VIEW_BYTES_KEPT_MAX {
            self.forget();
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
            self.bytes += view.as_ref().map_or(0, String::len);
            let view = view.map(parse).transpose()?;
            self.views.insert(key, view);
        }
        Ok(())
    }

    /// Encodes a view, and keeps it as it will be read: a view that cannot be is found before it is written, and
    /// serde may round what it writes.
    fn write(&mut self, grant: &Grant, key: String) -> Result<ViewWrite, ProjectorError> {
        let kept = self.views.get_mut(&key).expect("what was touched is there");
        let json = kept.as_ref().map(serde_json::to_string).transpose();
        let json = json.map_err(|_| unreadable(&grant.projection, &key, "it has no JSON form"))?;
        if let Some(json) = &json {
            let back = serde_json::from_str(json);
            let back =
                back.map_err(|_| unreadable(&grant.projection, &key, "its JSON cannot be read again"))?;
            *kept = Some(back);
            self.bytes += json.len();
        }
        Ok(ViewWrite { key, view: json })
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
            self.forget();
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
    let mut texts = Vec::new();
    for key in keys? {
        let text = text(key)?;
        // One event changes a view once, also when it names it twice.
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    Ok(texts)
}

pub(super) fn unreadable(projection: &ProjectionId, key: &str, reason: &'static str) -> ProjectorError {
    ProjectorError::View { projection: projection.clone(), key: key.to_owned(), reason }
}
