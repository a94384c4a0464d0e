//! [`Model`]: a read model or a reactor as it is checked.

use crate::{Failure, FailureKind};
use es_core::{App, CheckpointStore, Generation, GenerationState, ProjectionId};
use std::collections::BTreeMap;

/// A read model as it is checked.
pub(super) struct Model {
    pub(super) name: String,
    /// None before it was run for the first time.
    pub(super) generation: Option<Generation>,
}

impl Model {
    /// What is read: readers find nothing in one that is only being built.
    pub(super) fn live(&self) -> Option<&Generation> {
        self.generation.as_ref().filter(|generation| generation.state == GenerationState::Live)
    }
}

/// What is checked: what the application has, or else what is in the store, each in its highest version.
pub(super) async fn models(
    app: &App,
    mut declared: Vec<&ProjectionId>,
    only: Option<&str>,
) -> Result<Vec<Model>, Failure> {
    let generations = app.store().generations().await?;
    if declared.is_empty() {
        declared = generations.iter().map(|generation| &generation.projection).collect();
    }
    let mut highest = BTreeMap::<&str, &ProjectionId>::new();
    for projection in declared {
        let known = highest.entry(projection.name()).or_insert(projection);
        *known = (*known).max(projection);
    }
    let is_meant = |name: &str| only.is_none_or(|wanted| wanted == name);
    let models = highest.values().filter(|projection| is_meant(projection.name())).map(|projection| Model {
        name: projection.name().to_owned(),
        generation: generation_of(projection, &generations).cloned(),
    });
    let models: Vec<_> = models.collect();
    match only {
        Some(name) if models.is_empty() => {
            let message = format!("no projection is named `{name}`");
            Err(Failure::new(FailureKind::NotFound, message))
        }
        None if models.is_empty() => Err(Failure::new(FailureKind::NotFound, "there are no projections")),
        _ => Ok(models),
    }
}

/// The one that is read, or else the first one, which is building.
fn generation_of<'a>(projection: &ProjectionId, generations: &'a [Generation]) -> Option<&'a Generation> {
    let own = || generations.iter().filter(|generation| generation.projection == *projection);
    own().find(|generation| generation.state == GenerationState::Live).or_else(|| own().next())
}
