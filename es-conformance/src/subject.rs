//! [`Subject`].

use crate::{Ability, Instance, Settings};
use async_trait::async_trait;

/// Makes the stores that the cases are run on.
///
/// ```
/// use async_trait::async_trait;
/// use es_conformance::{Ability, Instance, Settings, Subject};
/// use es_core::Store;
/// use es_memory::MemoryStore;
/// use std::sync::Arc;
///
/// struct Memory;
///
/// struct InMemory(MemoryStore);
///
/// #[async_trait]
/// impl Subject for Memory {
///     async fn instance(&self, settings: Settings) -> Box<dyn Instance> {
///         Box::new(InMemory(MemoryStore::default().with_limits(settings.limits)))
///     }
///
///     fn lacks(&self) -> &[Ability] {
///         use Ability::*;
///         &[Reopen, SecondHandle, Tamper, HoldAppend, Clock, OneConnection]
///     }
/// }
///
/// impl Instance for InMemory {
///     fn store(&self) -> Arc<dyn Store> {
///         Arc::new(self.0.clone())
///     }
/// }
///
/// mod memory {
///     es_conformance::conformance!(super::Memory);
/// }
/// # fn main() {}
/// ```
#[async_trait]
pub trait Subject: Send + Sync + 'static {
    /// A store without events. What it needs, such as a folder, lives as long as the subject.
    async fn instance(&self, settings: Settings) -> Box<dyn Instance>;

    /// What the instances cannot do. Cases that need it are skipped, and say so. Of an ability that is not declared to
    /// be lacking and is not there, every case that needs it fails; of [`Ability::OneConnection`], one of them.
    fn lacks(&self) -> &[Ability];

    /// Why no store can be made here, such as a server that is not there. Then every case is skipped, and says so: a
    /// subject that must not be skipped panics instead.
    fn cannot_be_made(&self) -> Option<String> {
        None
    }
}
