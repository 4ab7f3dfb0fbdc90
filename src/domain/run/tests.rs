//! The rules of a run, one case a line, and what holds for every run.
//!
//! [`check`] reads a DAG (`b <- a` waits for `a`), what happens to it, and compares what has become of it with
//! a line of text. `stage.rs` is the small language, `properties.rs` what no history may break.

pub(in crate::domain) mod properties;
pub(in crate::domain) mod stage;

use stage::check;

#[test]
fn a_chain_runs_in_order() {
    check("a; b <- a", "", "pending: a ready, b pending");
    check("a; b <- a", "claim a", "in_progress: a in_progress#1, b pending");
    check("a; b <- a", "claim b", "pending: a ready, b pending | the step is not ready");
    check("a; b <- a", "claim a, complete a", "in_progress: a complete#1, b ready");
    check("a; b <- a", "claim a, complete a, claim b", "in_progress: a complete#1, b in_progress#1");
    check("a; b <- a", "claim a, complete a, claim b, complete b", "complete: a complete#1, b complete#1");
}

#[test]
fn a_join_waits_for_all_its_parents() {
    let diamond = "a; b <- a; c <- a; d <- b c";
    check(
        diamond,
        "claim a, complete a, claim b, complete b",
        "in_progress: a complete#1, b complete#1, c ready, d pending",
    );
    check(
        diamond,
        "claim a, complete a, claim b, complete b, claim c, fail c",
        "pending (waiting_for_dependencies): a complete#1, b complete#1, c error#1 in 10s, d pending",
    );
    check(
        diamond,
        "claim a, complete a, claim b, complete b, claim c, complete c",
        "in_progress: a complete#1, b complete#1, c complete#1, d ready",
    );
}

#[test]
fn attempts_are_counted_when_they_are_claimed() {
    check("a:3", "claim a", "in_progress: a in_progress#1");
    check("a:3", "claim a, fail a 0s, claim a", "in_progress: a in_progress#2");
    check("a:3", "claim a, fail a 0s, claim a, fail a 0s, claim a", "in_progress: a in_progress#3");
    check("a:1", "claim a, fail a 0s", "error (steps_in_error_state): a error#1");
    check("a:1", "claim a, fail a 0s, claim a", "error (steps_in_error_state): a error#1 | the task is error");
    check("a:0", "", "error (no_attempts_left): a pending");
}

#[test]
fn a_step_that_is_not_retryable_has_one_attempt() {
    check("a:once", "claim a, complete a", "complete: a complete#1");
    check("a:once", "claim a, fail a", "error (steps_in_error_state): a error#1!");
    check("a:once; b", "claim a, fail a", "in_progress: a error#1!, b ready");
}

#[test]
fn a_permanent_failure_ends_the_retries_at_once() {
    check("a:5", "claim a, fail! a", "error (steps_in_error_state): a error#1!");
    check("a:5; b <- a", "claim a, fail! a", "error (steps_in_error_state): a error#1!, b pending");
    check("a:5; b", "claim a, claim b, fail! a", "in_progress: a error#1!, b in_progress#1");
    check("a:5; b", "claim a, claim b, fail! a, complete b", "error (steps_in_error_state): a error#1!, b complete#1");
}

#[test]
fn a_step_in_backoff_waits_and_its_task_is_pending_with_the_reason() {
    check("a", "claim a, fail a 5s", "pending (waiting_for_dependencies): a error#1 in 5s");
    check("a", "claim a, fail a 5s, +4s", "pending (waiting_for_dependencies): a error#1 in 1s");
    check(
        "a",
        "claim a, fail a 5s, +4s, claim a",
        "pending (waiting_for_dependencies): a error#1 in 1s | the step is not ready",
    );
    check("a", "claim a, fail a 5s, +5s", "pending (waiting_for_dependencies): a error#1 ready");
    check("a", "claim a, fail a 5s, +5s, claim a", "in_progress: a in_progress#2");
    check("a; b", "claim a, fail a 5s", "in_progress: a error#1 in 5s, b ready");
    check("a; b", "claim a, claim b, fail a 5s", "in_progress: a error#1 in 5s, b in_progress#1");
    check(
        "a; b:1",
        "claim a, claim b, fail a 5s, fail b",
        "pending (waiting_for_dependencies): a error#1 in 5s, b error#1",
    );
}

#[test]
fn a_retry_passes_through_pending() {
    stage::check_moves(
        "a",
        "claim a, fail a 5s, +5s, claim a, complete a",
        "1 task -> pending; 2 task pending -> in_progress; 3 a pending -> in_progress; \
         4 a in_progress -> error; 5 task in_progress -> pending; 6 task pending -> in_progress; \
         7 a error -> pending; 8 a pending -> in_progress; 9 a in_progress -> complete; \
         10 task in_progress -> complete",
    );
}

