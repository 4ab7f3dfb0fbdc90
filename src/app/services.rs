//! Which services there are, and what each is given. A new one is a line in [`routes`].

use tonic::{codec::CompressionEncoding, service::RoutesBuilder};

use crate::{
    config::Config,
    domain::handler,
    engine::Engine,
    lifecycle::Templates,
    proto::tasker::{
        v1::handler_service_server::HandlerServiceServer, worker::v1::worker_service_server::WorkerServiceServer,
    },
    rpc,
    service::{dependencies::Dependencies, handlers::Handlers},
    store::Store,
};

/// Adds every service of ours to the routes.
pub(super) fn add(routes: &mut RoutesBuilder, config: &Config, store: &Store, templates: &Templates, engine: &Engine) {
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
    let limits = handler::Limits {
        steps_max: config.limits.steps_per_task,
        payload_bytes_max: config.limits.payload_bytes,
        ..handler::Limits::default()
    };
    let handlers = Handlers::new(store.clone(), templates.clone(), engine.hints().clone(), limits);
    add!(HandlerServiceServer, rpc::handlers::Handlers::new(handlers));
    let dependencies = Dependencies::new(store.clone(), templates.clone());
    add!(
        WorkerServiceServer,
        rpc::workers::Workers::new(engine.sessions().clone(), dependencies, config.limits.payload_bytes)
    );
}
