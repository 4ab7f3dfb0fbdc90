//! The HTTP step handler: owns one request for one attempt, and what its response means.
//!
//! Never: decides when to try again; it says what the server asked for, and the backoff table of tasker decides the rest.
//! Next: `config` reads the step's configuration, `classify` judges the response.

mod classify;
mod config;
mod retry_after;
#[cfg(test)]
mod tests;

use std::{sync::OnceLock, time::Duration};

use reqwest::{
    Method, Response,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde::Serialize;
use serde_json::{Map, Value};
use tasker_sdk::{StepContext, StepError};

use classify::Verdict;
use config::Config;

/// The largest response body: with its headers and the JSON around it, it has to fit in a result of 1 MiB.
const BODY_BYTES_MAX: usize = 1 << 20;
/// How much of a body an error keeps.
const ERROR_BODY_CHARS_MAX: usize = 4_000;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Makes requests; clones share their connections.
#[derive(Debug, Clone)]
pub(super) struct Http {
    clients: std::sync::Arc<Clients>,
}

#[derive(Debug, Default)]
struct Clients {
    verifying: OnceLock<reqwest::Client>,
    trusting: OnceLock<reqwest::Client>,
}

/// What a step ends with.
#[derive(Debug, Serialize)]
pub(super) struct Output {
    status: u16,
    response_headers: Map<String, Value>,
    body: Option<String>,
}

impl Http {
    pub(super) fn new() -> Self {
        Self { clients: std::sync::Arc::default() }
    }

    /// Runs an attempt.
    pub(super) async fn run(&self, ctx: &StepContext) -> Result<Output, StepError> {
        let config = Config::parse(&ctx.assignment().handler_config_json)?;
        let attempt = self.attempt(&config, ctx);
        tokio::select! {
            output = tokio::time::timeout(config.timeout, attempt) => output.unwrap_or_else(|_| {
                let message = format!("no response within {} s", config.timeout.as_secs_f64());
                Err(StepError::retryable(message).class("TimeoutError"))
            }),
            reason = ctx.cancelled() => {
                Err(StepError::retryable(format!("the attempt was stopped: {reason}")).class("Cancelled"))
            }
        }
    }

    async fn attempt(&self, config: &Config, ctx: &StepContext) -> Result<Output, StepError> {
        let client = self.client(config.verify)?;
        let mut request = client.request(config.method.clone(), config.url.clone()).headers(headers(config, ctx));
        if takes_body(&config.method) {
            request = request.body(ctx.inputs_json().to_owned());
        }
        let response = request.send().await.map_err(|error| not_sent(&error))?;
        let status = response.status().as_u16();
        let response_headers = headers_as_json(response.headers());
        let body = body(response).await?;
        #[expect(
            clippy::disallowed_methods,
            reason = "a client has no engine's clock; the rule gets the time as a value"
        )]
        let now = chrono::Utc::now();
        match classify::judge(status, &response_headers, &body, now) {
            Verdict::Success => {
                let body = if status == 204 { None } else { Some(body) };
                Ok(Output { status, response_headers, body })
            }
            Verdict::Failure(error) => {
                let kept: String = body.chars().take(ERROR_BODY_CHARS_MAX).collect();
                Err(error
                    .with("step_id", ctx.step_id())
                    .with("step_name", ctx.step_name())
                    .with("status", status)
                    .with("response", kept)
                    .with("headers", response_headers))
            }
        }
    }

    fn client(&self, verify: bool) -> Result<&reqwest::Client, StepError> {
        let slot = if verify { &self.clients.verifying } else { &self.clients.trusting };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        // A redirect is a response like any other: it is classified, not followed.
        let client = reqwest::Client::builder()
            .user_agent(concat!("tasker/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .tls_danger_accept_invalid_certs(!verify)
            .build()?;
        Ok(slot.get_or_init(|| client))
    }
}

/// The configured headers, and what lets the other side recognise a repeated request.
fn headers(config: &Config, ctx: &StepContext) -> HeaderMap {
    let mut headers = config.headers.clone();
    let mut add = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.entry(HeaderName::from_static(name)).or_insert(value);
        }
    };
    if !ctx.assignment().correlation_id.is_empty() {
        add("x-correlation-id", &ctx.assignment().correlation_id);
    }
    if !config.method.is_safe() {
        add("idempotency-key", ctx.step_id());
    }
    headers
}

fn takes_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

/// Headers by name in lower case; several of one name are joined by a comma.
fn headers_as_json(headers: &HeaderMap) -> Map<String, Value> {
    let text = |name: &HeaderName| {
        let values = headers.get_all(name).iter().map(|value| text(value.as_bytes()));
        values.collect::<Vec<_>>().join(", ")
    };
    headers.keys().map(|name| (name.as_str().to_owned(), Value::String(text(name)))).collect()
}

/// Text that JSON in Postgres can hold: anything else becomes the replacement character.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.into_owned() }
}

async fn body(mut response: Response) -> Result<String, StepError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| not_sent(&error))? {
        if bytes.len() + chunk.len() > BODY_BYTES_MAX {
            let message = format!("the response body has more than {BODY_BYTES_MAX} bytes");
            return Err(StepError::permanent(message).class("ResponseTooLarge"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(text(&bytes))
}

/// No response came, or not the whole of it.
fn not_sent(error: &reqwest::Error) -> StepError {
    let permanent = error.is_builder();
    let class = match () {
        () if permanent => "ArgumentError",
        () if error.is_timeout() => "TimeoutError",
        () => "ConnectionFailed",
    };
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    if permanent { StepError::permanent(message).class(class) } else { StepError::retryable(message).class(class) }
}
