//! The table of all twins.

use super::{Base, Twin, checkpoints, dead_letters, log, pages, read_models, refusals, snapshots};

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
        "nobody compares the epoch of a builder with many views",
        "a_former_builder_writes_nothing_however_much",
        read_models::no_epochs,
    ),
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
    Twin::of_good(
        "a pause does not end the grant",
        "a_pause_ends_the_grant_and_lets_nobody_have_another",
        read_models::no_pauses,
    ),
    Twin::of_good(
        "dead letters are not written",
        "pj_06_the_key_of_a_poison_is_parked_and_the_others_go_on",
        dead_letters::no_letters,
    ),
    Twin::of_good(
        "a letter that was taken is taken again",
        "pj_06_the_key_of_a_poison_is_parked_and_the_others_go_on",
        dead_letters::no_settling,
    ),
    Twin::of_good(
        "nobody knows which keys are parked",
        "pj_06_the_key_of_a_poison_is_parked_and_the_others_go_on",
        dead_letters::no_queues,
    ),
    Twin::of_good(
        "a rebuild forgets what was discarded",
        "a_discarded_letter_stays_away_also_in_a_rebuild",
        dead_letters::no_discards,
    ),
    Twin::of_good(
        "a lease cannot be taken over",
        "a_lease_that_is_taken_over_ends_the_grant_but_not_a_pause",
        dead_letters::no_taking_over,
    ),
    Twin::of_good(
        "snapshots are listed that were not asked for",
        "snapshots_are_listed_by_stream_and_schema_version",
        snapshots::lists_all,
    ),
    Twin::of_good(
        "a dropped snapshot stays",
        "a_load_after_its_snapshot_was_dropped_gives_the_same",
        snapshots::keeps,
    ),
    Twin::of_good(
        "a stream loses all its snapshots with one",
        "a_load_after_its_snapshot_was_dropped_gives_the_same",
        snapshots::drops_schemas,
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
    Twin::of_good(
        "what a retry misses is appended",
        "an_append_of_which_a_part_is_recorded_is_refused",
        refusals::missing_appended,
    ),
    Twin::of_good(
        "a retry is recorded event by event",
        "a_retry_sends_the_same_events_in_the_same_order",
        refusals::missing_appended,
    ),
    Twin::of_good(
        "an event id of another stream is accepted",
        "an_event_id_of_another_stream_is_refused",
        refusals::other_ids,
    ),
    Twin::of_good(
        "an event id is accepted twice",
        "an_event_id_is_not_used_twice_in_one_call",
        refusals::other_ids,
    ),
    Twin::of_good(
        "a command id of another stream answers",
        "a_command_id_of_another_stream_is_refused",
        refusals::commands_of_all,
    ),
    Twin::of_good(
        "too many events are stored in pieces",
        "st_19_10_000_events_fit_into_one_append_and_100_000_are_refused",
        refusals::in_pieces,
    ),
    Twin::of_good(
        "nobody looks how deep JSON is",
        "se_08_json_is_nested_127_deep_at_most",
        refusals::any_depth,
    ),
    Twin::of_good(
        "nobody looks whether it is JSON",
        "se_09_what_no_reader_can_read_is_refused",
        refusals::any_bytes,
    ),
    Twin::of_good(
        "names are escaped instead of refused",
        "se_01_hostile_names_are_refused_by_their_alphabet",
        refusals::any_name,
    ),
    Twin::of_good(
        "positions count down",
        "what_was_acknowledged_comes_before_what_begins_later",
        pages::counts_down,
    ),
    Twin::of_good(
        "a page is out of order",
        "the_log_is_read_in_pages_without_gap_or_repeat",
        pages::backwards_pages,
    ),
    Twin::of_good("the head is one too far", "the_head_is_the_last_row", pages::head_too_far),
    Twin::of_good("the head is one behind", "the_head_is_the_last_row", pages::head_behind),
    Twin::of_good(
        "the log hides an event from subscribers",
        "a_subscription_gives_what_was_there_and_what_comes",
        pages::second_hidden,
    ),
    Twin::of_good(
        "the log hides an event from projectors",
        "a_read_model_has_every_event_once",
        pages::second_hidden,
    ),
    Twin::of_good(
        "a worker folds keys of other workers too",
        "pj_24_shards_1_to_4_to_2_while_they_work_lose_and_repeat_nothing",
        checkpoints::keys_of_others_too,
    ),
    Twin::of_good(
        "shards are put together where the furthest one is",
        "shards_that_become_one_are_brought_to_one_row_first",
        checkpoints::together_at_the_furthest_row,
    ),
    Twin::of_good(
        "what a former owner failed with is kept",
        "a_former_owner_keeps_no_failure",
        checkpoints::failures_of_all,
    ),
    Twin::of_good(
        "the log hides an event from rebuilds",
        "pj_12_batches_of_any_size_give_the_same_views",
        pages::second_hidden,
    ),
    Twin::of_good("a page has no end", "the_log_is_read_in_pages_without_gap_or_repeat", pages::whole_pages),
    Twin::of_good(
        "a subscriber is given all at once",
        "pj_17_a_slow_subscriber_holds_three_pages",
        pages::whole_pages,
    ),
    Twin::of_good(
        "versions are counted when a projector reads them",
        "pj_20_a_projector_stops_at_a_missing_event",
        pages::counted_versions,
    ),
    Twin::of_good(
        "versions are counted when a subscriber reads them",
        "pj_20_a_subscription_stops_at_a_missing_event",
        pages::counted_versions,
    ),
    Twin::of_good(
        "what cannot be read is left out",
        "a_payload_that_was_overwritten_is_not_passed_over",
        pages::unreadable_hidden,
    ),
    Twin::of_good(
        "a checkpoint has no event id",
        "pj_18_another_event_at_the_checkpoint_is_another_history",
        checkpoints::positions_without_ids,
    ),
    Twin::of_good(
        "a checkpoint takes the id that is there now",
        "pj_18_an_event_that_was_replaced_is_another_history",
        checkpoints::positions_without_ids,
    ),
    Twin::of_good(
        "a checkpoint beyond the head is set back",
        "pj_18_a_checkpoint_beyond_the_head_is_another_history",
        checkpoints::begins_at_the_head,
    ),
    Twin::of_good(
        "a lease is granted to everybody",
        "a_lease_has_one_owner_until_it_is_released",
        checkpoints::leases_for_all,
    ),
    Twin::of_good(
        "views are written behind the checkpoint",
        "a_checkpoint_never_goes_back",
        checkpoints::backwards,
    ),
    Twin::of_good(
        "a former builder swaps",
        "a_former_builder_neither_swaps_nor_discards",
        checkpoints::former_builder_swaps,
    ),
    Twin::of_good(
        "a former builder discards",
        "a_former_builder_neither_swaps_nor_discards",
        checkpoints::former_builder_discards,
    ),
    Twin::of_good(
        "a build that is behind takes over",
        "a_swap_replaces_the_live_generation",
        checkpoints::swaps_behind,
    ),
    Twin::of_good(
        "large batches lose views",
        "pj_12_batches_of_any_size_give_the_same_views",
        checkpoints::few_writes,
    ),
    Twin::of_good(
        "a rebuild drops views",
        "pj_10_a_rebuild_beside_writers_equals_the_live_one",
        read_models::swap_drops,
    ),
    Twin::of_good(
        "a snapshot has the state of the one before",
        "sn_05_a_load_with_a_snapshot_equals_one_without",
        pages::stale_states,
    ),
    Twin::of_good(
        "no snapshot is kept",
        "sn_05_a_load_with_a_snapshot_equals_one_without",
        pages::no_snapshots,
    ),
    Twin::of_good(
        "random calls: expectations are ignored",
        "st_46_the_store_behaves_like_a_plain_list",
        log::any_version,
    ),
    Twin::of_good(
        "random calls: a call is stored append by append",
        "st_46_the_store_behaves_like_a_plain_list",
        log::one_by_one,
    ),
    Twin::of_good(
        "random calls: a page loses its last event",
        "st_46_the_store_behaves_like_a_plain_list",
        log::page_border,
    ),
    Twin::on(
        Base::Forgetful,
        "nothing is there after reopening",
        "what_was_acknowledged_is_there_after_reopening",
    ),
    Twin::on(
        Base::Clocked,
        "leases end by the clock of the events",
        "st_45_a_jumping_clock_neither_ends_a_lease_nor_prolongs_it",
    ),
];
