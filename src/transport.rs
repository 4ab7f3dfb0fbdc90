//! The way in: listener, the ordered layers, health, reflection.

pub mod status;
