//! Which files there are.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Diagnostic, Severity};

/// A larger file is not read. A handler at all its limits stays below.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Directories inside directories are followed this far.
const DEPTH_MAX: usize = 32;

/// The files among `paths`, and the YAML files in and below the directories among them, by name.
pub(super) fn find(paths: &[PathBuf], diagnostics: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                if let Err((path, error)) = walk(path, 0, &mut files) {
                    diagnostics.push(Diagnostic::of_file(&path, Severity::Error, in_words(&error)));
                } else if files.len() == before {
                    let message = "there are no .yaml or .yml files in it".to_owned();
                    diagnostics.push(Diagnostic::of_file(path, Severity::Warning, message));
                }
                files[before..].sort();
            }
            Ok(_) => files.push(path.clone()),
            Err(error) => diagnostics.push(Diagnostic::of_file(path, Severity::Error, in_words(&error))),
        }
    }
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    files
}

/// Recursion is bounded by [`DEPTH_MAX`]; links to directories are not followed.
fn walk(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    let at = |error| (directory.to_owned(), error);
    for entry in fs::read_dir(directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let path = entry.path();
        if entry.file_type().map_err(at)?.is_dir() {
            if depth < DEPTH_MAX {
                walk(&path, depth + 1, files)?;
            }
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            files.push(path);
        }
    }
    Ok(())
}

/// The text of a file.
pub(super) fn read(file: &Path) -> Result<String, String> {
    let bytes = fs::metadata(file).map_err(|error| in_words(&error))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("has {bytes} bytes, the limit is {FILE_BYTES_MAX}"));
    }
    fs::read_to_string(file).map_err(|error| in_words(&error))
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}
