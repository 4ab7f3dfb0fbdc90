//! Targets of permissions: things of a namespace.

/// Something that a caller wants to touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Target<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// The handler that it is or belongs to.
    pub handler: Option<&'a str>,
    /// The step handler that it is or belongs to.
    pub step_handler: Option<&'a str>,
    /// The subject who created it.
    pub created_by: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// The names of handlers that it has.
    pub fn handlers(&self) -> impl Iterator<Item = &'a str> {
        self.handler.into_iter().chain(self.step_handler)
    }
}
