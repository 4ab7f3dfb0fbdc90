//! What each method requires, as declared by its proto.
//!
//! `build.rs` writes the rows and refuses a method that declares nothing. A path that has no row is denied.

use std::{collections::HashMap, sync::LazyLock};

use super::permission::Permission;

/// What a method requires of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A permission.
    Requires {
        /// Which.
        permission: Permission,
        /// Whether who created a task may call the method for it without the permission.
        or_creator: bool,
    },
    /// Nothing: anyone may call it.
    Anyone,
}

/// A method and what it requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The method's path, such as `/tasker.v1.TaskService/CreateTask`.
    pub path: &'static str,
    /// What it requires.
    pub access: Access,
    /// Whether its callers send more than one message.
    pub streams: bool,
}

const OURS: &[Row] = include!(concat!(env!("OUT_DIR"), "/access.rs"));

/// Services that are not ours and cannot declare anything. Probes come without credentials, and the protos that
/// reflection shows are public.
const FOREIGN: &[Row] = &[
    Row { path: "/grpc.health.v1.Health/Check", access: Access::Anyone, streams: false },
    Row { path: "/grpc.health.v1.Health/List", access: Access::Anyone, streams: false },
    Row { path: "/grpc.health.v1.Health/Watch", access: Access::Anyone, streams: false },
    Row { path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", access: Access::Anyone, streams: true },
    Row {
        path: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        access: Access::Anyone,
        streams: true,
    },
];

/// Permissions that no method asks for: those of the original that have no method here, and that of the HTTP port.
const BESIDE: &[Permission] = &[
    Permission { resource: "tasker.task", action: "destroy" },
    Permission { resource: "tasker.workflow_step", action: "destroy" },
    Permission { resource: "tasker.metrics", action: "index" },
];

/// Every permission there is, some of them more than once.
pub fn permissions() -> impl Iterator<Item = Permission> {
    let required = rows().filter_map(|row| match row.access {
        Access::Requires { permission, .. } => Some(permission),
        Access::Anyone => None,
    });
    required.chain(BESIDE.iter().copied())
}

/// Every method.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    OURS.iter().chain(FOREIGN)
}

/// What a method requires; `None` for a path that nobody serves.
pub fn find(path: &str) -> Option<Access> {
    row(path).map(|row| row.access)
}

/// A method; `None` for a path that nobody serves.
pub fn row(path: &str) -> Option<&'static Row> {
    static BY_PATH: LazyLock<HashMap<&'static str, &'static Row>> =
        LazyLock::new(|| rows().map(|row| (row.path, row)).collect());
    BY_PATH.get(path).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_changes_only_in_review() {
        let lines: Vec<String> = rows()
            .map(|row| match row.access {
                Access::Requires { permission, or_creator: false } => format!("{} {permission}", row.path),
                Access::Requires { permission, or_creator: true } => {
                    format!("{} {permission} or its creator", row.path)
                }
                Access::Anyone => format!("{} anyone", row.path),
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn an_unknown_path_has_no_row() {
        assert_eq!(find("/tasker.v1.TaskService/Nothing"), None);
        assert_eq!(find("/grpc.health.v1.Health/Check"), Some(Access::Anyone));
    }
}
