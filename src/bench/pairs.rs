//! The same load on servers that differ in some keys of the configuration, turn and turn about.
//!
//! What one server does alone says little on a shared machine; what two do that take turns says how much the keys
//! cost. Each turn has processes of its own, the database stays.

use std::time::Instant;

use tasker_sdk::{Client, client::Token, proto::tasker::v1::ListHandlersRequest};

use super::{
    figures::median,
    load::{Shape, drive, register},
    scenario::{borrowed, connect_with, serve, work},
};
use crate::store::Store;

/// Turns of each: many short ones, since a shared machine is faster now and slower then.
const ROUNDS: usize = 11;
/// Unary calls of a turn.
const CALLS: usize = 2_000;

/// A way to run a server.
#[derive(Debug, Clone, Default)]
pub struct Side {
    /// Keys of its configuration.
    pub set: Vec<(String, String)>,
    /// The token that clients and workers show.
    pub token: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Pair {
    /// What differs.
    pub name: String,
    /// Steps per second without, the median of the turns.
    pub without: f64,
    /// Steps per second with.
    pub with: f64,
    /// The median over the rounds of with over without.
    pub ratio: f64,
    /// The median of a unary call in microseconds, without and with.
    pub call_p50_us: [f64; 2],
    /// Turns of each.
    pub rounds: usize,
}

pub(super) async fn measure(
    name: &str,
    sides: [&Side; 2],
    (store, url): (&Store, &str),
    (shape, slots): (&Shape, u32),
    say: &impl Fn(&str),
) -> anyhow::Result<Pair> {
    let (mut rates, mut calls) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 1..=ROUNDS {
        say(&format!("{name}: round {round} of {ROUNDS}, without and with"));
        // Who begins changes, so that neither always finds the machine warmer.
        let order = if round % 2 == 1 { [0, 1] } else { [1, 0] };
        for side in order {
            let (rate, call) = turn(sides[side], store, url, shape, slots).await?;
            rates[side].push(rate);
            calls[side].push(call);
        }
    }
    let ratios: Vec<f64> = rates[1].iter().zip(&rates[0]).map(|(with, without)| with / without).collect();
    let [without, with] = rates;
    Ok(Pair {
        name: name.to_owned(),
        without: median(&without),
        with: median(&with),
        ratio: median(&ratios),
        call_p50_us: calls.map(|calls| median(&calls)),
        rounds: ROUNDS,
    })
}

/// Steps per second, and the median of a unary call in microseconds.
async fn turn(side: &Side, store: &Store, url: &str, shape: &Shape, slots: u32) -> anyhow::Result<(f64, f64)> {
    let environment: Vec<(&str, &str)> = side.token.iter().map(|token| ("TASKER_TOKEN", token.as_str())).collect();
    let (server, address) = serve(url, borrowed(&side.set))?;
    let token = side.token.as_deref().map(Token::new).transpose()?;
    let client = connect_with(&address, token).await?;
    register(&client, vec![shape.handler.clone()]).await?;
    let worker = work(&address, slots, &environment)?;
    let warm = Shape { tasks: (shape.tasks / 10).max(100), ..shape.clone() };
    drive(&client, store, &warm).await?;
    let took = drive(&client, store, shape).await?;
    let call = call_p50(&client).await?;
    worker.stop().await;
    server.stop().await;
    Ok(((shape.tasks * shape.steps()) as f64 / took.as_secs_f64(), call))
}

/// The median of a small unary call that needs a permission.
async fn call_p50(client: &Client) -> anyhow::Result<f64> {
    let mut handlers = client.handlers();
    let mut times = hdrhistogram::Histogram::<u64>::new(3)?;
    for _ in 0..CALLS {
        let began = Instant::now();
        handlers.list_handlers(ListHandlersRequest { page_size: 1, ..ListHandlersRequest::default() }).await?;
        times.record(u64::try_from(began.elapsed().as_nanos())?)?;
    }
    Ok(times.value_at_quantile(0.5) as f64 / 1_000.0)
}
