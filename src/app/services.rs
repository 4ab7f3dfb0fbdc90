//! Which services there are, and what each is given. A new one is a line in [`routes`].

use std::time::Duration;

use tonic::{codec::CompressionEncoding, service::RoutesBuilder};

use crate::{
    config::{self, CacheBackend, Config, IdentityStrategy},
    domain::{handler, identity::Strategy},
    engine::Engine,
    health::Monitor,
    lifecycle::Templates,
    proto::tasker::{
        v1::{
            analytics_service_server::AnalyticsServiceServer,
            dependency_graph_service_server::DependencyGraphServiceServer, event_service_server::EventServiceServer,
            explain_service_server::ExplainServiceServer, handler_service_server::HandlerServiceServer,
            status_service_server::StatusServiceServer, step_service_server::StepServiceServer,
            task_service_server::TaskServiceServer,
        },
        worker::v1::worker_service_server::WorkerServiceServer,
    },
    rpc,
    service::{
        analytics,
        dependencies::Dependencies,
        events,
        explain::Explain,
        graph,
        handlers::{Handlers, Running},
        snapshot::Reader,
        steps, tasks,
        worker_roster::WorkerRoster,
    },
    store::{
        Store,
        shared::{self, Shared},
    },
};

/// Adds every service of ours to the routes.
pub(super) fn add(
    routes: &mut RoutesBuilder,
    config: &Config,
    store: &Store,
    templates: &Templates,
    engine: &Engine,
    monitor: &Monitor,
) {
    let bytes = config.limits.message_bytes;
    /// Adds a service with the limits and compressions that all of them have.
    macro_rules! add {
        ($server:ident, $service:expr) => {
            routes.add_service(
                $server::new($service)
                    .max_decoding_message_size(bytes)
                    .max_encoding_message_size(bytes)
                    .accept_compressed(CompressionEncoding::Zstd)
                    .accept_compressed(CompressionEncoding::Gzip),
            );
        };
    }
    let handler_limits = handler::Limits {
        steps_max: config.limits.steps_per_task,
        payload_bytes_max: config.limits.payload_bytes,
        ..handler::Limits::default()
    };
    let worker_limits =
        rpc::workers::Limits { payload_bytes_max: config.limits.payload_bytes, message_bytes_max: bytes };
    let dependencies = Dependencies::new(store.clone(), templates.clone());
    add!(WorkerServiceServer, rpc::workers::Workers::new(engine.sessions().clone(), dependencies, worker_limits));
    let reader = Reader::new(store.clone(), templates.clone(), engine.clock().clone(), bytes);
    let steps = steps::Steps::new(reader.clone(), engine.writer().clone());
    let graphs = graph::Graphs::new(reader.clone(), engine.watch().clone(), graph_settings(config, engine));
    let tasks =
        tasks::Tasks::new(reader.clone(), engine.writer().clone(), engine.watch().clone(), task_settings(config));
    let limits = rpc::limits::Limits {
        payload_bytes: config.limits.payload_bytes,
        batch_tasks: config.limits.batch_tasks,
        answer_bytes: bytes,
    };
    add!(TaskServiceServer, rpc::tasks::Tasks::new(tasks, graphs.clone(), limits));
    let memory_bytes = config.cache.memory_bytes;
    add!(DependencyGraphServiceServer, rpc::graph::Graphs::new(graphs, limits, memory_bytes, engine.metrics()));
    let watchers = events::Limits {
        total: config.events.watchers_max,
        per_caller: config.events.watchers_per_caller,
        per_namespace: config.events.watchers_per_namespace,
    };
    let events = events::Events::new(store.clone(), templates.clone(), engine.events().clone(), watchers);
    add!(EventServiceServer, rpc::events::Events::new(events, limits));
    add!(StepServiceServer, rpc::steps::Steps::new(steps, limits));
    let analytics = analytics::Analytics::new(
        store.clone(),
        engine.clock().clone(),
        analytics_settings(&config.analytics),
        engine.metrics(),
    );
    add!(AnalyticsServiceServer, rpc::analytics::Analytics::new(analytics, limits));
    add!(StatusServiceServer, rpc::status::Statuses::new(monitor.clone()));
    let roster =
        WorkerRoster::new(store.clone(), engine.workforce().clone(), engine.clock().clone(), engine.server_id());
    let pauses = engine.pauses().clone();
    let running = Running { templates: templates.clone(), hints: engine.hints().clone(), pauses: pauses.clone() };
    let handlers = Handlers::new(store.clone(), running, roster.clone(), handler_limits, engine.metrics());
    add!(HandlerServiceServer, rpc::handlers::Handlers::new(handlers, limits));
    add!(ExplainServiceServer, rpc::explain::Explain::new(Explain::new(reader, roster, pauses), limits));
}

const fn analytics_settings(section: &config::Analytics) -> analytics::Settings {
    analytics::Settings {
        performance_ttl: section.performance_ttl,
        bottlenecks_ttl: section.bottlenecks_ttl,
        health_ttl: section.health_ttl,
        statement_timeout: section.statement_timeout,
        tasks_max: section.tasks_max,
        period_max: Duration::from_secs(section.period_max_hours as u64 * 3_600),
        answers_max: section.answers_max,
    }
}

fn task_settings(config: &Config) -> tasks::Settings {
    let strategy = match config.identity.strategy {
        IdentityStrategy::Default => Strategy::Distinct,
        IdentityStrategy::Hash => Strategy::Hash,
    };
    tasks::Settings { strategy, ..tasks::Settings::default() }
}

fn graph_settings(config: &Config, engine: &Engine) -> graph::Settings {
    let cache = &config.cache;
    let shared = (cache.backend == CacheBackend::Redis).then(|| {
        let settings = shared::Settings {
            url: cache.redis_url.expose().to_owned(),
            ttl: Duration::from_secs(cache.redis_ttl_seconds),
            timeout: cache.redis_timeout,
            pause: cache.redis_pause,
        };
        Shared::new(settings)
    });
    let shared = shared.and_then(|made| {
        made.inspect_err(|why| tracing::error!(why, "cache.redis_url is wrong; going on without a shared cache")).ok()
    });
    graph::Settings {
        policy: config.dependency_graph.clone(),
        memory_bytes: cache.memory_bytes,
        shared,
        metrics: engine.metrics().clone(),
        ..graph::Settings::default()
    }
}
