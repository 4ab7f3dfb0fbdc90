//! Compiles the protos and writes the access table.
//!
//! The protos are read by protox, so no protoc is needed. Every method must carry the
//! `(tasker.options.v1.access)` option: prost forgets options that it does not know, therefore the rows are
//! taken from the reflective descriptors here. A method without the option fails the build with its name.

use std::{env, fmt::Write as _, fs, path::Path};

use prost_reflect::{DescriptorPool, MethodDescriptor, Value};

const PROTOS: &[&str] = &[
    "tasker/v1/error_reason.proto",
    "tasker/v1/explain_service.proto",
    "tasker/v1/event_service.proto",
    "tasker/v1/handler_service.proto",
    "tasker/v1/task_service.proto",
    "tasker/v1/step_service.proto",
    "tasker/v1/analytics_service.proto",
    "tasker/v1/status_service.proto",
    "tasker/v1/dependency_graph_service.proto",
    "tasker/worker/v1/worker_service.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=migrations");
    #[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(PROTOS)?;

    let descriptors = compiler.encode_file_descriptor_set();
    fs::write(out.join("descriptors.bin"), &descriptors)?;
    fs::write(out.join("access.rs"), access_table(&DescriptorPool::decode(descriptors.as_slice())?))?;
    fs::write(out.join("migrations.rs"), migration_table(Path::new("migrations"))?)?;

    tonic_prost_build::configure()
        .build_client(false)
        .bytes(".")
        .extern_path(".tasker.v1.GetTaskGraphResponse", "crate::rpc::graph::GetTaskGraphResponse")
        .extern_path(".tasker.v1.ListHandlersResponse", "crate::rpc::handlers::ListHandlersResponse")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// One row per method: its path and what it requires.
fn access_table(pool: &DescriptorPool) -> String {
    let access = pool
        .get_extension_by_name("tasker.options.v1.access")
        .expect("proto/tasker/options/v1/access.proto defines the option");
    let mut rows = String::from("&[\n");
    for service in pool.services() {
        for method in service.methods() {
            let options = method.options();
            assert!(
                options.has_extension(&access),
                "{} does not declare (tasker.options.v1.access)",
                method.full_name()
            );
            writeln!(rows, "    {},", row(&method, &options.get_extension(&access))).expect("a String takes writes");
        }
    }
    rows.push(']');
    rows
}

fn row(method: &MethodDescriptor, access: &Value) -> String {
    let access = access.as_message().expect("the option is a message");
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    if access.has_field_by_name("requires") {
        let requires = access.get_field_by_name("requires").expect("just checked");
        let requires = requires.as_message().expect("Permission is a message");
        let text = |name: &str| {
            let value = requires.get_field_by_name(name).expect("Permission has the field");
            let value = value.as_str().expect("the field is a string").to_owned();
            assert!(!value.is_empty(), "{}: access.requires.{name} is empty", method.full_name());
            value
        };
        let owner = access.get_field_by_name("owner").is_some_and(|owner| owner.as_bool() == Some(true));
        format!(
            "Row {{ path: {path:?}, access: Access::Requires {{ permission: Permission {{ resource: {:?}, action: {:?} \
             }}, owner: {owner} }} }}",
            text("resource"),
            text("action")
        )
    } else if access.get_field_by_name("anyone").is_some_and(|anyone| anyone.as_bool() == Some(true)) {
        format!("Row {{ path: {path:?}, access: Access::Anyone }}")
    } else {
        panic!("{}: access names no rule", method.full_name());
    }
}

/// One row per migration file: version, description, SQL. The files are embedded, so that the binary
/// migrates any database by itself.
fn migration_table(dir: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut names: Vec<String> = fs::read_dir(dir)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    names.retain(|name| name.ends_with(".sql"));
    names.sort();
    let mut rows = String::from("&[\n");
    for name in names {
        let (version, description) = name
            .trim_end_matches(".sql")
            .split_once('_')
            .ok_or_else(|| format!("migrations/{name} is not named VERSION_description.sql"))?;
        let version: i64 = version.parse().map_err(|_| format!("migrations/{name} does not start with a number"))?;
        let path = dir.canonicalize()?.join(&name);
        writeln!(
            rows,
            "    ({version}, {:?}, include_str!({:?})),",
            description.replace('_', " "),
            path.display().to_string()
        )?;
    }
    rows.push(']');
    Ok(rows)
}
