//! What every engine must do, written once over the port and run on each.

mod checks;
mod concurrency;
mod controls;
mod disputes;
mod float_moves;
mod history;
mod jobs;
mod lists;
mod operators;
mod outbound;
mod reviews;
mod rows;
mod rules;

macro_rules! suite {
    ($engine:ident, $with:ident, [$($area:ident::$name:ident),* $(,)?]) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::environment::$with(super::$area::$name).await;
                }
            )*
        }
    };
}

macro_rules! suites {
    ($($tests:tt)*) => {
        suite!(sqlite_file, with_file, [$($tests)*]);
        suite!(sqlite_inline, with_memory, [$($tests)*]);
        suite!(mysql, with_mysql, [$($tests)*]);
    };
}

suites! {
    rows::users_sessions_and_keys,
    rows::wallets,
    rows::a_whole_transaction,
    rows::records_of_operators,
    rules::uniqueness_has_names,
    rules::changes_are_compare_and_set,
    rules::the_schema_is_the_last_wall,
    rules::a_refused_or_failed_unit_fails_alone,
    jobs::a_lease_belongs_to_one_worker_until_it_ends,
    jobs::a_lapsed_lease_is_a_try_and_its_holder_is_refused,
    jobs::a_lapsed_lease_holds_until_someone_takes_it,
    jobs::kinds_order_and_future_are_respected,
    jobs::eight_workers_lease_eight_hundred_jobs_once_each,
    concurrency::a_hot_wallet_conserves_money,
    concurrency::callers_that_go_away_do_no_harm,
    concurrency::one_key_binds_once,
    concurrency::one_pay_in_is_credited_once,
    concurrency::opposite_orders_are_sorted_out,
    concurrency::positions_are_dense_under_concurrent_commits,
    lists::transactions_by_every_filter,
    lists::refunds_follow_their_charge,
    lists::statements_follow_the_numbers,
    lists::the_sweeper_finds_what_is_left_behind,
    lists::doubt_is_summed_per_gateway,
    history::a_user_is_shown_what_others_sent,
    history::a_list_shows_the_pay_ins_and_refunds_of_charges,
    history::lines_of_what_can_be_spent_name_their_transaction,
    operators::the_trail_is_read_by_what_and_by_whom,
    operators::people_are_listed_and_blocked,
    operators::only_a_dead_job_is_revived,
    operators::alerts_and_events_are_read_by_page_and_by_transaction,
    operators::what_is_under_way_is_listed_by_its_own_index,
    disputes::a_dispute_is_read_under_the_lock_of_its_pay_in,
    disputes::open_disputes_are_summed_and_compared,
    disputes::suspense_is_listed_until_it_is_matched_or_gone,
    reviews::one_proposal_is_open_and_is_decided_once,
    reviews::the_schema_refuses_a_decision_of_one_person,
    reviews::payments_in_review_come_in_pages,
    reviews::what_is_seen_again_is_counted,
    reviews::unproven_attempts_without_a_job_are_watched,
    reviews::attempts_without_a_name_at_their_gateway_are_found,
    reviews::a_job_is_woken_left_or_made,
    reviews::proposals_and_losses_have_their_rules,
    outbound::endpoints_keep_what_they_are_and_give_their_slot_back,
    outbound::a_relay_is_held_by_one_and_moves_once,
    outbound::a_relay_is_opened_once_where_it_is_told,
    outbound::an_endpoint_is_due_with_its_first_delivery,
    outbound::a_lapsed_lease_of_an_endpoint_goes_to_another,
    outbound::endpoints_are_shared_by_workers_once_each,
    outbound::no_delivery_is_left_without_a_call,
    outbound::deliveries_come_newest_first_by_state_and_page,
    outbound::what_is_old_or_orphaned_is_dropped,
    outbound::endpoints_of_everybody_come_newest_first,
    outbound::the_oldest_that_waits_is_known,
    controls::what_operators_set_is_kept_and_one_gateway_is_preferred,
    controls::a_reconciliation_is_kept_and_ends_once,
    float_moves::a_move_is_kept_and_changes_by_its_version,
    float_moves::the_schema_wants_two_people_and_one_payout_of_a_move,
    float_moves::moves_are_listed_by_what_is_asked_of_them,
    float_moves::what_is_in_transit_is_compared_with_the_entries,
    controls::reconciliations_come_newest_first,
    checks::a_sound_database_has_no_broken_rows,
    checks::each_broken_rule_is_named_with_its_row,
    checks::unbalanced_journals_are_told,
    checks::folds_tell_where_a_wallet_goes_wrong,
}
