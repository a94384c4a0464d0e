//! The table of all cases: each with what it needs of the subject.

/// Hands the table to the macro `$then`.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_case {
    ($then:ident $with:tt) => {
        $crate::$then! { $with
            append {
                an_append_is_answered_with_its_version_and_its_positions [],
                an_append_without_events_stores_nothing [],
                st_15_of_32_racers_one_wins_and_31_conflict [],
                events_of_one_append_appear_together [],
                appends_to_several_streams_are_stored_all_or_none [],
                one_call_appends_to_a_stream_once [],
                what_was_acknowledged_comes_before_what_begins_later [],
                st_21_cancelled_appends_leave_the_store_healthy [],
                st_21_a_cancelled_append_that_is_sent_again_has_one_effect [],
                st_26_with_one_connection_nested_work_does_not_deadlock [OneConnection],
                st_26_who_waits_too_long_for_the_one_connection_is_told_so [OneConnection],
                what_was_acknowledged_is_there_after_reopening [Reopen],
                two_handles_share_one_log [SecondHandle],
            }
            expected {
                st_16_every_expectation_meets_every_state_of_a_stream [],
                exactly_zero_is_the_empty_stream [],
            }
            idempotence {
                an_append_sent_again_is_answered_again [],
                an_append_of_which_a_part_is_recorded_is_refused [],
                a_retry_sends_the_same_events_in_the_same_order [],
                an_event_id_of_another_stream_is_refused [],
                an_event_id_is_not_used_twice_in_one_call [],
                the_same_append_from_16_tasks_has_one_effect [],
                an_append_whose_answer_was_lost_has_one_effect_when_it_is_sent_again [],
                a_command_sent_again_is_answered_again [],
                a_command_id_of_another_stream_is_refused [],
                a_command_that_decides_nothing_is_recorded [],
                a_refused_command_leaves_its_id_free [],
                a_command_sent_by_16_tasks_has_one_effect_and_one_answer [],
            }
            read {
                a_stream_without_events_is_an_empty_page [],
                a_stream_is_read_forwards_backwards_and_in_pieces [],
                streams_with_similar_names_are_apart [],
                an_event_comes_back_as_it_went_in [],
            }
            read_all {
                the_log_is_read_in_pages_without_gap_or_repeat [],
                a_reader_goes_on_from_every_row [],
                the_head_is_the_last_row [],
                a_cursor_is_a_row_that_was_read [],
                an_append_that_is_rolled_back_leaves_nothing_to_wait_for [HoldAppend],
                an_append_that_commits_late_is_not_skipped [HoldAppend],
                readers_beside_8_writers_miss_nothing [],
                readers_are_woken_when_the_log_grows [],
                pj_17_a_large_backlog_is_read_in_bounded_pages [],
                a_page_that_is_full_to_the_byte_leads_on [],
                the_event_at_a_position_is_found_by_it [],
                the_predecessors_of_events_are_those_of_their_streams [],
            }
            filter {
                a_filter_gives_what_it_wants_and_nothing_else [],
                a_filter_reads_on_from_any_position [],
                pj_14_a_filter_that_matches_nothing_still_advances [],
            }
            limits {
                st_19_10_000_events_fit_into_one_append_and_100_000_are_refused [],
                se_06_sizes_are_limited_by_event_and_by_append [],
                se_08_json_is_nested_127_deep_at_most [],
                limits_can_be_set [Limits],
            }
            hostile {
                se_01_hostile_stream_keys_and_command_ids_are_kept_literally [],
                se_01_hostile_names_are_refused_by_their_alphabet [],
                se_01_hostile_view_keys_are_kept_literally [],
                se_03_keys_have_one_alphabet_and_are_never_folded [],
                se_09_json_comes_back_byte_for_byte [],
                se_09_what_no_reader_can_read_is_refused [],
                no_payload_is_shown_by_debug_or_by_an_error [],
            }
            clock {
                st_45_a_jumping_clock_changes_no_order [Clock],
                st_45_a_jumping_clock_neither_ends_a_lease_nor_prolongs_it [Clock],
                st_45_a_jumping_clock_changes_no_snapshot [Clock],
            }
            model {
                st_46_the_store_behaves_like_a_plain_list [],
            }
            checkpoints {
                a_lease_has_one_owner_until_it_is_released [],
                a_lease_ends_when_it_is_not_renewed [],
                a_lease_that_is_over_is_renewed_where_nobody_took_it [],
                a_former_owner_writes_nothing [],
                a_former_builder_writes_nothing_however_much [],
                the_first_views_of_a_build_may_be_many_and_may_be_there [],
                a_former_builder_neither_swaps_nor_discards [],
                views_and_checkpoint_move_together [],
                a_checkpoint_never_goes_back [],
                a_halt_is_kept_until_somebody_begins_again [],
                a_swap_replaces_the_live_generation [],
                a_discarded_generation_is_gone [],
                generations_are_listed_by_projection [],
            }
            views {
                a_view_is_the_exact_text_that_was_written [],
                keys_are_ordered_by_their_bytes [],
                views_are_loaded_in_the_order_of_their_keys [],
                a_projection_without_views_has_none [],
                random_writes_and_deletions_leave_what_a_map_has [],
            }
            repository {
                what_a_command_decided_is_recorded [],
                a_rejection_and_an_empty_decision_store_nothing [],
                lost_races_are_decided_again [],
                a_cache_is_right_beside_other_writers [],
                a_command_for_a_version_conflicts_elsewhere [],
                a_command_that_is_sent_again_gets_the_answer_of_that_time [],
                a_command_executed_by_16_tasks_has_one_effect_and_one_answer [],
                a_command_whose_answer_was_lost_has_one_effect [],
                a_state_is_loaded_as_it_was [],
                a_long_stream_is_loaded_in_pages [],
            }
            snapshots {
                the_newest_snapshot_comes_with_its_own_event_and_what_follows [],
                sn_01_a_damaged_or_foreign_snapshot_is_ignored [],
                sn_02_a_snapshot_ahead_of_its_stream_is_ignored [],
                sn_02_a_snapshot_of_another_history_gives_way [],
                sn_03_a_snapshot_that_was_not_written_changes_nothing [],
                sn_04_commands_succeed_without_the_snapshots [],
                sn_05_a_load_with_a_snapshot_equals_one_without [],
                snapshots_are_listed_by_stream_and_schema_version [],
                a_load_after_its_snapshot_was_dropped_gives_the_same [],
            }
            subscription {
                a_subscription_gives_what_was_there_and_what_comes [],
                pj_25_a_reader_that_is_dropped_1_000_times_loses_nothing [],
                pj_25_a_reader_that_is_always_dropped_before_a_page_is_there_gets_on [],
                pj_17_a_slow_subscriber_holds_three_pages [],
                subscribers_beside_writers_miss_nothing [],
                pj_20_a_subscription_stops_at_a_missing_event [Tamper],
            }
            upcasting {
                up_01_every_shape_that_was_ever_stored_is_read [],
                up_02_an_unknown_name_or_version_stops_the_reader [],
                up_03_a_chain_of_upcasters_equals_the_direct_way [],
                up_04_an_upcaster_that_refuses_stops_the_reader [],
                up_04_an_upcaster_that_panics_halts_its_projection [],
                up_05_numbers_survive_the_store_and_the_upcasters [],
                se_09_a_number_without_a_json_form_is_refused [],
                up_06_stored_bytes_are_the_same_before_and_after_a_replay [],
            }
            projector {
                a_read_model_has_every_event_once [],
                a_view_that_is_deleted_starts_anew [],
                pj_01_a_batch_that_was_lost_around_its_commit_is_applied_once [],
                pj_01_an_owner_that_vanishes_anywhere_leaves_exact_counts [],
                pj_02_of_five_owners_with_short_leases_only_one_writes [],
                pj_12_batches_of_any_size_give_the_same_views [],
                pj_14_a_projection_that_wants_nothing_still_advances [],
                pj_22_a_stalled_projection_says_how_far_behind_it_is [],
                one_reads_ones_own_writes [],
                a_projector_does_not_skip_what_commits_late [HoldAppend],
            }
            halt {
                pj_06_a_projection_halts_at_an_event_without_a_key [],
                pj_06_a_projection_halts_at_an_event_that_does_not_fit [],
                pj_06_a_projection_halts_at_an_unknown_name [],
                up_02_a_projection_halts_at_an_unknown_version [],
                pj_18_a_checkpoint_beyond_the_head_is_another_history [],
                pj_18_another_event_at_the_checkpoint_is_another_history [],
                pj_18_an_event_that_was_replaced_is_another_history [Tamper],
                pj_20_a_projector_stops_at_a_missing_event [Tamper],
                a_payload_that_was_overwritten_is_not_passed_over [Tamper],
            }
            operate {
                a_pause_ends_the_grant_and_lets_nobody_have_another [],
                a_paused_projection_stands_still_until_it_is_resumed [],
                a_projection_that_halted_goes_on_when_it_is_resumed [],
                a_halt_is_tried_once_by_each_process_and_then_left_to_a_person [],
                a_process_that_knows_better_goes_on_where_another_has_halted [],
                followers_at_the_end_of_the_log_share_one_reader [],
            }
            failures {
                a_failure_is_kept_until_the_next_one [],
                a_former_owner_keeps_no_failure [],
                failures_are_cut_and_merged_with_their_shards [],
                what_a_projector_tried_again_after_is_seen_by_all [],
                a_failure_that_cannot_be_kept_holds_up_nobody [],
            }
            reactor {
                a_reactor_is_given_every_event_once_in_order [],
                a_reactor_starts_where_it_is_told_and_later_goes_on [],
                a_reaction_that_fails_is_tried_again_and_what_was_done_is_not [],
                a_reaction_that_cannot_work_halts_the_reactor_until_it_is_resumed [],
                a_reaction_that_takes_longer_than_the_lease_keeps_it [],
                a_reaction_that_cannot_work_parks_its_stream [],
            }
            letters {
                pj_08_what_comes_before_one_that_fails_again_is_taken [],
                pj_06_a_view_that_cannot_be_read_parks_its_key [],
                pj_01_letters_come_with_their_checkpoint_wherever_an_owner_vanishes [],
                pj_08_a_retry_that_vanishes_anywhere_is_finished_by_another [],
                a_letter_that_is_discarded_ends_the_rebuild_that_did_not_know [],
                a_halt_stays_while_letters_are_retried [],
                a_letter_that_is_not_the_first_is_discarded_and_nobody_else_is_tried [],
                letters_are_changed_with_the_checkpoint_and_by_nobody_else [],
            }
            generations {
                what_was_replaced_is_kept_and_can_be_rolled_back_to [],
                a_generation_can_be_dropped_whoever_holds_it [],
            }
            dead_letters {
                pj_06_the_key_of_a_poison_is_parked_and_the_others_go_on [],
                pj_06_where_the_key_cannot_be_told_the_stream_is_parked [],
                pj_06_what_is_skipped_holds_up_nothing [],
                pj_06_a_projection_halts_at_its_own_panic_and_says_where [],
                pj_08_letters_are_retried_beside_the_one_who_runs [],
                pj_09_code_that_does_not_come_back_is_timed_out [],
                a_discarded_letter_stays_away_also_in_a_rebuild [],
                a_rebuild_gives_the_same_views_and_the_same_letters [],
                a_lease_that_is_taken_over_ends_the_grant_but_not_a_pause [],
            }
            rebuild {
                pj_10_a_rebuild_beside_writers_equals_the_live_one [],
                readers_never_see_half_a_rebuild [],
                a_rebuild_goes_on_where_it_was_killed [],
                one_rebuild_at_a_time [],
                pj_12_a_rebuild_that_holds_little_or_much_gives_the_same_views [],
                pj_19_a_rebuild_that_holds_views_can_be_gone_on_with_wherever_it_was_killed [],
                a_rebuild_that_was_killed_is_begun_anew [],
                a_rebuild_mends_a_read_model_of_another_history [],
                a_check_finds_the_view_that_differs [],
            }
            divide {
                shards_that_become_one_are_brought_to_one_row_first [],
                a_grant_from_before_a_division_writes_nothing_ever_after [],
                a_swap_is_of_shards_at_one_row_and_divides_as_before [],
            }
            shards {
                pj_24_shards_1_to_4_to_2_while_they_work_lose_and_repeat_nothing [],
                pj_24_processes_share_the_shards_and_take_over_those_of_one_that_ends [],
                pj_12_any_number_of_shards_gives_the_same_views [],
                pj_12_any_number_of_workers_rebuilds_the_same_views [],
                pj_19_a_rebuild_with_workers_that_is_killed_anywhere_can_be_gone_on_with [],
                a_rebuild_with_a_limit_takes_its_time [],
                a_shard_parks_its_keys_and_they_are_retried_there [],
                of_several_shards_none_parks_what_has_no_key [],
                a_projector_of_shards_checks_what_it_has [],
                a_shard_that_halted_is_told_beside_one_that_is_held [],
                a_halt_in_a_part_of_a_shard_waits_for_a_person [],
            }
            faithful {
                a_state_after_a_command_is_what_the_log_gives [],
                an_unknown_outcome_stays_unknown [],
                a_call_with_a_guard_is_answered_again_after_the_guarded_stream_moved [],
                an_event_that_names_a_view_twice_changes_it_once [],
                a_view_that_cannot_be_read_again_is_not_written [],
            }
        }
    };
}