#[test]
fn a_cancelled_step_blocks_its_task_once_nothing_else_can_move() {
    check("a; b <- a", "cancel a", "error (steps_cancelled): a cancelled, b pending");
    check("a; b <- a; c", "cancel a", "pending: a cancelled, b pending, c ready");
    check("a; b <- a; c", "cancel a, claim c", "in_progress: a cancelled, b pending, c in_progress#1");
    check(
        "a; b <- a; c",
        "cancel a, claim c, complete c",
        "error (steps_cancelled): a cancelled, b pending, c complete#1",
    );
    check("a; b", "cancel a, claim b, fail! b", "error (steps_in_error_state): a cancelled, b error#1!");
    check("a; b", "claim a, cancel a", "in_progress: a cancelled#1, b ready");
    check("a; b", "claim a, claim b, cancel a", "in_progress: a cancelled#1, b in_progress#1");
    check("a", "cancel a, cancel a", "error (steps_cancelled): a cancelled | already in target state cancelled");
    check(
        "a; b",
        "claim a, fail a, cancel a",
        "in_progress: a error#1 in 10s, b ready | a step cannot go from error to cancelled",
    );
}

#[test]
fn a_step_is_resolved_by_hand() {
    check("a; b <- a", "resolve a", "pending: a resolved_manually, b ready");
    check("a:1; b <- a", "claim a, fail a, resolve a", "pending: a resolved_manually#1, b ready");
    check("a:1", "claim a, fail a, resolve a", "complete: a resolved_manually#1");
    check("a; b <- a", "resolve b", "pending: a ready, b resolved_manually");
    check("a; b <- a", "resolve b, claim a, complete a", "complete: a complete#1, b resolved_manually");
    check("a", "claim a, fail a 9s, resolve a", "complete: a resolved_manually#1");
    check(
        "a",
        "claim a, resolve a",
        "in_progress: a in_progress#1 | a step cannot go from in_progress to resolved_manually",
    );
    check(
        "a; b",
        "cancel a, resolve a",
        "pending: a cancelled, b ready | a step cannot go from cancelled to resolved_manually",
    );
}

#[test]
fn a_step_is_retried_by_hand() {
    check("a", "claim a, fail a 60s, retry a", "pending (waiting_for_dependencies): a ready#1");
    check("a:1", "claim a, fail a, retry a", "pending: a ready#1/2");
    check("a:1", "claim a, fail a, retry a, claim a", "in_progress: a in_progress#2/2");
    check("a:5", "claim a, fail! a, retry a", "pending: a ready#1");
    check("a:once", "claim a, fail a, retry a, claim a", "in_progress: a in_progress#2");
    check("a", "retry a", "pending: a ready | already in target state pending");
    check("a", "claim a, retry a", "in_progress: a in_progress#1 | a step cannot go from in_progress to pending");
}

#[test]
fn a_failed_task_is_retried_whole() {
    check(
        "a:1; b:1; c <- a b",
        "claim a, claim b, fail a, fail b, retry",
        "pending: a ready#1/2, b ready#1/2, c pending",
    );
    check(
        "a:1; b",
        "claim a, fail a, retry",
        "in_progress: a error#1, b ready | the task is in_progress, only a failed one can be retried",
    );
    check("a", "cancel a, retry", "error (steps_cancelled): a cancelled | the task is error");
    check(
        "a",
        "claim a, complete a, retry",
        "complete: a complete#1 | the task is complete, only a failed one can be retried",
    );
}

#[test]
fn raising_the_limit_revives_an_exhausted_step() {
    check("a:1", "claim a, fail a, limit a 3", "pending: a error#1/3 ready");
    check("a:1", "claim a, fail a, limit a 3, claim a", "in_progress: a in_progress#2/3");
    check("a:0", "limit a 1", "pending: a ready/1");
    check("a:5", "claim a, fail! a, limit a 9", "error (steps_in_error_state): a error#1/9!");
    check("a:5", "claim a, fail a 9s, limit a 1", "error (steps_in_error_state): a error#1/1 in 9s");
    check("a:5", "claim a, fail a 9s, limit a 1, limit a 5", "pending (waiting_for_dependencies): a error#1 in 9s");
    check("a", "limit a 0", "error (no_attempts_left): a pending/0");
    check("a", "claim a, complete a, limit a 9", "complete: a complete#1 | the task is complete");
    check(
        "a; b",
        "claim a, complete a, limit a 9",
        "in_progress: a complete#1, b ready | a step cannot go from complete to pending",
    );
}

#[test]
fn inputs_change_while_the_step_can_still_run() {
    check("a", "inputs a", "pending: a ready~");
    check("a", "claim a, fail a, inputs a", "pending (waiting_for_dependencies): a error#1~ in 10s");
    check("a; b", "cancel a, inputs a", "pending: a cancelled, b ready | a step cannot go from cancelled to pending");
}

#[test]
fn bypassed_steps_are_complete_without_running() {
    check("a; b <- a", "bypass a", "pending: a complete*, b ready");
    check("a; b <- a; c <- b", "bypass b", "pending: a ready, b complete*, c ready");
    check("a; b <- a", "bypass a b", "complete: a complete*, b complete*");
    check("a; b; c <- a b", "bypass a, claim b, complete b", "in_progress: a complete*, b complete#1, c ready");
}

