//! Dependency graphs as messages.
//!
//! Owns: which words go with which finding. Numbers become ids and names only here, so that an analysis fits every task.
//! The graph stays the same until a step moves or a backoff ends; the expected finish stands beside it.

use prost_types::Duration;

use super::{length, micros, state, task::health};
use crate::{
    domain::{
        graph::{
            self as rules, Condition, Forecast, Health, Recommendation, Shape,
            bottlenecks::{Bottleneck, Impact, Kind, Strategy},
            chains::{Chain, Recovery},
            parallelism::Level,
            paths::{BlockingReason, Path, PathBottleneck},
        },
        ids::{StepNo, TaskId},
        run::Micros,
        template::Template,
    },
    proto::tasker::v1 as proto,
    service::{graph::Graph, snapshot::Snapshot},
};

/// Steps shown of a level that could start now.
const LEVEL_READY_MAX: usize = 100;

/// Steps shown that will never be done.
const STUCK_MAX: usize = 100;

/// Failed steps that come first.
const PRIORITIES: usize = 3;

/// What an edge takes in an answer.
const EDGE_BYTES: usize = 2;

/// What a step takes in an answer, beside its edges.
const NODE_BYTES: usize = 96;

/// Which sections are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::rpc) struct Sections(u8);

impl Sections {
    /// Every section.
    pub(in crate::rpc) const ALL: Self = Self(u8::MAX);

    /// No section.
    pub(in crate::rpc) const NONE: Self = Self(0);

    /// These and one more.
    #[must_use]
    pub(in crate::rpc) const fn with(self, section: proto::GraphSection) -> Self {
        Self(self.0 | 1 << section as u8)
    }

    /// Whether the expected finish is wanted.
    pub(in crate::rpc) const fn has_finish(self) -> bool {
        self.has(proto::GraphSection::CriticalPaths)
    }

    const fn has(self, section: proto::GraphSection) -> bool {
        self.0 & 1 << section as u8 != 0
    }
}

/// About how many bytes the graph of such a shape takes.
pub(in crate::rpc) const fn bytes(shape: &Shape, sections: Sections) -> usize {
    let nodes = if sections.has(proto::GraphSection::DependencyGraph) { NODE_BYTES } else { 0 };
    let edges = if sections.has(proto::GraphSection::DependencyGraph) { EDGE_BYTES } else { 0 };
    shape.steps() * nodes + shape.edges() * edges
}

/// The graph of a task.
pub(in crate::rpc) fn graph(snapshot: &Snapshot, graph: &Graph, sections: Sections) -> proto::TaskGraph {
    use proto::GraphSection as Section;
    let view = GraphView { snapshot, graph };
    let counts = graph.states.counts();
    proto::TaskGraph {
        task_id: snapshot.row.task_id.to_string(),
        revision: i64::from(snapshot.run.revision()),
        state: state(snapshot.run.state()).into(),
        task_health: health(counts.health()).into(),
        completion_percentage: counts.completion_percentage(),
        dependency_graph: sections.has(Section::DependencyGraph).then(|| view.dependency_graph()),
        critical_paths: sections.has(Section::CriticalPaths).then(|| view.critical_paths()),
        parallelism_opportunities: sections.has(Section::ParallelismOpportunities).then(|| view.parallelism()),
        error_chains: sections.has(Section::ErrorChains).then(|| view.error_chains()),
        bottlenecks: sections.has(Section::Bottlenecks).then(|| view.bottlenecks()),
        summary: sections.has(Section::Summary).then(|| view.summary()),
    }
}

struct GraphView<'a> {
    snapshot: &'a Snapshot,
    graph: &'a Graph,
}

