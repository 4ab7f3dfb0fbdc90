//! The graph for a terminal: rails on the left, a step a line, then what follows from it.
//!
//! Every rail leads down to one step; all edges to that step join its rail. So there are never more rails than steps
//! that still come, however many edges. Where there would be too many, steps are indented by level instead, each with
//! the names that it waits for.

use tasker_sdk::proto::tasker::v1 as pb;

use super::{
    super::{
        input::from_proto,
        shape::{enum_label, time},
        style::{Paint, Tone, one_line, tone, width},
        watch::duration,
    },
    Shown,
    drawing::{Drawing, Node, micros},
    outlook::outlook,
};

/// Rails that fit a terminal beside names.
const RAILS_MAX: usize = 20;

/// Names of parents that are listed.
const NAMES_MAX: usize = 4;

/// The deepest that names are indented.
const INDENT_MAX: usize = 12;

/// Steps in trouble that are told of.
const TOLD_MAX: usize = 3;

/// What marks the critical path.
const MARK: &str = "◂";

/// A line of rails, with the step that stands on it.
struct Line {
    rails: String,
    node: Option<usize>,
}

/// Draws a graph.
pub(super) fn draw(drawing: &Drawing, shown: &Shown, paint: Paint) -> String {
    let graph = &shown.graph;
    let mut lines = vec![head(graph, paint), String::new()];
    match rails(drawing) {
        Some(rails) => railed(drawing, &rails, paint, &mut lines),
        None => indented(drawing, paint, &mut lines),
    }
    lines.push(String::new());
    lines.extend(tail(shown, paint));
    lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn head(graph: &pb::TaskGraph, paint: Paint) -> String {
    let state = from_proto(graph.state).unwrap_or_default();
    let health = enum_label(graph.task_health().as_str_name(), "HEALTH_STATUS_");
    let done = graph.completion_percentage;
    format!(
        "{}  {}  {health}  {done} % complete",
        paint.tone(Tone::Bold, &graph.task_id),
        paint.tone(tone(state), state.label())
    )
}

fn railed(drawing: &Drawing, rails: &[Line], paint: Paint, lines: &mut Vec<String>) {
    let room = rails.iter().map(|line| width(&line.rails)).max().unwrap_or(0) + 1;
    let names = drawing.nodes.iter().map(|node| width(&name(node))).max().unwrap_or(0);
    for line in rails {
        let Some(node) = line.node.map(|at| &drawing.nodes[at]) else {
            lines.push(format!("  {}", paint.tone(Tone::Dim, line.rails.trim_end())));
            continue;
        };
        let (sign, sign_tone) = node.style.sign();
        let (before, after) = line.rails.split_once('@').unwrap_or((&line.rails, ""));
        let rails =
            format!("{}{}{}", paint.tone(Tone::Dim, before), paint.tone(sign_tone, sign), paint.tone(Tone::Dim, after));
        let gap = " ".repeat(room - width(&line.rails));
        lines.push(format!("  {rails}{gap} {}", entry(node, names, paint)));
    }
}

fn indented(drawing: &Drawing, paint: Paint, lines: &mut Vec<String>) {
    let names = drawing.nodes.iter().map(|node| width(&name(node)) + indent(node)).max().unwrap_or(0);
    for at in by_level(drawing) {
        let node = &drawing.nodes[at];
        let (sign, sign_tone) = node.style.sign();
        let parents: Vec<String> =
            node.parents.iter().take(NAMES_MAX).map(|parent| one_line(&drawing.nodes[*parent].name)).collect();
        let more = node.parents.len().saturating_sub(NAMES_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let after = if parents.is_empty() { String::new() } else { format!("  ← {}{more}", parents.join(", ")) };
        lines.push(format!(
            "  {}{} {}{}",
            " ".repeat(indent(node)),
            paint.tone(sign_tone, sign),
            entry(node, names - indent(node), paint),
            paint.tone(Tone::Dim, &after)
        ));
    }
}

fn indent(node: &Node) -> usize {
    node.level.min(INDENT_MAX) * 2
}

/// The name, how it does, how long it takes.
fn entry(node: &Node, names: usize, paint: Paint) -> String {
    let name = name(node);
    let gap = " ".repeat(names.saturating_sub(width(&name)));
    let name = if node.critical { paint.tone(Tone::Bold, &name) } else { name };
    let (_, tone) = node.style.sign();
    format!("{name}{gap}  {}  {}", paint.tone(tone, &format!("{:<16}", node.words)), paint.tone(Tone::Dim, &node.takes))
}

fn name(node: &Node) -> String {
    let mark = if node.critical { format!(" {MARK}") } else { String::new() };
    format!("{}{mark}", one_line(&node.name))
}

/// The rails, `@` where a step stands; `None` when there would be too many.
fn rails(drawing: &Drawing) -> Option<Vec<Line>> {
    let mut rails: Vec<Option<usize>> = Vec::new();
    let mut lines = Vec::new();
    for at in by_level(drawing) {
        let place = find(&mut rails, at);
        let line: String = (0..rails.len())
            .map(|rail| match rails[rail] {
                _ if rail == place => "@ ",
                Some(_) => "│ ",
                None => "  ",
            })
            .collect();
        lines.push(Line { rails: line.trim_end().to_owned(), node: Some(at) });
        rails[place] = None;
        let before = rails.clone();
        let children = &drawing.nodes[at].children;
        let mut ends: Vec<usize> =
            children.iter().filter_map(|child| rails.iter().position(|to| *to == Some(*child))).collect();
        for child in children {
            if !rails.contains(&Some(*child)) {
                // The step's own rail goes on if it can.
                let free = if rails[place].is_none() { place } else { free(&mut rails) };
                rails[free] = Some(*child);
                ends.push(free);
            }
        }
        if rails.len() > RAILS_MAX {
            return None;
        }
        if ends.iter().any(|end| *end != place) {
            lines.push(Line { rails: fork(&before, &rails, place, &ends), node: None });
        }
        while rails.last() == Some(&None) {
            rails.pop();
        }
    }
    Some(lines)
}

/// The rail that leads to a step, or a new one.
fn find(rails: &mut Vec<Option<usize>>, at: usize) -> usize {
    if let Some(place) = rails.iter().position(|to| *to == Some(at)) {
        return place;
    }
    let place = free(rails);
    rails[place] = Some(at);
    place
}

fn free(rails: &mut Vec<Option<usize>>) -> usize {
    let place = rails.iter().position(Option::is_none);
    place.unwrap_or_else(|| {
        rails.push(None);
        rails.len() - 1
    })
}

/// The line on which the edges of the step on rail `from` reach the rails `ends`.
fn fork(before: &[Option<usize>], after: &[Option<usize>], from: usize, ends: &[usize]) -> String {
    let (first, last) = (ends.iter().fold(from, |a, b| a.min(*b)), ends.iter().fold(from, |a, b| a.max(*b)));
    let mut line = String::new();
    for (rail, below) in after.iter().enumerate() {
        let up = rail == from || before.get(rail).is_some_and(Option::is_some);
        let down = below.is_some();
        let joins = rail == from || ends.contains(&rail);
        let (left, right) = (joins && rail > first, joins && rail < last);
        let within = rail > first && rail < last;
        line.push(match (up, down, left, right) {
            (true, true, true, true) => '┼',
            (true, true, true, false) => '┤',
            (true, true, false, true) => '├',
            (true, false, true, true) => '┴',
            (true, false, true, false) => '╯',
            (true, false, false, true) => '╰',
            (false, true, true, true) => '┬',
            (false, true, true, false) => '╮',
            (false, true, false, true) => '╭',
            (_, true, false, false) => '│',
            _ if within => '─',
            _ => ' ',
        });
        line.push(if rail >= first && rail < last { '─' } else { ' ' });
    }
    line.trim_end().to_owned()
}

/// Every step after all that it waits for.
fn by_level(drawing: &Drawing) -> Vec<usize> {
    let mut order: Vec<usize> = (0..drawing.nodes.len()).collect();
    order.sort_by_key(|at| drawing.nodes[*at].level);
    order
}

/// What follows from the graph.
fn tail(Shown { graph, expected_finish, generate_time }: &Shown, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add =
        |label: &str, text: String| lines.push(format!("  {} {text}", paint.tone(Tone::Dim, &format!("{label:<15}"))));
    let critical = graph.critical_paths.as_ref().and_then(|paths| Some((paths, paths.paths.first()?)));
    if let Some((paths, path)) = critical {
        let names: Vec<String> = path.step_names.iter().map(|name| one_line(name)).collect();
        add("critical path", format!("{} {MARK}", shortened(&names)));
        let of = format!("1 of {} paths", paths.total_paths);
        let takes = duration(micros(path.estimated_duration));
        let of_it = match has_ended(graph) {
            true => format!("took {takes}"),
            false => format!("{} left of {takes}", duration(micros(path.remaining_duration))),
        };
        add("", format!("{of}, score {:.1}, {of_it}", path.criticality_score));
    }
    if let Some(finish) = expected_finish {
        if let Some(at) = finish.finish_time {
            let by = time(Some(at)).unwrap_or_default();
            let sure = match finish.measured_steps {
                measured if usize::try_from(measured).is_ok_and(|measured| measured == finish.step_names.len()) => {
                    "measured"
                }
                0 => "estimated",
                _ => "partly estimated",
            };
            let left = duration(micros(finish.remaining_duration));
            add("expected finish", format!("in {left}, {by} ({sure})"));
        } else if !finish.stuck_step_ids.is_empty() {
            add("expected finish", "never by itself: a step cannot go on".to_owned());
        }
    }
    if let Some(chains) = &graph.error_chains {
        for chain in chains.error_chains.iter().take(TOLD_MAX) {
            let advice = chain.recovery_strategies.first().map(|strategy| strategy.description.clone());
            let text = format!(
                "{} holds up {} steps: {}",
                one_line(&chain.error_step_name),
                chain.total_downstream_steps,
                advice.unwrap_or_default()
            );
            add("failed", paint.tone(Tone::Bad, &text));
        }
    }
    if let Some(found) = graph.bottlenecks.as_ref().filter(|found| found.total_bottlenecks > 0) {
        let worst = found.bottlenecks.iter().take(TOLD_MAX).map(|bottleneck| {
            let severity = enum_label(bottleneck.severity().as_str_name(), "SEVERITY_");
            let name = one_line(&bottleneck.step_name);
            format!("{name} {} ({severity}, {})", bottleneck.impact_score, outlook(bottleneck, *generate_time))
        });
        let worst: Vec<String> = worst.collect();
        let overall = enum_label(found.overall_impact().as_str_name(), "OVERALL_IMPACT_");
        add("bottlenecks", format!("{} in all, impact {overall}: {}", found.total_bottlenecks, worst.join(", ")));
    }
    if let Some(levels) = &graph.parallelism_opportunities {
        let (ready, most, of) = (levels.current_parallel_opportunities, levels.max_parallel_steps, levels.total_levels);
        add("parallelism", format!("{ready} ready now, {most} at most, {of} levels"));
    }
    lines
}

/// Whether the task has ended, so that durations are those that it had.
fn has_ended(graph: &pb::TaskGraph) -> bool {
    let nodes = graph.dependency_graph.iter().flat_map(|dag| &dag.nodes);
    nodes.filter_map(|node| node.duration.as_ref()).any(|takes| takes.source() == pb::DurationSource::Task)
}

/// The names, the middle of many left out.
fn shortened(names: &[String]) -> String {
    match names.len() {
        0..=12 => names.join(" → "),
        many => format!("{} → … {} more … → {}", names[..6].join(" → "), many - 9, names[many - 3..].join(" → ")),
    }
}
