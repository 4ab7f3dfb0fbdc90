//! Lets tools learn the protos from the server itself. Both versions, because tools in use ask for either.

use tonic::service::RoutesBuilder;
use tonic_reflection::server::Builder;

use super::server::OPEN_MESSAGE_BYTES_MAX;
use crate::proto::DESCRIPTORS;

/// Adds the reflection services.
pub(super) fn add(routes: &mut RoutesBuilder) {
    let builder = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = builder().build_v1().expect("the compiled-in descriptors decode");
    routes.add_service(v1.max_decoding_message_size(OPEN_MESSAGE_BYTES_MAX));
    let v1alpha = builder().build_v1alpha().expect("the compiled-in descriptors decode");
    routes.add_service(v1alpha.max_decoding_message_size(OPEN_MESSAGE_BYTES_MAX));
}
