//! The generated messages and clients: `sdk/gen` of the repository writes them, nobody edits them.

#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    rustdoc::bare_urls,
    clippy::all,
    reason = "generated"
)]

/// What can be decoded.
mod answers {
    use super::tasker;

    include!("gen/answers.rs");
}

/// The packages that start with `tasker`.
pub mod tasker {
    /// Tasks, steps and handlers.
    pub mod v1 {
        include!("gen/tasker.v1.rs");
    }
    /// The worker protocol.
    pub mod worker {
        /// The worker protocol, version 1.
        pub mod v1 {
            include!("gen/tasker.worker.v1.rs");
        }
    }
}
