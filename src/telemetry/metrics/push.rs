//! The message that an OTLP collector is sent, and the loop that sends it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::{ExportMetricsServiceRequest, metrics_service_client::MetricsServiceClient},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
        ScopeMetrics, Sum, metric, number_data_point,
    },
    resource::v1::Resource,
};
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::{Definition, Kind, Metrics, Reading, Series};
use crate::telemetry::{Collector, Protocol};

/// Where metrics go, and how often.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The collector.
    pub collector: Collector,
    /// How often.
    pub interval: Duration,
}

/// Sends all metrics at every interval until `stop`, and once more then. What cannot be sent is not kept: the next
/// message says it too, because all numbers count from the start.
pub async fn run(metrics: Metrics, settings: Settings, stop: CancellationToken) {
    let began = now();
    let mut sender = match Sender::new(&settings.collector) {
        Ok(sender) => sender,
        Err(error) => return tracing::error!(%error, "metrics are not sent"),
    };
    let outcome = |outcome: &str| metrics.exports.with(["metrics", outcome]);
    let (sent, failed) = (outcome("sent"), outcome("failed"));
    let mut goes_on = true;
    while goes_on {
        goes_on = stop.run_until_cancelled(tokio::time::sleep(settings.interval)).await.is_some();
        let message = message(&metrics, &settings.collector.service_name, began, now());
        match tokio::time::timeout(settings.collector.timeout, sender.send(message)).await {
            Ok(Ok(())) => sent.add(1),
            Ok(Err(error)) => {
                failed.add(1);
                tracing::debug!(%error, "metrics not sent");
            }
            Err(_) => failed.add(1),
        }
    }
}

enum Sender {
    Grpc(MetricsServiceClient<Channel>),
    Http(reqwest::Client, String),
}

impl Sender {
    fn new(collector: &Collector) -> anyhow::Result<Self> {
        Ok(match collector.protocol {
            Protocol::Grpc => Self::Grpc(MetricsServiceClient::new(collector.channel()?)),
            Protocol::Http => Self::Http(reqwest::Client::builder().build()?, collector.url("metrics")),
        })
    }

    async fn send(&mut self, message: ExportMetricsServiceRequest) -> anyhow::Result<()> {
        match self {
            Self::Grpc(client) => {
                client.export(message).await?;
            }
            Self::Http(client, url) => {
                let request = client.post(url.as_str()).header("content-type", "application/x-protobuf");
                request.body(message.encode_to_vec()).send().await?.error_for_status()?;
            }
        }
        Ok(())
    }
}

/// All metrics as one message; times in nanoseconds since 1970.
fn message(metrics: &Metrics, service_name: &str, began: u64, now: u64) -> ExportMetricsServiceRequest {
    let metrics = metrics.read().into_iter().map(|(definition, all)| metric(definition, &all, began, now)).collect();
    let scope = InstrumentationScope {
        name: "tasker".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let attributes = vec![text("service.name", service_name), text("service.version", env!("CARGO_PKG_VERSION"))];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    }
}

fn metric(definition: &Definition, all: &[Series], began: u64, now: u64) -> Metric {
    let cumulative = AggregationTemporality::Cumulative.into();
    let numbers = || all.iter().filter_map(|series| number(definition, series, began, now)).collect();
    let data = match definition.kind {
        Kind::Counter => {
            metric::Data::Sum(Sum { data_points: numbers(), aggregation_temporality: cumulative, is_monotonic: true })
        }
        Kind::Gauge => metric::Data::Gauge(Gauge { data_points: numbers() }),
        Kind::Histogram => metric::Data::Histogram(Histogram {
            data_points: all.iter().filter_map(|series| distribution(definition, series, began, now)).collect(),
            aggregation_temporality: cumulative,
        }),
    };
    Metric {
        name: definition.name.to_owned(),
        description: definition.help.trim().to_owned(),
        unit: definition.unit.symbol().to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn number(definition: &Definition, (values, reading): &Series, began: u64, now: u64) -> Option<NumberDataPoint> {
    let Reading::Number(value) = reading else { return None };
    Some(NumberDataPoint {
        attributes: attributes(definition, values),
        start_time_unix_nano: began,
        time_unix_nano: now,
        value: Some(number_data_point::Value::AsDouble(*value)),
        ..NumberDataPoint::default()
    })
}

fn distribution(
    definition: &Definition,
    (values, reading): &Series,
    began: u64,
    now: u64,
) -> Option<HistogramDataPoint> {
    let Reading::Distribution { counts, sum } = reading else { return None };
    Some(HistogramDataPoint {
        attributes: attributes(definition, values),
        start_time_unix_nano: began,
        time_unix_nano: now,
        count: counts.iter().sum(),
        sum: Some(*sum),
        bucket_counts: counts.clone(),
        explicit_bounds: definition.bounds.to_vec(),
        ..HistogramDataPoint::default()
    })
}

fn attributes(definition: &Definition, values: &[String]) -> Vec<KeyValue> {
    definition.labels.iter().zip(values).map(|(label, value)| text(label, value)).collect()
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

#[expect(clippy::disallowed_methods, reason = "a collector wants the time of this machine")]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