impl GraphView<'_> {
    fn id(&self, no: StepNo) -> String {
        self.snapshot.row.task_id.step(no).to_string()
    }

    fn ids(&self, steps: &[StepNo]) -> Vec<String> {
        steps.iter().map(|no| self.id(*no)).collect()
    }

    fn name(&self, no: StepNo) -> String {
        self.snapshot.run.template().step(no).name.to_string()
    }

    fn names(&self, steps: &[StepNo]) -> Vec<String> {
        names(self.snapshot.run.template(), steps)
    }

    fn condition(&self, no: StepNo) -> &Condition {
        self.graph.states.step(no)
    }

    /// When the backoff of a step ends, as long as it has not.
    fn next_retry_at(&self, no: StepNo) -> Option<Micros> {
        self.snapshot.run.step(no).next_retry_at.filter(|at| *at > self.snapshot.now)
    }

    fn dependency_graph(&self) -> proto::DependencyGraph {
        let shape = &self.graph.inputs.shape;
        let positions = |steps: &[StepNo]| steps.iter().map(|no| i32::from(*no)).collect();
        proto::DependencyGraph {
            nodes: self
                .graph
                .states
                .numbered()
                .map(|(no, step)| proto::GraphNode {
                    step_id: self.id(no),
                    name: self.name(no),
                    level: i32::from(shape.level(no)),
                    state: state(step.state).into(),
                    attempts: i32::from(step.attempts),
                    retry_limit: i32::from(step.retry_limit),
                    ready: step.ready,
                    blocked: step.blocked,
                    retry_time: self.next_retry_at(no).map(micros),
                    parents: positions(shape.parents(no)),
                    duration: Some(self.duration(no)),
                })
                .collect(),
            level_widths: positions(shape.widths()),
        }
    }

    fn duration(&self, no: StepNo) -> proto::StepDuration {
        let inputs = &self.graph.inputs;
        let estimates = &inputs.policy.duration_estimates;
        let measured = inputs.durations.measured(no);
        proto::StepDuration {
            source: match measured {
                Some(_) if self.graph.states.has_ended() => proto::DurationSource::Task,
                Some(_) => proto::DurationSource::Measured,
                None => proto::DurationSource::Estimated,
            }
            .into(),
            median_duration: Some(millis(inputs.durations.typical_ms(no, estimates))),
            p95_duration: Some(millis(inputs.durations.long_ms(no, estimates))),
            samples: measured.map_or(0, |measured| number(measured.samples)),
        }
    }

    fn critical_paths(&self) -> proto::CriticalPaths {
        let shape = &self.graph.inputs.shape;
        proto::CriticalPaths {
            total_paths: shape.paths().to_owned(),
            longest_path_length: size(shape.depth()),
            paths: self.graph.analysis.critical_paths.paths.iter().map(|path| self.path(path)).collect(),
            root_step_ids: self.ids(shape.roots()),
            leaf_step_ids: self.ids(shape.leaves()),
        }
    }

    fn path(&self, path: &Path) -> proto::CriticalPath {
        proto::CriticalPath {
            step_names: self.names(&path.steps),
            length: size(path.steps.len()),
            completed_steps: number(path.completed),
            blocked_steps: number(path.blocked),
            error_steps: number(path.errors),
            retry_steps: number(path.retries),
            ready_steps: number(path.ready),
            estimated_duration: Some(millis(path.duration_ms)),
            remaining_duration: Some(millis(path.remaining_ms)),
            measured_steps: number(path.measured),
            criticality_score: path.score,
            completion_percentage: rules::parallelism::percent(path.completed as usize, path.steps.len()),
            bottlenecks: path.bottlenecks.iter().map(|bottleneck| self.path_bottleneck(bottleneck)).collect(),
            total_bottlenecks: number(path.bottlenecks_total),
        }
    }

    fn path_bottleneck(&self, bottleneck: &PathBottleneck) -> proto::PathBottleneck {
        proto::PathBottleneck {
            step_id: self.id(bottleneck.step),
            step_name: self.name(bottleneck.step),
            reason: match bottleneck.reason {
                BlockingReason::NotBlocked => proto::BlockingReason::NotBlocked,
                BlockingReason::DependenciesNotSatisfied => proto::BlockingReason::DependenciesNotSatisfied,
                BlockingReason::RetryNotEligible => proto::BlockingReason::RetryNotEligible,
                BlockingReason::InBackoff => proto::BlockingReason::InBackoff,
                BlockingReason::InvalidState => proto::BlockingReason::InvalidState,
            }
            .into(),
            severity: bottleneck.severity,
            blocked_steps: number(bottleneck.blocks),
        }
    }

    fn parallelism(&self) -> proto::ParallelismOpportunities {
        let (shape, counts) = (&self.graph.inputs.shape, self.graph.states.counts());
        let found = &self.graph.analysis.parallelism;
        let mut ready: Vec<Vec<String>> = vec![Vec::new(); shape.depth()];
        for (no, _) in self.graph.states.numbered().filter(|(_, step)| step.ready) {
            let ready = &mut ready[usize::from(shape.level(no))];
            if ready.len() < LEVEL_READY_MAX {
                ready.push(self.name(no));
            }
        }
        proto::ParallelismOpportunities {
            total_steps: number(counts.total),
            total_levels: size(shape.depth()),
            max_parallel_steps: size(shape.width()),
            current_parallel_opportunities: number(counts.ready),
            blocked_parallel_opportunities: number(found.blocked()),
            overall_completion: counts.completion_percentage(),
            levels: (0..)
                .zip(&found.levels)
                .zip(ready)
                .map(|((at, level), ready)| self::level(at, level, ready))
                .collect(),
            parallelism_efficiency: found.efficiency,
        }
    }

    fn error_chains(&self) -> proto::ErrorChains {
        let found = &self.graph.analysis.error_chains;
        proto::ErrorChains {
            total_error_steps: number(found.errors),
            total_steps: size(self.graph.inputs.shape.steps()),
            error_percentage: found.percentage,
            total_blocked_by_errors: i64::try_from(found.blocked).unwrap_or(i64::MAX),
            error_chains: found.chains.iter().map(|chain| self.chain(chain)).collect(),
            recovery_priority: found.chains.iter().take(PRIORITIES).map(|chain| self.priority(chain)).collect(),
        }
    }

    fn chain(&self, chain: &Chain) -> proto::ErrorChain {
        let step = self.condition(chain.step);
        let recoveries = Recovery::of(step).iter();
        proto::ErrorChain {
            error_step_id: self.id(chain.step),
            error_step_name: self.name(chain.step),
            error_attempts: i32::from(step.attempts),
            retry_limit: i32::from(step.retry_limit),
            retry_analysis: Some(proto::RetryAnalysis {
                exhausted: step.is_exhausted(),
                remaining_attempts: i32::from(step.retry_limit.saturating_sub(step.attempts)),
                in_backoff: step.in_backoff,
                retry_time: self.snapshot.run.step(chain.step).next_retry_at.map(micros),
                retryable: step.retry_eligible,
            }),
            downstream_step_names: self.names(&chain.downstream),
            total_downstream_steps: number(chain.downstream_total),
            blocked_downstream_steps: number(chain.blocked),
            total_impact: chain.impact,
            recovery_strategies: recoveries
                .map(|recovery| proto::RecoveryStrategy {
                    action: action(*recovery).into(),
                    priority: severity(recovery.priority()).into(),
                    description: self.advice(*recovery, chain.step),
                })
                .collect(),
        }
    }

    fn advice(&self, recovery: Recovery, no: StepNo) -> String {
        let step = self.condition(no);
        match recovery {
            Recovery::ManualResolution => "Step has exhausted retries and requires manual intervention".to_owned(),
            Recovery::IncreaseRetryLimit => "Consider increasing retry limit if error is transient".to_owned(),
            Recovery::WaitForBackoff => {
                let at = self.snapshot.run.step(no).next_retry_at.and_then(chrono::DateTime::from_timestamp_micros);
                let at = at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)).unwrap_or_default();
                format!("Step will retry automatically at {at}")
            }
            Recovery::MonitorRetries => {
                format!("Step has {} retry attempts remaining", step.retry_limit.saturating_sub(step.attempts))
            }
            Recovery::InvestigateRootCause => "Step is not retryable, requires investigation".to_owned(),
        }
    }

    fn priority(&self, chain: &Chain) -> proto::RecoveryPriority {
        let first = Recovery::of(self.condition(chain.step)).first().copied();
        proto::RecoveryPriority {
            step_id: self.id(chain.step),
            step_name: self.name(chain.step),
            priority_level: severity(chain.priority).into(),
            reason: format!("Blocking {} downstream steps", chain.blocked),
            recommended_action: first.map_or(proto::RecoveryAction::Unspecified, action).into(),
        }
    }

    fn bottlenecks(&self) -> proto::Bottlenecks {
        let (found, counts) = (&self.graph.analysis.bottlenecks, self.graph.states.counts());
        proto::Bottlenecks {
            total_bottlenecks: number(found.total),
            critical_bottlenecks: number(found.critical),
            total_blocked_steps: i64::try_from(found.blocked).unwrap_or(i64::MAX),
            bottlenecks: found.worst.iter().map(|bottleneck| self.bottleneck(bottleneck)).collect(),
            task_completion: counts.completion_percentage(),
            failed_steps_ratio: rules::parallelism::percent(counts.failed as usize, counts.total as usize),
            overall_impact: match found.overall {
                Impact::None => proto::OverallImpact::None,
                Impact::Low => proto::OverallImpact::Low,
                Impact::Medium => proto::OverallImpact::Medium,
                Impact::High => proto::OverallImpact::High,
                Impact::Severe => proto::OverallImpact::Severe,
            }
            .into(),
        }
    }

    fn bottleneck(&self, bottleneck: &Bottleneck) -> proto::Bottleneck {
        let step = self.condition(bottleneck.step);
        proto::Bottleneck {
            step_id: self.id(bottleneck.step),
            step_name: self.name(bottleneck.step),
            current_state: state(step.state).into(),
            attempts: i32::from(step.attempts),
            retry_limit: i32::from(step.retry_limit),
            dependencies_satisfied: !step.blocked,
            downstream_steps_count: number(bottleneck.downstream),
            blocked_downstream_count: number(bottleneck.blocked),
            impact_score: bottleneck.impact,
            severity: severity(bottleneck.severity).into(),
            bottleneck_type: match Kind::of(step) {
                Kind::PermanentFailure => proto::BottleneckType::PermanentFailure,
                Kind::ActiveError => proto::BottleneckType::ActiveError,
                Kind::DependencyBlock => proto::BottleneckType::DependencyBlock,
                Kind::RetryExhaustion => proto::BottleneckType::RetryExhaustion,
            }
            .into(),
            resolution_strategy: match Strategy::of(step) {
                Strategy::ManualIntervention => proto::ResolutionStrategy::ManualIntervention,
                Strategy::InvestigateError => proto::ResolutionStrategy::InvestigateError,
                Strategy::CheckUpstream => proto::ResolutionStrategy::CheckUpstream,
                Strategy::WaitForBackoff => proto::ResolutionStrategy::WaitForBackoff,
                Strategy::MonitorRetries => proto::ResolutionStrategy::MonitorRetries,
                Strategy::ReviewConfiguration => proto::ResolutionStrategy::ReviewConfiguration,
            }
            .into(),
            resolution_time: self.next_retry_at(bottleneck.step).map(micros),
        }
    }

    fn summary(&self) -> proto::GraphSummary {
        let (shape, analysis) = (&self.graph.inputs.shape, &self.graph.analysis);
        let advice = analysis.recommendations(self.snapshot.run.state().is_settled_task());
        proto::GraphSummary {
            total_steps: size(shape.steps()),
            total_dependencies: size(shape.edges()),
            dependency_levels: size(shape.depth()),
            longest_path_length: size(shape.depth()),
            critical_bottlenecks_count: number(analysis.bottlenecks.critical),
            error_chains_count: number(analysis.error_chains.errors),
            parallelism_efficiency: analysis.parallelism.efficiency,
            overall_health: match analysis.health() {
                Health::Healthy => proto::OverallHealth::Healthy,
                Health::Warning => proto::OverallHealth::Warning,
                Health::Critical => proto::OverallHealth::Critical,
            }
            .into(),
            recommendations: advice.into_iter().map(|advice| recommendation(advice).to_owned()).collect(),
        }
    }
}

