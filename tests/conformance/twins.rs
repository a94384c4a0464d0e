//! Broken twins: stores that lack one guard each. A case that does not fail on its twin guards nothing.

mod log;
mod read_models;

use super::memory::{Hold, Memory};
use async_trait::async_trait;
use es_conformance::{Ability, Case, HeldAppend, Instance, Settings, Subject};
use es_core::{Limits, Store};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;

/// Makes a store of a good one.
type Break = fn(Arc<dyn Store>) -> Arc<dyn Store>;

/// What is wrong with a store, and the case that must notice.
struct Twin {
    name: &'static str,
    caught_by: &'static str,
    base: Base,
    broken: Break,
}

/// The store below a twin.
#[derive(Clone, Copy)]
enum Base {
    /// A good one.
    Good,
    /// One whose limits are out of reach.
    Unlimited,
    /// One whose readers also see what lies behind an append that is not committed yet.
    Naive,
}

/// Makes twins instead of stores in memory.
struct Twins {
    base: Base,
    broken: Break,
}

struct TwinInstance {
    memory: es_memory::MemoryStore,
    store: Arc<dyn Store>,
}

#[async_trait]
impl Subject for Twins {
    async fn instance(&self, settings: Settings) -> Box<dyn Instance> {
        let settings = match self.base {
            Base::Unlimited => {
                let unlimited = Limits::default()
                    .with_event_bytes_max(usize::MAX)
                    .with_append_bytes_max(usize::MAX)
                    .with_append_events_max(usize::MAX);
                settings.with_limits(unlimited)
            }
            Base::Good | Base::Naive => settings,
        };
        let good = Memory::default().make(settings);
        let memory = if matches!(self.base, Base::Naive) { good.without_settled_prefix() } else { good };
        let store = (self.broken)(Arc::new(memory.clone()));
        Box::new(TwinInstance { memory, store })
    }

    fn lacks(&self) -> &[Ability] {
        &[Ability::Reopen, Ability::Tamper]
    }
}

#[async_trait]
impl Instance for TwinInstance {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn hold_next_append(&self) -> Option<Box<dyn HeldAppend>> {
        Some(Box::new(Hold::next(&self.memory)))
    }
}

/// Whether the case fails on stores of this kind.
fn fails(name: &'static str, base: Base, broken: Break) -> bool {
    let case = Case::named(name).unwrap_or_else(|| panic!("there is no case `{name}`"));
    let runs = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(case.run(&Twins { base, broken }));
    };
    // A thread of its own: a case that panics takes its runtime with it.
    thread::spawn(move || panic::catch_unwind(AssertUnwindSafe(runs)).is_err()).join().unwrap()
}

fn as_it_is(store: Arc<dyn Store>) -> Arc<dyn Store> {
    store
}

