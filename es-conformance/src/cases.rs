//! The cases, by what they look at.

mod append;
mod expected;
mod idempotence;

mod filter;
mod read;
mod read_all;

mod clock;
mod hostile;
mod limits;
mod model;

mod checkpoints;
mod views;

mod repository;
mod snapshots;
mod subscription;
mod upcasting;

mod dead_letters;
mod divide;
mod failures;
mod generations;
mod halt;
mod letters;
mod operate;
mod projector;
mod reactor;
mod rebuild;
mod shards;

mod faithful;

use crate::Case;

/// The table as a list.
pub(crate) fn all() -> Vec<Case> {
    crate::__each_case! { __cases [] }
}