/// When a task will be done, by a forecast of this moment.
pub(in crate::rpc) fn expected_finish(
    task: TaskId,
    template: &Template,
    forecast: &Forecast,
    now: Micros,
) -> proto::ExpectedFinish {
    let stuck = forecast.stuck.iter().take(STUCK_MAX);
    proto::ExpectedFinish {
        finish_time: forecast.finish_in.map(|ahead| micros(now + ahead)),
        late_finish_time: forecast.late_finish_in.map(|ahead| micros(now + ahead)),
        remaining_duration: forecast.finish_in.map(length),
        step_names: names(template, &forecast.steps),
        stuck_step_ids: stuck.map(|no| task.step(*no).to_string()).collect(),
        measured_steps: size(forecast.measured),
    }
}

fn names(template: &Template, steps: &[StepNo]) -> Vec<String> {
    steps.iter().map(|no| template.step(*no).name.to_string()).collect()
}

/// A length of time in milliseconds.
fn millis(millis: u64) -> Duration {
    let nanos = i32::try_from(millis % 1_000 * 1_000_000).expect("less than a second");
    Duration { seconds: i64::try_from(millis / 1_000).unwrap_or(i64::MAX), nanos }
}

fn level(at: i32, level: &Level, ready_step_names: Vec<String>) -> proto::GraphLevel {
    let potential = match level.ready {
        0 => proto::Severity::Low,
        1 => proto::Severity::Medium,
        _ => proto::Severity::High,
    };
    proto::GraphLevel {
        level: at,
        total_steps: number(level.steps),
        ready_steps: number(level.ready),
        blocked_steps: number(level.blocked),
        error_steps: number(level.errors),
        completed_steps: number(level.completed),
        parallelism_potential: potential.into(),
        bottleneck_risk: if level.is_at_risk() { proto::Severity::High } else { proto::Severity::Low }.into(),
        ready_step_names,
    }
}

