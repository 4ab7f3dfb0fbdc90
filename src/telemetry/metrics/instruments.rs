//! What is recorded through.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::Definition;

/// What a metric is recorded through.
pub trait Instrument: Clone + Send + Sync {
    /// Begins at zero.
    fn begin(definition: &'static Definition) -> Self;
    /// Records nothing.
    fn disabled() -> Self;
    /// What it says now.
    fn read(&self) -> Reading;
}

/// What an instrument says.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A counter's or a gauge's value.
    Number(f64),
    /// A histogram.
    Distribution {
        /// Observations in each bucket, the last one without an upper bound.
        counts: Vec<u64>,
        /// All observations added up.
        sum: f64,
    },
}

/// Only grows. Clones are the same counter.
#[derive(Debug, Clone)]
pub struct Counter(Option<Arc<AtomicU64>>);

impl Counter {
    /// Counts so many more.
    pub fn add(&self, more: u64) {
        if let Some(count) = &self.0 {
            count.fetch_add(more, Relaxed);
        }
    }

    /// Moves it to a total that is counted elsewhere.
    pub fn set(&self, total: u64) {
        if let Some(count) = &self.0 {
            count.store(total, Relaxed);
        }
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.as_ref().map_or(0, |count| count.load(Relaxed))
    }
}

impl Instrument for Counter {
    fn begin(_: &'static Definition) -> Self {
        Self(Some(Arc::default()))
    }

    fn disabled() -> Self {
        Self(None)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 are rounded, as everywhere in Prometheus")]
    fn read(&self) -> Reading {
        Reading::Number(self.get() as f64)
    }
}

/// Is what it is now. Clones are the same gauge.
#[derive(Debug, Clone)]
pub struct Gauge(Option<Arc<AtomicU64>>);

impl Gauge {
    /// It is this now.
    pub fn set(&self, value: f64) {
        if let Some(bits) = &self.0 {
            bits.store(value.to_bits(), Relaxed);
        }
    }

    /// It is so much more now, or less.
    pub fn add(&self, more: f64) {
        if let Some(bits) = &self.0 {
            add(bits, more);
        }
    }

    /// What it is.
    pub fn get(&self) -> f64 {
        self.0.as_ref().map_or(0.0, |bits| f64::from_bits(bits.load(Relaxed)))
    }
}

impl Instrument for Gauge {
    fn begin(_: &'static Definition) -> Self {
        Self(Some(Arc::default()))
    }

    fn disabled() -> Self {
        Self(None)
    }

    fn read(&self) -> Reading {
        Reading::Number(self.get())
    }
}

/// Counts observations by size. Clones are the same histogram.
#[derive(Debug, Clone)]
pub struct Histogram(Option<Arc<Buckets>>);

#[derive(Debug)]
struct Buckets {
    bounds: &'static [f64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// Takes an observation. One on a bound belongs below it; one that is no number is not taken.
    pub fn observe(&self, value: f64) {
        if let Some(buckets) = &self.0
            && !value.is_nan()
        {
            let bucket = buckets.bounds.partition_point(|bound| *bound < value);
            buckets.counts[bucket].fetch_add(1, Relaxed);
            add(&buckets.sum, value);
        }
    }

    /// Takes a duration in seconds.
    pub fn time(&self, took: Duration) {
        self.observe(took.as_secs_f64());
    }

    /// Takes the time between two points in microseconds; what went backwards is nothing.
    #[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 microseconds")]
    pub fn between(&self, from: i64, until: i64) {
        self.observe(until.saturating_sub(from).max(0) as f64 / 1e6);
    }

    /// Measures until the value is dropped.
    pub fn timer(&self) -> Timer {
        Timer { histogram: self.clone(), began: Instant::now() }
    }

    /// How many observations there were.
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |buckets| buckets.counts.iter().map(|count| count.load(Relaxed)).sum())
    }
}

impl Instrument for Histogram {
    fn begin(definition: &'static Definition) -> Self {
        let counts = (0..=definition.bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Some(Arc::new(Buckets { bounds: definition.bounds, counts, sum: AtomicU64::default() })))
    }

    fn disabled() -> Self {
        Self(None)
    }

    fn read(&self) -> Reading {
        let Some(buckets) = &self.0 else { return Reading::Distribution { counts: Vec::new(), sum: 0.0 } };
        Reading::Distribution {
            counts: buckets.counts.iter().map(|count| count.load(Relaxed)).collect(),
            sum: f64::from_bits(buckets.sum.load(Relaxed)),
        }
    }
}

/// Observes how long it lived.
#[derive(Debug)]
pub struct Timer {
    histogram: Histogram,
    began: Instant,
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.histogram.time(self.began.elapsed());
    }
}

fn add(bits: &AtomicU64, more: f64) {
    let mut before = bits.load(Relaxed);
    while let Err(meanwhile) =
        bits.compare_exchange_weak(before, (f64::from_bits(before) + more).to_bits(), Relaxed, Relaxed)
    {
        before = meanwhile;
    }
}
