//! The suite that every forge passes. Panics say which clause does not hold.
//!
//! A [`Fixture`] does what people do and kubeopt does not: it makes repositories, pushes to the base branch, merges by hand.
//! With [`Judges`] it also reviews, checks and has issues of its own.

mod arranged;
mod branches;
mod conversation;
mod fixture;
mod judgement;
mod made;
mod pulls;
mod tracking;

pub use fixture::{Accounts, Deleted, Fixture, Judges, TakeOff};

use crate::forge::Forge;

/// Runs every clause on a forge.
///
/// # Panics
/// When a clause does not hold.
pub async fn contract(forge: &dyn Forge, fixture: &dyn Fixture) {
    branches::facts_tell_what_writing_needs(forge, fixture).await;
    branches::a_branch_is_one_commit_on_its_base(forge, fixture).await;
    branches::the_same_content_again_changes_nothing(forge, fixture).await;
    branches::regenerating_follows_the_base(forge, fixture).await;
    branches::an_unexpected_head_is_a_conflict(forge, fixture).await;
    branches::a_moved_base_or_file_is_a_conflict(forge, fixture).await;
    branches::a_write_without_change_is_refused(forge, fixture).await;
    branches::new_files_and_awkward_paths_are_written(forge, fixture).await;
    branches::a_sign_off_stands_in_the_message_once(forge, fixture).await;
    branches::deleting_needs_the_expected_head(forge, fixture).await;
    branches::unknown_repositories_are_not_found(forge, fixture).await;
    pulls::opening_twice_gives_the_same_one(forge, fixture).await;
    pulls::bodies_survive_byte_for_byte(forge, fixture).await;
    pulls::updating_changes_only_what_differs(forge, fixture).await;
    pulls::a_draft_keeps_its_title_and_becomes_ready(forge, fixture).await;
    pulls::closed_and_merged_are_seen(forge, fixture).await;
    pulls::regenerating_moves_the_open_one(forge, fixture).await;
    pulls::comments_are_added_in_order(forge, fixture).await;
    pulls::what_is_not_there_is_not_found(forge, fixture).await;
    conversation::new_comments_are_given_in_order(forge, fixture).await;
    conversation::a_changed_comment_says_so(forge, fixture).await;
    conversation::a_reaction_is_there_once(forge, fixture).await;
    conversation::rights_are_asked_for(forge, fixture).await;
    conversation::one_comment_stands_for_each_key(forge, fixture).await;
    conversation::the_markers_of_others_are_nothing(forge, fixture).await;
    conversation::a_status_is_put_once(forge, fixture).await;
    arranged::labels_that_people_take_off_stay_off(forge, fixture).await;
    arranged::people_are_asked_and_may_decline(forge, fixture).await;
    arranged::unknown_people_keep_nothing_back(forge, fixture).await;
    pulls::long_lists_are_complete(forge, fixture).await;
}

/// Runs every clause on reviews, checks, merging and issues on a forge.
///
/// # Panics
/// When a clause does not hold.
pub async fn contract_of_judgement(forge: &dyn Forge, fixture: &dyn Judges) {
    judgement::the_latest_review_of_each_person_counts(forge, fixture).await;
    judgement::no_review_is_taken_for_one_of_a_later_head(forge, fixture).await;
    judgement::the_latest_check_of_each_name_counts(forge, fixture).await;
    judgement::only_the_head_that_was_decided_about_is_merged(forge, fixture).await;
    judgement::what_cannot_be_merged_is_left_alone(forge, fixture).await;
    tracking::an_issue_keeps_what_people_make_of_it(forge, fixture).await;
    tracking::what_cannot_be_an_issue_is_refused(forge, fixture).await;
    tracking::issues_that_are_switched_off_are_told(forge, fixture).await;
}
