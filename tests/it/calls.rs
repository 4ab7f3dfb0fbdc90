//! TaskService and StepService through gRPC, on a server and a database of the test's own.

mod annotations;
mod create;
mod deadline;
mod graph;
mod graph_answers;
mod graph_cache;
mod large;
mod list;
mod manual;
mod refuse;
mod repeat;
mod steps;
mod watch;
pub mod world;
