//! Handlers in YAML files.
//!
//! Owns: finding the files, reading the original service's format into [`Draft`]s, merging environments, and
//! saying what is wrong in terms of file, line and column, everything at once. Keys that mean nothing and
//! overrides for steps that do not exist are reported, never dropped in silence. Never: talks to a server; the
//! CLI sends what is found here. Next: `templates/read.rs` for the format, `domain::handler` for the checks.

mod environments;
mod files;
mod node;
mod read;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
};

use crate::domain::handler::{Draft, Limits};

pub use node::Place;

/// What was found in some files.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The handlers, in the order of files and documents. Those with errors are among them, so that the count
    /// is right; nothing is to be sent when there are [errors](Loaded::has_errors).
    pub handlers: Vec<Found>,
    /// What there is to say, by file and line.
    pub diagnostics: Vec<Diagnostic>,
}

/// A handler in a file.
#[derive(Debug)]
pub struct Found {
    /// What it says.
    pub draft: Draft,
    /// The file.
    pub file: PathBuf,
    /// Where it starts.
    pub place: Place,
}

/// Something to say about a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file.
    pub file: PathBuf,
    /// Where in it; `None` when it is about the file itself.
    pub place: Option<Place>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub message: String,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The handlers cannot be registered.
    Error,
    /// Probably not what the author meant.
    Warning,
}

impl Loaded {
    /// Whether anything keeps the handlers from being registered.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl Severity {
    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}: {}", self.severity.label(), self.message)
    }
}

/// Reads the handlers in files, and in the `.yaml` and `.yml` files of directories and everything below them.
/// `environment` chooses among the overrides that handlers have for environments.
pub fn load(paths: &[PathBuf], environment: Option<&str>, limits: &Limits) -> Loaded {
    let mut loaded = Loaded::default();
    for file in files::find(paths, &mut loaded.diagnostics) {
        match files::read(&file) {
            Ok(text) => parse(&file, &text, environment, limits, &mut loaded),
            Err(message) => loaded.diagnostics.push(Diagnostic::of_file(&file, Severity::Error, message)),
        }
    }
    report_duplicates(&mut loaded);
    loaded.diagnostics.sort();
    loaded.diagnostics.dedup();
    loaded
}

/// Reads the handlers in one text: usually one, more when documents are separated by `---`.
fn parse(file: &Path, text: &str, environment: Option<&str>, limits: &Limits, loaded: &mut Loaded) {
    let documents = match node::parse(text) {
        Ok(documents) => documents,
        Err((place, message)) => {
            loaded.diagnostics.push(Diagnostic { place, ..Diagnostic::of_file(file, Severity::Error, message) });
            return;
        }
    };
    if documents.is_empty() {
        loaded.diagnostics.push(Diagnostic::of_file(file, Severity::Warning, "there is no handler in it".to_owned()));
    }
    for document in documents {
        let place = document.at;
        let mut remarks = Remarks { file, all: &mut loaded.diagnostics };
        let document = environments::merge(document, environment, &mut remarks);
        if let Some(draft) = read::handler(document, limits, &mut remarks) {
            loaded.handlers.push(Found { draft, file: file.to_owned(), place });
        }
    }
}

fn report_duplicates(loaded: &mut Loaded) {
    let mut seen: HashMap<(String, &str, String), &Found> = HashMap::new();
    for found in &loaded.handlers {
        // What a field is when it is not given shall count as given.
        let Ok(definition) = found.draft.check("", &Limits::CEILING) else { continue };
        let key = (definition.namespace, found.draft.name.as_str(), definition.version.to_string());
        if let Some(first) = seen.get(&key) {
            let message =
                format!("{}.{}@{} is also in {}:{}", key.0, key.1, key.2, first.file.display(), first.place.line);
            loaded.diagnostics.push(Diagnostic {
                place: Some(found.place),
                ..Diagnostic::of_file(&found.file, Severity::Error, message)
            });
        } else {
            seen.insert(key, found);
        }
    }
}

impl Diagnostic {
    fn of_file(file: &Path, severity: Severity, message: String) -> Self {
        Self { file: file.to_owned(), place: None, severity, message }
    }
}

/// Collects what there is to say about one file.
struct Remarks<'a> {
    file: &'a Path,
    all: &'a mut Vec<Diagnostic>,
}

impl Remarks<'_> {
    fn error(&mut self, at: Place, message: String) {
        self.add(at, Severity::Error, message);
    }

    fn warning(&mut self, at: Place, message: String) {
        self.add(at, Severity::Warning, message);
    }

    fn add(&mut self, at: Place, severity: Severity, message: String) {
        self.all.push(Diagnostic { place: Some(at), ..Diagnostic::of_file(self.file, severity, message) });
    }
}
