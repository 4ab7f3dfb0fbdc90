//! `tasker analytics`: how tasks did, and where time goes.

use std::{process::ExitCode, time::Duration};

use clap::ValueEnum;
use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{Context, Outcome, failure::Failure, input, json, output::Out, remote::Remote};

mod text;

pub(crate) use text::length;

/// What to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Throughput, rates and durations
    Performance,
    /// What is slow, what fails, what waits, and what to do about it
    Bottlenecks,
    /// The tasks that took longest
    SlowestTasks,
    /// The steps that took longest
    SlowestSteps,
    /// Tasks and steps by state and condition
    Health,
}

/// Tells how tasks did and where time goes
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "Examples:
  tasker analytics
  tasker analytics bottlenecks --namespace logistics --period 4h
  tasker analytics slowest-steps --handler ship_parcel --limit 50
  tasker analytics health --output json

The server keeps answers for a minute or two; each says when it was made."
)]
pub(crate) struct Args {
    /// What to tell
    #[arg(value_enum, value_name = "WHAT", default_value = "performance")]
    what: What,
    /// The namespace; all that you may see when not given
    #[arg(long, short)]
    namespace: Option<String>,
    /// The handler
    #[arg(long)]
    handler: Option<String>,
    /// The handler's version
    #[arg(long)]
    version: Option<String>,
    /// Tasks created in this last while
    #[arg(long, default_value = "24h", value_parser = input::duration, value_name = "DURATION")]
    period: Duration,
    /// Rows of the slowest tasks or steps
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    limit: i32,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.tell(context)).await
}

impl Args {
    async fn tell(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        match self.what {
            What::Performance => self.performance(out, &client).await?,
            What::Bottlenecks => self.bottlenecks(out, &client).await?,
            What::SlowestTasks => self.slowest_tasks(out, &client).await?,
            What::SlowestSteps => self.slowest_steps(out, &client).await?,
            What::Health => self.health(out, &client).await?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn filter(&self) -> Option<pb::AnalyticsFilter> {
        Some(pb::AnalyticsFilter {
            namespace: self.namespace.clone().unwrap_or_default(),
            handler: self.handler.clone().unwrap_or_default(),
            version: self.version.clone().unwrap_or_default(),
        })
    }

    fn period(&self) -> Option<prost_types::Duration> {
        self.period.try_into().ok()
    }

    async fn performance(&self, out: Out, client: &Client) -> Result<(), Failure> {
        let request = pb::GetPerformanceRequest { filter: self.filter(), period: self.period() };
        let answer = client.analytics().get_performance(request).await?.into_inner();
        if out.is_json() {
            out.document(&json::of("tasker.v1.GetPerformanceResponse", &answer))
        } else {
            text::performance(out, &answer)
        }
        Ok(())
    }

    async fn bottlenecks(&self, out: Out, client: &Client) -> Result<(), Failure> {
        let request = pb::GetBottlenecksRequest { filter: self.filter(), period: self.period() };
        let answer = client.analytics().get_bottlenecks(request).await?.into_inner();
        if out.is_json() {
            out.document(&json::of("tasker.v1.GetBottlenecksResponse", &answer))
        } else {
            text::bottlenecks(out, &answer)
        }
        Ok(())
    }

    async fn slowest_tasks(&self, out: Out, client: &Client) -> Result<(), Failure> {
        let (filter, period, page_size) = (self.filter(), self.period(), self.limit);
        let request = pb::ListSlowestTasksRequest { filter, period, page_size, page_token: String::new() };
        let answer = client.analytics().list_slowest_tasks(request).await?.into_inner();
        if out.is_json() {
            answer.tasks.iter().for_each(|task| out.record(&json::of("tasker.v1.SlowTask", task)));
        } else {
            text::slow_tasks(out, &answer.tasks);
        }
        Ok(())
    }

    async fn slowest_steps(&self, out: Out, client: &Client) -> Result<(), Failure> {
        let (filter, period, page_size) = (self.filter(), self.period(), self.limit);
        let request = pb::ListSlowestStepsRequest { filter, period, page_size, page_token: String::new() };
        let answer = client.analytics().list_slowest_steps(request).await?.into_inner();
        if out.is_json() {
            answer.steps.iter().for_each(|step| out.record(&json::of("tasker.v1.SlowStep", step)));
        } else {
            text::slow_steps(out, &answer.steps);
        }
        Ok(())
    }

    async fn health(&self, out: Out, client: &Client) -> Result<(), Failure> {
        let request = pb::GetHealthCountsRequest { namespace: self.namespace.clone().unwrap_or_default() };
        let answer = client.analytics().get_health_counts(request).await?.into_inner();
        if out.is_json() {
            out.document(&json::of("tasker.v1.GetHealthCountsResponse", &answer))
        } else {
            text::health(out, &answer)
        }
        Ok(())
    }
}
