//! The built-in worker: runs steps whose work is an HTTP request or a command, so that a workflow needs no code.
//!
//! Owns: which step handlers there are and under which names they are offered. Never: touches the database; it is a
//! client like any other, on the Rust SDK. Next: `http.rs` and `command.rs` do the work.

mod command;
mod http;

use std::{str::FromStr, time::Duration};

use tasker_sdk::{Client, Steps, Worker};
use tokio_util::sync::CancellationToken;

/// What a built-in step handler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Makes an HTTP request that the step's `handler_config` describes.
    Http,
    /// Runs the command that the step's `handler_config` names, with JSON on stdin and stdout.
    Command,
}

/// A step handler's name and what runs its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// The name, as in `handler_class` of step templates.
    pub handler_class: String,
    /// What runs them.
    pub kind: Kind,
}

/// How the built-in worker is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The namespaces whose steps it runs.
    pub namespaces: Vec<String>,
    /// How many steps it runs at once.
    pub slots: u32,
    /// Its name; host and process when not given.
    pub worker_id: Option<String>,
    /// Step handlers beyond `http` and `command`.
    pub serve: Vec<Serve>,
    /// Whether it runs commands: then whoever may register handlers names the programs that this machine runs.
    pub allow_commands: bool,
    /// How long it waits for running steps when it ends.
    pub drain_grace: Duration,
    /// Whether SIGTERM and SIGINT end it.
    pub signals: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespaces: vec!["default".into()],
            slots: 16,
            worker_id: None,
            serve: Vec::new(),
            allow_commands: false,
            drain_grace: Duration::from_secs(30),
            signals: false,
        }
    }
}

impl Options {
    /// Every step handler that is offered, in every namespace.
    pub fn offered(&self) -> Vec<Serve> {
        let mut offered = vec![Serve { handler_class: "http".into(), kind: Kind::Http }];
        if self.allow_commands {
            offered.push(Serve { handler_class: "command".into(), kind: Kind::Command });
        }
        offered.extend(self.serve.iter().filter(|serve| self.allow_commands || serve.kind == Kind::Http).cloned());
        offered
    }
}

impl FromStr for Serve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (handler_class, kind) = text.split_once('=').ok_or("needs the form HANDLER_CLASS=http or =command")?;
        let kind = match kind.trim() {
            "http" => Kind::Http,
            "command" => Kind::Command,
            other => return Err(format!("`{other}` is neither http nor command")),
        };
        match handler_class.trim() {
            "" => Err("the handler class is empty".into()),
            handler_class => Ok(Self { handler_class: handler_class.to_owned(), kind }),
        }
    }
}

/// Runs the built-in worker until it is told to drain, and has.
pub async fn run(client: Client, options: Options, drain: CancellationToken) -> tasker_sdk::Result<()> {
    let http = http::Http::new();
    let mut builder =
        Worker::with_client(client).slots(options.slots).drain_grace(options.drain_grace).signals(options.signals);
    if let Some(worker_id) = &options.worker_id {
        builder = builder.worker_id(worker_id);
    }
    for namespace in &options.namespaces {
        for Serve { handler_class, kind } in options.offered() {
            let steps = Steps::of(handler_class).namespace(namespace);
            builder = match kind {
                Kind::Http => {
                    let http = http.clone();
                    builder.step(steps, move |ctx| {
                        let http = http.clone();
                        async move { http.run(&ctx).await }
                    })
                }
                Kind::Command => builder.step(steps, async |ctx| command::run(&ctx).await),
            };
        }
    }
    let worker = builder.build()?;
    let handle = worker.handle();
    let running = worker.run();
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return ended,
        () = drain.cancelled() => handle.drain(),
    }
    running.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_offered_only_when_allowed() {
        let serve = vec!["PayStep=http".parse().expect("fine"), "PackStep=command".parse().expect("fine")];
        let check = |allow_commands: bool, expected: &[&str]| {
            let options = Options { allow_commands, serve: serve.clone(), ..Options::default() };
            let names: Vec<String> = options.offered().into_iter().map(|serve| serve.handler_class).collect();
            assert_eq!(names, expected);
        };
        check(false, &["http", "PayStep"]);
        check(true, &["http", "command", "PayStep", "PackStep"]);
    }

    #[test]
    fn mappings() {
        let check = |text: &str, expected: Option<(&str, Kind)>| {
            let found = text.parse::<Serve>().ok();
            assert_eq!(found.as_ref().map(|serve| (serve.handler_class.as_str(), serve.kind)), expected, "{text}");
        };
        check("A::PayStep=http", Some(("A::PayStep", Kind::Http)));
        check("Pack = command", Some(("Pack", Kind::Command)));
        check("Pack", None);
        check("=http", None);
        check("Pack=ftp", None);
    }
}
