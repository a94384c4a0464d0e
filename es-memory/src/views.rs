//! [`ViewStore`] for [`MemoryStore`].

use crate::build::Build;
use crate::store::MemoryStore;
use async_trait::async_trait;
use es_core::{GenerationId, ProjectionId, StoreError, ViewStore};
use std::ops::Bound;

#[async_trait]
impl ViewStore for MemoryStore {
    async fn view(&self, projection: &ProjectionId, key: &str) -> Result<Option<String>, StoreError> {
        let state = self.lock();
        Ok(state.builds.live(projection).and_then(|live| live.views.get(key).cloned()))
    }

    async fn views(
        &self,
        projection: &ProjectionId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        Ok(page(self.lock().builds.live(projection), after, limit))
    }

    async fn load_views(
        &self,
        generation: GenerationId,
        keys: &[String],
    ) -> Result<Vec<Option<String>>, StoreError> {
        let state = self.lock();
        let build = state.builds.by_id.get(&generation);
        Ok(keys.iter().map(|key| build?.views.get(key).cloned()).collect())
    }

    async fn generation_views(
        &self,
        generation: GenerationId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        Ok(page(self.lock().builds.by_id.get(&generation), after, limit))
    }
}

/// A generation that is not there has no views.
fn page(build: Option<&Build>, after: Option<&str>, limit: usize) -> Vec<(String, String)> {
    let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
    let views = build.into_iter().flat_map(|build| build.views.range::<str, _>((behind, Bound::Unbounded)));
    views.take(limit).map(|(key, view)| (key.clone(), view.clone())).collect()
}
