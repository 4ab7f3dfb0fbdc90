//! `tasker workers`: shows the connected workers.

use std::process::ExitCode;

use tasker_sdk::proto::tasker::worker::v1::{self as pb, offer::Target};

use super::{
    Context, Outcome,
    failure::Failure,
    json,
    output::Out,
    remote::Remote,
    shape::time,
    style::{Tone, one_line},
    table::{Cell, Table, columns, text},
};

/// Step handlers of a worker that are named.
const OFFERS_MAX: usize = 4;

/// Shows the connected workers: what they run, and how full they are
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker workers
  tasker workers --namespace logistics
  tasker workers --output json | jq 'select(.draining)'

With --output json every worker is one document on a line of its own.")]
pub(crate) struct Args {
    /// Only workers that serve this namespace
    #[arg(long, short)]
    namespace: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.show(context)).await
}

impl Args {
    async fn show(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let namespace = self.namespace.clone().unwrap_or_default();
        let mut request = pb::ListWorkersRequest { namespace, page_size: 1_000, page_token: String::new() };
        let mut workers = Vec::new();
        loop {
            let page = client.workers().list_workers(request.clone()).await?.into_inner();
            workers.extend(page.workers);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        if out.is_json() {
            workers.iter().for_each(|worker| out.record(&json::of("tasker.worker.v1.Worker", worker)));
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(
            const { columns([text("WORKER", 14), text("RUNS", 20), text("SLOTS", 5), text("CONNECTED", 20), text("", 0)]) },
        );
        for worker in &workers {
            let full = worker.in_flight >= worker.slots;
            let slots = format!("{}/{}", worker.in_flight, worker.slots);
            table.row([
                one_line(&worker.worker_id).into(),
                offers(&worker.offers).into(),
                if full { Cell::toned(Tone::Warn, slots) } else { slots.into() },
                time(worker.connect_time).map(|at| at[..19].replace('T', " ")).unwrap_or_default().into(),
                if worker.draining { Cell::toned(Tone::Warn, "draining") } else { "".into() },
            ]);
        }
        out.table(&table);
        if workers.is_empty() {
            out.line(&out.paint.tone(Tone::Dim, "no worker is connected"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The first step handlers of a worker.
fn offers(offers: &[pb::Offer]) -> String {
    let named = offers.iter().take(OFFERS_MAX).map(|offer| {
        let target = match &offer.target {
            Some(Target::StepHandler(name)) => name.clone(),
            Some(Target::Handler(name)) => format!("{name}/*"),
            None => String::new(),
        };
        one_line(&format!("{}.{target}", offer.namespace))
    });
    let more = offers.len().saturating_sub(OFFERS_MAX);
    let named = named.collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}
