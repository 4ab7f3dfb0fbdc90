//! The generator of the Rust SDK's messages and clients, and the test that they are fresh.
//!
//! The SDK ships generated code so that its users need neither the protos nor a build script. This test
//! generates it again and compares; with `TASKER_GEN=1` it writes instead (`make gen`).

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use prost_types::FileDescriptorSet;

/// One file a package that the SDK exposes, and one that names the messages that the server sends.
const FILES: &[&str] = &["tasker.v1.rs", "tasker.worker.v1.rs", ANSWERS];
const ANSWERS: &str = "answers.rs";

#[path = "../../build/protos.rs"]
mod protos;
#[test]
fn sdk_rust_is_generated_from_the_protos() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = root.join("sdk/rust/src/gen");
    let fresh = generate(root);
    #[expect(clippy::disallowed_methods, reason = "a switch of the test, not of the product")]
    let write = std::env::var_os("TASKER_GEN").is_some();
    for file in FILES {
        let text = fs::read_to_string(fresh.join(file)).expect("the generator wrote the file");
        let target = committed.join(file);
        if write {
            fs::write(&target, text).expect("sdk/rust/src/gen can be written");
        } else {
            let have = fs::read_to_string(&target).unwrap_or_default();
            assert!(have == text, "sdk/rust/src/gen/{file} is stale: run `make gen`");
        }
    }
}

/// Generates into a directory of its own and returns it.
fn generate(root: &Path) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk-gen");
    fs::create_dir_all(&out).expect("the target directory can be written");
    let mut compiler = protox::Compiler::new([root.join("proto")]).expect("proto/ is there");
    compiler.include_imports(true).include_source_info(true);
    let files = protos::files(&root.join("proto")).expect("proto/ can be read");
    compiler.open_files(files).expect("the protos compile");
    let files = compiler.file_descriptor_set();
    fs::write(out.join(ANSWERS), answers(&files)).expect("the target directory can be written");
    tonic_prost_build::configure()
        .build_server(false)
        .extern_path(".google.rpc.Status", "::tonic_types::pb::Status")
        .codec_path("crate::codec::Slices")
        .out_dir(&out)
        .compile_fds(files)
        .expect("the code is generated");
    out
}

/// Every message that a method of our services answers with.
fn answers(files: &FileDescriptorSet) -> String {
    let methods = files.file.iter().flat_map(|file| &file.service).flat_map(|service| &service.method);
    let names: BTreeSet<&str> = methods.filter_map(|method| method.output_type().strip_prefix(".tasker.")).collect();
    let lines: String = names.iter().map(|name| format!("    tasker::{},\n", name.replace('.', "::"))).collect();
    format!("// @generated\ncrate::codec::answers! {{\n{lines}}}\n")
}
