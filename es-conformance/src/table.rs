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
                a_former_owner_writes_nothing [],
                a_former_builder_neither_swaps_nor_discards [],
                views_and_checkpoint_move_together_and_forwards [],
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
        }
    };
}