/// Every twin.
fn twins() -> Vec<Twin> {
    let good = |name, caught_by, broken| Twin { name, caught_by, base: Base::Good, broken };
    vec![
        good(
            "expectations are ignored",
            "st_16_every_expectation_meets_every_state_of_a_stream",
            log::any_version,
        ),
        good(
            "expectations are ignored in a race",
            "st_15_of_32_racers_one_wins_and_31_conflict",
            log::any_version,
        ),
        good(
            "a call is stored append by append",
            "appends_to_several_streams_are_stored_all_or_none",
            log::one_by_one,
        ),
        good(
            "an append is stored event by event",
            "events_of_one_append_appear_together",
            log::event_by_event,
        ),
        good("event ids are not looked at", "an_append_sent_again_is_answered_again", log::fresh_event_ids),
        good("command ids are not looked at", "a_command_sent_again_is_answered_again", log::no_command_ids),
        good(
            "command ids are looked at, but not in the transaction",
            "a_command_sent_by_16_tasks_has_one_effect_and_one_answer",
            log::command_ids_checked_before,
        ),
        good(
            "names are folded to lower case",
            "se_03_keys_have_one_alphabet_and_are_never_folded",
            log::folded_names,
        ),
        good(
            "names lose what is around them",
            "se_03_keys_have_one_alphabet_and_are_never_folded",
            log::trimmed_names,
        ),
        good(
            "payloads are parsed and written again",
            "se_09_json_comes_back_byte_for_byte",
            log::parsed_payloads,
        ),
        good("numbers are floats", "up_05_numbers_survive_the_store_and_the_upcasters", log::parsed_payloads),
        good(
            "a page loses its last event",
            "the_log_is_read_in_pages_without_gap_or_repeat",
            log::page_border,
        ),
        good("a cursor is a hole", "a_cursor_is_a_row_that_was_read", log::hole_as_cursor),
        good(
            "a cursor is the last match",
            "pj_14_a_filter_that_matches_nothing_still_advances",
            log::match_as_cursor,
        ),
        good(
            "names are matched by pattern",
            "a_filter_gives_what_it_wants_and_nothing_else",
            log::like_filter,
        ),
        good("nobody is woken", "readers_are_woken_when_the_log_grows", log::never_woken),
        good(
            "a cut-off append is torn",
            "st_21_cancelled_appends_leave_the_store_healthy",
            log::event_by_event,
        ),
        Twin {
            name: "nothing is too large",
            caught_by: "se_06_sizes_are_limited_by_event_and_by_append",
            base: Base::Unlimited,
            broken: as_it_is,
        },
        Twin {
            name: "nothing is too many",
            caught_by: "st_19_10_000_events_fit_into_one_append_and_100_000_are_refused",
            base: Base::Unlimited,
            broken: as_it_is,
        },
        Twin {
            name: "readers do not wait for what commits late",
            caught_by: "an_append_that_commits_late_is_not_skipped",
            base: Base::Naive,
            broken: as_it_is,
        },
        Twin {
            name: "projectors do not wait for what commits late",
            caught_by: "a_projector_does_not_skip_what_commits_late",
            base: Base::Naive,
            broken: as_it_is,
        },
        good("nobody compares epochs", "a_former_owner_writes_nothing", read_models::no_epochs),
        good(
            "zombies write",
            "pj_02_of_five_owners_with_short_leases_only_one_writes",
            read_models::no_epochs,
        ),
        good("nobody compares cursors", "views_and_checkpoint_move_together", read_models::no_cursors),
        good(
            "views come before their checkpoint",
            "pj_01_an_owner_that_vanishes_anywhere_leaves_exact_counts",
            read_models::views_first,
        ),
        good("a halt is forgotten", "a_halt_is_kept_until_somebody_begins_again", read_models::no_halts),
        good("a swap drops what was built", "a_swap_replaces_the_live_generation", read_models::swap_drops),
        good("a swap mixes both", "a_swap_replaces_the_live_generation", read_models::swap_mixes),
        good("half a rebuild is seen", "readers_never_see_half_a_rebuild", read_models::building_is_read),
        good(
            "keys are ordered as people do",
            "keys_are_ordered_by_their_bytes",
            read_models::keys_without_case,
        ),
        good(
            "a page begins with its own border",
            "keys_are_ordered_by_their_bytes",
            read_models::border_again,
        ),
        good(
            "views are parsed and written again",
            "a_view_is_the_exact_text_that_was_written",
            read_models::parsed_views,
        ),
        good("a deleted view stays", "a_view_that_is_deleted_starts_anew", read_models::no_deletions),
        good(
            "an older snapshot takes the place of a newer one",
            "the_newest_snapshot_comes_with_its_own_event_and_what_follows",
            read_models::last_snapshot,
        ),
        good(
            "a snapshot vouches for itself when it is ahead",
            "sn_02_a_snapshot_ahead_of_its_stream_is_ignored",
            read_models::snapshot_believed,
        ),
        good(
            "a snapshot of another history is vouched for",
            "sn_01_a_damaged_or_foreign_snapshot_is_ignored",
            read_models::snapshot_believed,
        ),
    ]
}

#[test]
fn every_broken_twin_is_caught() {
    let missed = twins().into_iter().filter(|twin| !fails(twin.caught_by, twin.base, twin.broken));
    let missed: Vec<_> = missed.map(|twin| format!("{} by {}", twin.name, twin.caught_by)).collect();
    assert!(missed.is_empty(), "not caught: {missed:#?}");
}

#[test]
fn the_cases_that_catch_twins_pass_on_the_good_store() {
    let caught_by: std::collections::BTreeSet<_> = twins().iter().map(|twin| twin.caught_by).collect();
    let failed: Vec<_> = caught_by.into_iter().filter(|name| fails(name, Base::Good, log::intact)).collect();
    assert!(failed.is_empty(), "the good store fails: {failed:#?}");
}
