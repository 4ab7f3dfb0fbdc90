//! `tasker completions`: prints the completions of a shell.

use std::process::ExitCode;

use super::{Context, Outcome, output::Out};

/// Prints the completions of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  source <(tasker completions bash)
  tasker completions zsh > ~/.zfunc/_tasker
  tasker completions fish > ~/.config/fish/completions/tasker.fish")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Runs the subcommand.
#[expect(clippy::unused_async, reason = "every subcommand is called alike")]
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "tasker", &mut script);
    Out::of(context.output).raw(&String::from_utf8_lossy(&script));
    Ok(ExitCode::SUCCESS)
}
