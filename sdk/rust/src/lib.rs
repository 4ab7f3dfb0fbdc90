//! Client and worker for tasker.
