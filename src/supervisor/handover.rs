//! State that a loop keeps over its restarts.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

/// A thing that one run of a loop has at a time, such as the receiving end of a queue: when the run ends, well or by a
/// panic, the next one gets it.
///
/// Clones share it.
#[derive(Debug)]
pub struct Handover<T>(Arc<Mutex<Option<T>>>);

impl<T> Clone for Handover<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The thing while a run has it.
#[derive(Debug)]
pub struct Taken<T> {
    thing: Option<T>,
    home: Arc<Mutex<Option<T>>>,
}

impl<T> Handover<T> {
    /// Keeps a thing for the first run.
    pub fn new(thing: T) -> Self {
        Self(Arc::new(Mutex::new(Some(thing))))
    }

    /// Takes the thing; `None` while another run has it.
    pub fn take(&self) -> Option<Taken<T>> {
        let thing = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Taken { thing: Some(thing), home: Arc::clone(&self.0) })
    }
}

impl<T> Deref for Taken<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.thing.as_ref().expect("only dropping takes it out")
    }
}

impl<T> DerefMut for Taken<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.thing.as_mut().expect("only dropping takes it out")
    }
}

impl<T> Drop for Taken<T> {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.thing.take();
    }
}
