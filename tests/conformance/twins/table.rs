//! The table of all twins.

use super::{Base, Twin, log, read_models};

/// Every twin: what is wrong, the case that must notice, and how it is made.
pub(super) const TWINS: &[Twin] = &[
    Twin::of_good(
        "expectations are ignored",
        "st_16_every_expectation_meets_every_state_of_a_stream",
        log::any_version,
    ),
    Twin::of_good(
        "expectations are ignored in a race",
        "st_15_of_32_racers_one_wins_and_31_conflict",
        log::any_version,
    ),
    Twin::of_good(
        "a call is stored append by append",
        "appends_to_several_streams_are_stored_all_or_none",
        log::one_by_one,
    ),
    Twin::of_good(
        "an append is stored event by event",
        "events_of_one_append_appear_together",
        log::event_by_event,
    ),
    Twin::of_good(
        "event ids are not looked at",
        "an_append_sent_again_is_answered_again",
        log::fresh_event_ids,
    ),
    Twin::of_good(
        "command ids are not looked at",
        "a_command_sent_again_is_answered_again",
        log::no_command_ids,
    ),
    Twin::of_good(
        "command ids are looked at, but not in the transaction",
        "a_command_sent_by_16_tasks_has_one_effect_and_one_answer",
        log::command_ids_checked_before,
    ),
    Twin::of_good(
        "names are folded to lower case",
        "se_03_keys_have_one_alphabet_and_are_never_folded",
        log::folded_names,
    ),
    Twin::of_good(
        "names lose what is around them",
        "se_03_keys_have_one_alphabet_and_are_never_folded",
        log::trimmed_names,
    ),
    Twin::of_good(
        "payloads are parsed and written again",
        "se_09_json_comes_back_byte_for_byte",
        log::parsed_payloads,
    ),
    Twin::of_good(
        "numbers are floats",
        "up_05_numbers_survive_the_store_and_the_upcasters",
        log::parsed_payloads,
    ),
    Twin::of_good(
        "a page loses its last event",
        "the_log_is_read_in_pages_without_gap_or_repeat",
        log::page_border,
    ),
    Twin::of_good("a cursor is a hole", "a_cursor_is_a_row_that_was_read", log::hole_as_cursor),
    Twin::of_good(
        "a cursor is the last match",
        "pj_14_a_filter_that_matches_nothing_still_advances",
        log::match_as_cursor,
    ),
    Twin::of_good(
        "names are matched by pattern",
        "a_filter_gives_what_it_wants_and_nothing_else",
        log::like_filter,
    ),
    Twin::of_good("nobody is woken", "readers_are_woken_when_the_log_grows", log::never_woken),
    Twin::of_good(
        "a cut-off append is torn",
        "st_21_cancelled_appends_leave_the_store_healthy",
        log::event_by_event,
    ),
    Twin::on(Base::Unlimited, "nothing is too large", "se_06_sizes_are_limited_by_event_and_by_append"),
    Twin::on(
        Base::Unlimited,
        "nothing is too many",
        "st_19_10_000_events_fit_into_one_append_and_100_000_are_refused",
    ),
    Twin::on(
        Base::Naive,
        "readers do not wait for what commits late",
        "an_append_that_commits_late_is_not_skipped",
    ),
    Twin::on(
        Base::Naive,
        "projectors do not wait for what commits late",
        "a_projector_does_not_skip_what_commits_late",
    ),
    Twin::of_good("nobody compares epochs", "a_former_owner_writes_nothing", read_models::no_epochs),
    Twin::of_good(
        "zombies write",
        "pj_02_of_five_owners_with_short_leases_only_one_writes",
        read_models::no_epochs,
    ),
    Twin::of_good("nobody compares cursors", "views_and_checkpoint_move_together", read_models::no_cursors),
    Twin::of_good(
        "views come before their checkpoint",
        "pj_01_an_owner_that_vanishes_anywhere_leaves_exact_counts",
        read_models::views_first,
    ),
    Twin::of_good("a halt is forgotten", "a_halt_is_kept_until_somebody_begins_again", read_models::no_halts),
    Twin::of_good(
        "a swap drops what was built",
        "a_swap_replaces_the_live_generation",
        read_models::swap_drops,
    ),
    Twin::of_good("a swap mixes both", "a_swap_replaces_the_live_generation", read_models::swap_mixes),
    Twin::of_good(
        "half a rebuild is seen",
        "readers_never_see_half_a_rebuild",
        read_models::building_is_read,
    ),
    Twin::of_good(
        "keys are ordered as people do",
        "keys_are_ordered_by_their_bytes",
        read_models::keys_without_case,
    ),
    Twin::of_good(
        "a page begins with its own border",
        "keys_are_ordered_by_their_bytes",
        read_models::border_again,
    ),
    Twin::of_good(
        "views are parsed and written again",
        "a_view_is_the_exact_text_that_was_written",
        read_models::parsed_views,
    ),
    Twin::of_good("a deleted view stays", "a_view_that_is_deleted_starts_anew", read_models::no_deletions),
    Twin::of_good(
        "an older snapshot takes the place of a newer one",
        "the_newest_snapshot_comes_with_its_own_event_and_what_follows",
        read_models::last_snapshot,
    ),
    Twin::of_good(
        "a snapshot vouches for itself when it is ahead",
        "sn_02_a_snapshot_ahead_of_its_stream_is_ignored",
        read_models::snapshot_believed,
    ),
    Twin::of_good(
        "a snapshot of another history is vouched for",
        "sn_01_a_damaged_or_foreign_snapshot_is_ignored",
        read_models::snapshot_believed,
    ),
];
