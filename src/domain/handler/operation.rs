//! What may be done to the catalog, as the audit trail names it.

/// What somebody did to the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// Registered a version.
    Register,
    /// Replaced the content of a version.
    Replace,
    /// Deprecated a version.
    Deprecate,
    /// Took a deprecation back.
    Restore,
    /// Paused a handler.
    PauseHandler,
    /// Ended the pause of a handler.
    ResumeHandler,
    /// Paused a namespace.
    PauseNamespace,
    /// Ended the pause of a namespace.
    ResumeNamespace,
    /// Described a namespace anew.
    UpdateNamespace,
}

impl OperationKind {
    /// All of them, by code.
    pub const ALL: [Self; 9] = [
        Self::Register,
        Self::Replace,
        Self::Deprecate,
        Self::Restore,
        Self::PauseHandler,
        Self::ResumeHandler,
        Self::PauseNamespace,
        Self::ResumeNamespace,
        Self::UpdateNamespace,
    ];

    /// The number that is stored.
    pub const fn code(self) -> i16 {
        match self {
            Self::Register => 1,
            Self::Replace => 2,
            Self::Deprecate => 3,
            Self::Restore => 4,
            Self::PauseHandler => 5,
            Self::ResumeHandler => 6,
            Self::PauseNamespace => 7,
            Self::ResumeNamespace => 8,
            Self::UpdateNamespace => 9,
        }
    }

    /// The kind with this number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}
