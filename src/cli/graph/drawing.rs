//! What is drawn, whatever the format.

use std::collections::{HashMap, HashSet};

use tasker_sdk::proto::tasker::v1 as pb;

use super::super::{
    input::from_proto,
    style::{Tone, glyph, tone},
    watch::duration,
};
use crate::domain::state::State;

/// A DAG with what is said of its nodes.
#[derive(Debug)]
pub(crate) struct Drawing {
    /// The task.
    pub(crate) title: String,
    /// The steps in the handler's order.
    pub(crate) nodes: Vec<Node>,
    /// Positions of steps and of those that wait for them.
    pub(crate) edges: Vec<Edge>,
}

/// A step.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) name: String,
    /// The longest way from a root.
    pub(crate) level: usize,
    /// How it does.
    pub(crate) style: StepStyle,
    /// The same for people, such as `complete` or `error 1/3`.
    pub(crate) words: String,
    /// How long it takes, `~` before an estimate.
    pub(crate) takes: String,
    /// Whether it lies on the critical path.
    pub(crate) critical: bool,
    /// The steps that it waits for.
    pub(crate) parents: Vec<usize>,
    /// The steps that wait for it.
    pub(crate) children: Vec<usize>,
}

/// A dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    /// Where it comes from.
    pub(crate) from: usize,
    /// What waits.
    pub(crate) to: usize,
    /// Whether the critical path goes along it.
    pub(crate) critical: bool,
}

/// How a step looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StepStyle {
    /// It waits for others.
    Waiting,
    /// It could start.
    Ready,
    /// It runs.
    Running,
    /// It is done.
    Done,
    /// It failed and will be tried again.
    Retrying,
    /// It failed for good.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl Drawing {
    /// The drawing of a graph.
    pub(crate) fn of(graph: &pb::TaskGraph) -> Self {
        let dag = graph.dependency_graph.clone().unwrap_or_default();
        let position: HashMap<&str, usize> =
            dag.nodes.iter().enumerate().map(|(at, node)| (node.name.as_str(), at)).collect();
        let first = graph.critical_paths.as_ref().and_then(|paths| paths.paths.first());
        let path: Vec<usize> = first
            .map(|path| path.step_names.iter().filter_map(|name| position.get(name.as_str()).copied()).collect())
            .unwrap_or_default();
        let on_path: HashSet<usize> = path.iter().copied().collect();
        let along: HashSet<(usize, usize)> = path.windows(2).map(|two| (two[0], two[1])).collect();
        let (mut parents, mut children) = neighbours(&dag);
        let node = |(at, node): (usize, &pb::GraphNode)| Node {
            name: node.name.clone(),
            level: usize::try_from(node.level).unwrap_or(0),
            style: style(node),
            words: words(node),
            takes: node.duration.as_ref().map(takes).unwrap_or_default(),
            critical: on_path.contains(&at),
            parents: std::mem::take(&mut parents[at]),
            children: std::mem::take(&mut children[at]),
        };
        let nodes: Vec<Node> = dag.nodes.iter().enumerate().map(node).collect();
        let mut edges = Vec::new();
        for (from, node) in nodes.iter().enumerate() {
            let edge = |to: &usize| Edge { from, to: *to, critical: along.contains(&(from, *to)) };
            edges.extend(node.children.iter().map(edge));
        }
        Self { title: graph.task_id.clone(), nodes, edges }
    }

    /// How many levels there are.
    pub(crate) fn depth(&self) -> usize {
        self.nodes.iter().map(|node| node.level + 1).max().unwrap_or(0)
    }
}

impl StepStyle {
    /// Every look that a step can have.
    pub(crate) const ALL: [Self; 7] =
        [Self::Waiting, Self::Ready, Self::Running, Self::Done, Self::Retrying, Self::Failed, Self::Cancelled];

    /// A word for it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Done => "done",
            Self::Retrying => "retrying",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Its glyph and its tone on a terminal.
    pub(crate) const fn sign(self) -> (&'static str, Tone) {
        match self {
            Self::Waiting => (glyph(State::Pending), tone(State::Pending)),
            Self::Ready => ("○", Tone::Bold),
            Self::Running => (glyph(State::InProgress), tone(State::InProgress)),
            Self::Done => (glyph(State::Complete), tone(State::Complete)),
            Self::Retrying => ("↻", Tone::Warn),
            Self::Failed => (glyph(State::Error), tone(State::Error)),
            Self::Cancelled => (glyph(State::Cancelled), tone(State::Cancelled)),
        }
    }

    /// Its fill and its line in pictures.
    pub(crate) const fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Waiting => ("#f1f3f5", "#868e96"),
            Self::Ready => ("#ffffff", "#1971c2"),
            Self::Running => ("#d0ebff", "#1971c2"),
            Self::Done => ("#d3f9d8", "#2b8a3e"),
            Self::Retrying => ("#fff3bf", "#e67700"),
            Self::Failed => ("#ffe3e3", "#c92a2a"),
            Self::Cancelled => ("#e9ecef", "#495057"),
        }
    }
}

/// The colour of the critical path in pictures.
pub(crate) const CRITICAL: &str = "#e8590c";

fn style(node: &pb::GraphNode) -> StepStyle {
    match from_proto(node.state).unwrap_or_default() {
        State::Pending if node.ready => StepStyle::Ready,
        State::Pending => StepStyle::Waiting,
        State::InProgress => StepStyle::Running,
        State::Complete | State::ResolvedManually => StepStyle::Done,
        State::Error if node.ready || node.retry_time.is_some() => StepStyle::Retrying,
        State::Error => StepStyle::Failed,
        State::Cancelled => StepStyle::Cancelled,
    }
}

fn words(node: &pb::GraphNode) -> String {
    let state = from_proto(node.state).unwrap_or_default();
    let attempts = format!("{}/{}", node.attempts, node.retry_limit);
    match state {
        State::Pending if node.ready => "ready".to_owned(),
        State::Pending if node.blocked => "waiting".to_owned(),
        State::InProgress | State::Error => format!("{} {attempts}", state.label().replace('_', " ")),
        other => other.label().replace('_', " "),
    }
}

fn takes(takes: &pb::StepDuration) -> String {
    let sign = if takes.source() == pb::DurationSource::Estimated { "~" } else { "" };
    format!("{sign}{}", duration(micros(takes.median_duration)))
}

/// A length of time in microseconds.
pub(super) fn micros(length: Option<prost_types::Duration>) -> i64 {
    length.map_or(0, |length| length.seconds.saturating_mul(1_000_000).saturating_add(i64::from(length.nanos) / 1_000))
}

/// What each step waits for, and what waits for it, by its position; as far as there are such steps.
pub(super) fn neighbours(dag: &pb::DependencyGraph) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let mut parents = vec![Vec::new(); dag.nodes.len()];
    let mut children = parents.clone();
    for (at, node) in dag.nodes.iter().enumerate() {
        let known = node.parents.iter().filter_map(|parent| usize::try_from(*parent).ok());
        for parent in known.filter(|parent| *parent < dag.nodes.len()) {
            parents[at].push(parent);
            children[parent].push(at);
        }
    }
    (parents, children)
}