const fn severity(severity: rules::Severity) -> proto::Severity {
    match severity {
        rules::Severity::Low => proto::Severity::Low,
        rules::Severity::Medium => proto::Severity::Medium,
        rules::Severity::High => proto::Severity::High,
        rules::Severity::Critical => proto::Severity::Critical,
    }
}

const fn action(recovery: Recovery) -> proto::RecoveryAction {
    match recovery {
        Recovery::ManualResolution => proto::RecoveryAction::ManualResolution,
        Recovery::IncreaseRetryLimit => proto::RecoveryAction::IncreaseRetryLimit,
        Recovery::WaitForBackoff => proto::RecoveryAction::WaitForBackoff,
        Recovery::MonitorRetries => proto::RecoveryAction::MonitorRetries,
        Recovery::InvestigateRootCause => proto::RecoveryAction::InvestigateRootCause,
    }
}

const fn recommendation(recommendation: Recommendation) -> &'static str {
    match recommendation {
        Recommendation::ResolveErrorChains => "Resolve error chains to prevent further failures",
        Recommendation::AddressCriticalBottlenecks => "Address critical bottlenecks to unblock task execution",
        Recommendation::OptimiseDependencies => "Consider optimizing step dependencies to improve parallelism",
        Recommendation::Healthy => "Task execution appears healthy",
    }
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn size(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
