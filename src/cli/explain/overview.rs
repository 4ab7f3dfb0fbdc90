//! The causes that keep tasks, gathered from the pages of the service.

use std::fmt::Write as _;

use tasker_sdk::proto::tasker::v1 as pb;

use super::view::{self, Calls};
use crate::cli::style::{Paint, Tone, one_line};

/// Tasks named for a cause.
const SAMPLES: usize = 5;

/// The causes of all pages so far.
#[derive(Debug, Default)]
pub(super) struct Overview {
    answer: pb::ListBlockersResponse,
}

impl Overview {
    /// Tasks that were looked at.
    pub(super) fn examined(&self) -> u32 {
        u32::try_from(self.answer.examined_tasks).unwrap_or(0)
    }

    /// Adds a page: groups of the same cause become one.
    pub(super) fn add(&mut self, page: pb::ListBlockersResponse) {
        let answer = &mut self.answer;
        answer.examined_tasks += page.examined_tasks;
        answer.moving_tasks += page.moving_tasks;
        answer.next_page_token = page.next_page_token;
        answer.generate_time = answer.generate_time.or(page.generate_time);
        for group in page.groups {
            match answer.groups.iter_mut().find(|known| is_same(known, &group)) {
                Some(known) => {
                    known.task_count += group.task_count;
                    known.step_count += group.step_count;
                    known.sample_task_ids.extend(group.sample_task_ids);
                    known.sample_task_ids.truncate(SAMPLES);
                }
                None => answer.groups.push(group),
            }
        }
        answer.groups.sort_by_key(|group| std::cmp::Reverse(group.task_count));
    }

    /// All of it as one answer.
    pub(super) fn into_answer(self) -> pb::ListBlockersResponse {
        self.answer
    }

    /// All of it for people.
    pub(super) fn show(&self, paint: Paint, calls: Calls<'_>) -> String {
        let answer = &self.answer;
        let still = answer.examined_tasks - answer.moving_tasks;
        let mut text = format!("{} looked at: {} do not move\n", counted(answer.examined_tasks, "open task"), still);
        for group in &answer.groups {
            text.push('\n');
            one(&mut text, group, paint, calls);
        }
        if !answer.next_page_token.is_empty() {
            let _ = writeln!(text, "\n  there are older tasks; --tasks looks at more");
        }
        text
    }
}

fn one(text: &mut String, group: &pb::BlockerGroup, paint: Paint, calls: Calls<'_>) {
    let handler = group.handler.clone().unwrap_or_default();
    let handler = format!("{}.{}", one_line(&handler.namespace), one_line(&handler.name));
    let step = if group.step_name.is_empty() { String::new() } else { format!("  {}", one_line(&group.step_name)) };
    let _ = writeln!(
        text,
        "{}{step}  {}  {}",
        paint.tone(Tone::Bold, &handler),
        view::verdict(group.verdict(), paint),
        counted(group.task_count, "task"),
    );
    view::blockers(text, group.blocker.as_slice(), "  ", paint, calls);
    let samples = group.sample_task_ids.join(", ");
    let _ = writeln!(text, "  {}", paint.tone(Tone::Dim, &format!("such as {samples}")));
}

/// Whether two groups are of one cause: the same step of the same handler, kept in the same way.
fn is_same(one: &pb::BlockerGroup, other: &pb::BlockerGroup) -> bool {
    let kind = |group: &pb::BlockerGroup| {
        let cause = group.blocker.as_ref().and_then(|blocker| blocker.cause.as_ref());
        cause.map(std::mem::discriminant)
    };
    (&one.handler, &one.step_name, kind(one)) == (&other.handler, &other.step_name, kind(other))
}

fn counted(count: i32, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
