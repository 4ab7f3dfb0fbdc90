//! A worker for a small shop: three step handlers, one of which waits for a carrier that is sometimes busy.
//!
//! `cargo run -p tasker-sdk --example worker -- http://localhost:7077`

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tasker_sdk::{StepContext, StepError, Worker};

#[derive(Deserialize)]
struct Parcel {
    parcel_id: i64,
    #[serde(default)]
    items: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Reservation {
    shelf: String,
    items: usize,
}

async fn reserve(ctx: StepContext) -> Result<Reservation, StepError> {
    let parcel: Parcel = ctx.inputs()?;
    if parcel.parcel_id < 1 {
        return Err(StepError::permanent(format!("there is no parcel {}", parcel.parcel_id)).code("NO_PARCEL"));
    }
    Ok(Reservation { shelf: format!("S{}", parcel.parcel_id % 10), items: parcel.items.len() })
}

async fn label(ctx: StepContext) -> Result<String, StepError> {
    let reserved: Reservation = ctx.dependency("reserve").await?;
    Ok(format!("{}/{} items", reserved.shelf, reserved.items))
}

async fn dispatch(ctx: StepContext) -> Result<(), StepError> {
    if ctx.attempt() == 1 {
        return Err(StepError::retryable("the carrier is busy").retry_after(Duration::from_secs(1)));
    }
    // Send the lease token along, so that the carrier can refuse a late attempt.
    ctx.progress(50.0, format!("calling with token {}", ctx.lease_token()));
    Ok(())
}

#[tokio::main]
async fn main() -> tasker_sdk::Result<()> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "http://localhost:7077".into());
    let worker = Worker::builder(endpoint).slots(16);
    worker.step("ReserveStep", reserve).step("LabelStep", label).step("DispatchStep", dispatch).run().await
}
