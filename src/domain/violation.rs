//! What is wrong with one field.

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field, such as `task.tags[2]`.
    pub field: String,
    /// What is wrong: lower case, no full stop.
    pub description: String,
}

impl Violation {
    /// Says that this field is wrong in this way.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }
}
