//! Compiles the protos and writes what the server takes from them: the access table and the reasons of refusals.
//!
//! The protos are read by protox, so no protoc is needed. prost forgets options that it does not know, therefore
//! options are read from the reflective descriptors here. A method without access, or a reason without a code, fails
//! the build with its name.

#[path = "build/access.rs"]
mod access;
#[path = "build/migrations.rs"]
mod migrations;
#[path = "build/protos.rs"]
mod protos;
#[path = "build/reasons.rs"]
mod reasons;

use std::{env, fs, path::Path};

use prost_reflect::DescriptorPool;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=build");
    #[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(protos::files(Path::new("proto"))?)?;

    let descriptors = compiler.encode_file_descriptor_set();
    let pool = DescriptorPool::decode(descriptors.as_slice())?;
    fs::write(out.join("descriptors.bin"), &descriptors)?;
    fs::write(out.join("access.rs"), access::table(&pool))?;
    fs::write(out.join("reasons.rs"), reasons::source(&pool))?;
    fs::write(out.join("migrations.rs"), migrations::table(Path::new("migrations"))?)?;

    tonic_prost_build::configure()
        .build_client(false)
        .bytes(".")
        .extern_path(".google.rpc.Status", "::tonic_types::pb::Status")
        .extern_path(".tasker.v1.GetTaskGraphResponse", "crate::rpc::graph::GetTaskGraphResponse")
        .extern_path(".tasker.v1.ListHandlersResponse", "crate::rpc::handlers::ListHandlersResponse")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
