//! Writes the generated part of the Rust SDK, so that its users need neither the protos nor a build script. With
//! `--descriptors FILE` it writes the descriptors that the other SDKs are generated from instead: without the options
//! that only the server reads.
//!
//! `make gen` runs it. The test below generates again and compares.

#[path = "../../../build/protos.rs"]
mod protos;

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use prost::Message as _;
use prost_types::FileDescriptorSet;

/// One file a package that the SDK exposes, and one that names the messages that the server sends.
const FILES: &[&str] = &["tasker.v1.rs", "tasker.worker.v1.rs", ANSWERS];
const ANSWERS: &str = "answers.rs";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_some_and(|argument| argument == "--descriptors") {
        let file = arguments.next().ok_or("--descriptors needs a file")?;
        return Ok(fs::write(file, without_options(compile()?).encode_to_vec())?);
    }
    let fresh = generate(&root().join("target/sdk-gen"))?;
    for file in FILES {
        fs::copy(fresh.join(file), committed().join(file))?;
    }
    Ok(())
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn committed() -> PathBuf {
    root().join("sdk/rust/src/gen")
}

/// Generates into a directory and returns it.
fn generate(out: &Path) -> Result<PathBuf> {
    fs::create_dir_all(out)?;
    let files = compile()?;
    fs::write(out.join(ANSWERS), answers(&files))?;
    tonic_prost_build::configure()
        .build_server(false)
        .extern_path(".google.rpc.Status", "::tonic_types::pb::Status")
        .codec_path("crate::codec::Slices")
        .out_dir(out)
        .compile_fds(files)?;
    Ok(out.to_owned())
}

/// Every proto with what it imports.
fn compile() -> Result<FileDescriptorSet> {
    let mut compiler = protox::Compiler::new([root().join("proto")])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(protos::files(&root().join("proto"))?)?;
    Ok(compiler.file_descriptor_set())
}

/// The same without the files that define options, and without imports of them. The options themselves are unknown to
/// prost, which has dropped them.
fn without_options(mut files: FileDescriptorSet) -> FileDescriptorSet {
    let only_server = |name: &str| name.starts_with("tasker/options/") || name == "google/rpc/code.proto";
    files.file.retain(|file| !only_server(file.name()));
    for file in &mut files.file {
        file.dependency.retain(|dependency| !only_server(dependency));
    }
    files
}

/// Every message that a method of our services answers with.
fn answers(files: &FileDescriptorSet) -> String {
    let methods = files.file.iter().flat_map(|file| &file.service).flat_map(|service| &service.method);
    let names: BTreeSet<&str> = methods.filter_map(|method| method.output_type().strip_prefix(".tasker.")).collect();
    let lines: String = names.iter().map(|name| format!("    tasker::{},\n", name.replace('.', "::"))).collect();
    format!("// @generated\ncrate::codec::answers! {{\n{lines}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sdk_rust_is_generated_from_the_protos() {
        let fresh = generate(&root().join("target/sdk-gen-check")).expect("the protos compile");
        for file in FILES {
            let fresh = fs::read_to_string(fresh.join(file)).expect("the generator wrote the file");
            let have = fs::read_to_string(committed().join(file)).unwrap_or_default();
            assert!(have == fresh, "sdk/rust/src/gen/{file} is stale: run `make gen`");
        }
    }
}