#[test]
fn a_missed_deadline_ends_the_task() {
    let reason = "error (deadline_exceeded)";
    check("a; b <- a", "deadline", &format!("{reason}: a cancelled, b cancelled"));
    check("a; b <- a", "claim a, deadline", &format!("{reason}: a cancelled#1, b cancelled"));
    check("a; b", "claim a, complete a, deadline", &format!("{reason}: a complete#1, b cancelled"));
    check("a; b", "claim a, fail a 9s, deadline", &format!("{reason}: a error#1!, b cancelled"));
    check("a", "claim a, fail a 9s, deadline, +10s", &format!("{reason}: a error#1!"));
    check("a", "claim a, complete a, deadline", "complete: a complete#1 | the task is complete");
    check("a", "deadline, deadline", &format!("{reason}: a cancelled | the task is error"));
}

#[test]
fn a_retry_brings_back_what_a_missed_deadline_cancelled() {
    check("a; b <- a", "deadline, retry", "pending: a ready, b pending");
    check("a; b <- a", "claim a, deadline, retry", "pending: a ready#1, b pending");
    check("a:1", "claim a, deadline, retry", "pending: a ready#1/2");
    check("a; b", "claim a, fail a 9s, deadline, retry", "pending: a ready#1, b ready");
    check("a; b", "cancel a, deadline, retry", "pending: a cancelled, b ready");
    check("a; b", "claim b, deadline, retry, claim b, complete b", "in_progress: a ready, b complete#2");
    check(
        "a; b <- a; c",
        "cancel a, deadline, retry, claim c, complete c",
        "error (steps_cancelled): a cancelled, b pending, c complete#1",
    );
    check(
        "a; b",
        "claim a, fail a 9s, cancel b, deadline, resolve a, retry",
        "error (deadline_exceeded): a resolved_manually#1!, b cancelled | the task is error",
    );
}

#[test]
fn a_final_task_is_not_cancelled() {
    check("a", "claim a, complete a, cancel", "complete: a complete#1 | the task is complete");
    check("a", "claim a, fail! a, cancel", "cancelled (cancelled): a error#1!");
}

#[test]
fn a_task_is_cancelled_from_every_state_that_allows_it() {
    check("a; b <- a", "cancel", "cancelled (cancelled): a cancelled, b cancelled");
    check("a; b <- a", "claim a, cancel", "cancelled (cancelled): a cancelled#1, b cancelled");
    check("a; b <- a", "claim a, fail a, cancel", "cancelled (cancelled): a error#1!, b cancelled");
    check("a:1; b <- a", "claim a, fail a, cancel", "cancelled (cancelled): a error#1, b cancelled");
    check("a", "cancel, cancel", "cancelled (cancelled): a cancelled | already in target state cancelled");
    check("a", "cancel, claim a", "cancelled (cancelled): a cancelled | the task is cancelled");
    check("a; b", "cancel, retry a", "cancelled (cancelled): a cancelled, b cancelled | the task is cancelled");
}

#[test]
fn late_results_and_stale_tokens_are_refused() {
    let stale = "the lease is no longer held: attempt";
    check(
        "a",
        "claim a, complete a, complete a#1",
        &format!("complete: a complete#1 | {stale} 1 was named, the step is complete at attempt 1"),
    );
    check(
        "a",
        "claim a, complete a#2",
        &format!("in_progress: a in_progress#1 | {stale} 2 was named, the step is in_progress at attempt 1"),
    );
    check(
        "a",
        "claim a, fail a 0s, claim a, complete a#1",
        &format!("in_progress: a in_progress#2 | {stale} 1 was named, the step is in_progress at attempt 2"),
    );
    check(
        "a",
        "claim a, fail a 9s, complete a#1",
        &format!(
            "pending (waiting_for_dependencies): a error#1 in 9s | {stale} 1 was named, the step is error at attempt 1"
        ),
    );
    check(
        "a",
        "claim a, cancel, complete a#1",
        &format!("cancelled (cancelled): a cancelled#1 | {stale} 1 was named, the step is cancelled at attempt 1"),
    );
    check(
        "a",
        "claim a, cancel, fail a#1",
        &format!("cancelled (cancelled): a cancelled#1 | {stale} 1 was named, the step is cancelled at attempt 1"),
    );
    check("a", "complete a#0", &format!("pending: a ready | {stale} 0 was named, the step is pending at attempt 0"));
}

#[test]
fn a_claim_is_refused_while_somebody_has_the_step() {
    check("a", "claim a, claim a", "in_progress: a in_progress#1 | the step is not ready");
    check("a; b", "claim a, complete a, claim a", "in_progress: a complete#1, b ready | the step is not ready");
}

#[test]
fn two_operations_of_one_batch_are_one_decision_about_the_task() {
    stage::check_moves(
        "a; b",
        "claim a & claim b, complete a & complete b",
        "1 task -> pending; 2 task pending -> in_progress; 3 a pending -> in_progress; 4 b pending -> in_progress; \
         5 a in_progress -> complete; 6 b in_progress -> complete; 7 task in_progress -> complete",
    );
}
