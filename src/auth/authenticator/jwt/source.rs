//! Keeps the keys current without a restart.
//!
//! Keys are read again when they are due, by the call that notices; it waits only when they are long overdue. A token
//! that names a key which is not here has them read at once, but at most once per interval, however many such tokens
//! come. What cannot be read keeps what was there, and is tried again later and later.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jsonwebtoken::Algorithm;
use tokio::sync::Mutex;

use super::{
    Settings,
    jwks::{self, Fetcher, Secrets},
    keys::{Key, Keys, pem, shared},
};

use crate::supervisor::spawn_short;

/// A file of keys at most.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where keys come from.
#[derive(Debug)]
pub(super) struct Source {
    settings: Settings,
    fetcher: Option<Fetcher>,
    current: ArcSwap<Kept>,
    /// Held by the one who reads.
    reading: Mutex<()>,
}

#[derive(Debug)]
struct Kept {
    keys: Arc<Keys>,
    /// When they were last looked for; `None` when the URL never was.
    looked_at: Option<Instant>,
    due_at: Instant,
    failures: u32,
}

impl Source {
    /// Reads what files there are; every problem is reported.
    pub(super) fn new(settings: &Settings) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut fetcher = None;
        if let Some(url) = settings.jwks_url.as_deref().and_then(|url| jwks::address(url).ok()) {
            match Fetcher::new(url) {
                Ok(made) => fetcher = Some(made),
                Err(why) => problems.push(format!("auth.jwt.jwks_url {why}")),
            }
        }
        let local = match local(settings) {
            Ok(keys) => keys,
            Err(more) => {
                problems.extend(more);
                Vec::new()
            }
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let now = Instant::now();
        let keys = Keys { local: local.into(), has_url: fetcher.is_some(), ..Keys::default() };
        let kept = Kept {
            keys: Arc::new(keys),
            looked_at: fetcher.is_none().then_some(now),
            due_at: now + settings.refresh,
            failures: 0,
        };
        let current = ArcSwap::from_pointee(kept);
        Ok(Self { settings: settings.clone(), fetcher, current, reading: Mutex::default() })
    }

    /// Whether keys can change while the server runs.
    pub(super) fn rotates(&self) -> bool {
        let Settings { secret_file, public_key_files, jwks_file, .. } = &self.settings;
        self.fetcher.is_some() || secret_file.is_some() || jwks_file.is_some() || !public_key_files.is_empty()
    }

    /// The keys, read again when they are due.
    pub(super) async fn current(self: &Arc<Self>) -> Arc<Keys> {
        let kept = self.current.load_full();
        let overdue = Instant::now().checked_duration_since(kept.due_at);
        match overdue {
            _ if kept.looked_at.is_none() => {}
            Some(overdue) if self.rotates() && overdue >= self.settings.refresh && kept.failures == 0 => {}
            Some(_) if self.rotates() => {
                let this = Arc::clone(self);
                // Ends by itself: reading is bounded in time.
                spawn_short("read signing keys", async move { this.read_after(&kept, Instant::now()).await });
                return Arc::clone(&self.current.load().keys);
            }
            _ => return Arc::clone(&kept.keys),
        }
        self.read_after(&kept, Instant::now()).await;
        Arc::clone(&self.current.load().keys)
    }

    /// Keys that are newer than these, if there are or may be by now.
    pub(super) async fn fresher(self: &Arc<Self>, than: &Arc<Keys>) -> Option<Arc<Keys>> {
        if !self.rotates() {
            return None;
        }
        let kept = self.current.load_full();
        if Arc::ptr_eq(&kept.keys, than) {
            let now = Instant::now();
            let backs_off = kept.failures > 0 && now < kept.due_at;
            let pause = self.settings.refresh_min;
            if backs_off || kept.looked_at.is_some_and(|at| now.duration_since(at) < pause && kept.keys.looked) {
                return None;
            }
            self.read_after(&kept, now).await;
        }
        let keys = Arc::clone(&self.current.load().keys);
        (!Arc::ptr_eq(&keys, than)).then_some(keys)
    }

    /// Reads again, unless somebody else has since.
    async fn read_after(&self, before: &Arc<Kept>, now: Instant) {
        let _reading = self.reading.lock().await;
        let kept = self.current.load_full();
        if !Arc::ptr_eq(&kept, before) {
            return;
        }
        let settings = self.settings.clone();
        let local = tokio::task::spawn_blocking(move || local(&settings)).await;
        let local = local.unwrap_or_else(|_| Err(vec!["the keys could not be read".to_owned()]));
        let fetched = match &self.fetcher {
            Some(fetcher) => fetcher.fetch(&self.settings.algorithms).await.map(Some),
            None => Ok(None),
        };
        let (mut failed, mut keys) = (false, (*kept.keys).clone());
        keys.looked = true;
        match local {
            Ok(local) => keys.local = local.into(),
            Err(problems) => {
                failed = true;
                tracing::warn!(?problems, "keys for tokens cannot be read; those that were there stay");
            }
        }
        keys.failed = fetched.is_err();
        match fetched {
            Ok(Some(fetched)) => keys.fetched = Some(fetched.into()),
            Ok(None) => {}
            Err(problem) => {
                failed = true;
                tracing::warn!(problem, "auth.jwt.jwks_url gives no keys; those that were there stay");
            }
        }
        let failures = if failed { kept.failures.saturating_add(1) } else { 0 };
        let due_at = Instant::now() + self.pause(failures);
        self.current.store(Arc::new(Kept { keys: Arc::new(keys), looked_at: Some(now), due_at, failures }));
    }

    fn pause(&self, failures: u32) -> Duration {
        let Settings { refresh, refresh_min, .. } = &self.settings;
        match failures {
            0 => *refresh,
            _ => refresh_min.saturating_mul(1 << (failures - 1).min(16)).min(*refresh),
        }
    }
}

/// Reads the secret and the files; every problem is reported.
fn local(settings: &Settings) -> Result<Vec<Key>, Vec<String>> {
    let algorithms: &[Algorithm] = &settings.algorithms;
    let (mut keys, mut problems) = (Vec::new(), Vec::new());
    let mut add = |key: &str, read: Result<Vec<Key>, String>| match read {
        Ok(read) => keys.extend(read),
        Err(problem) => problems.push(format!("auth.jwt.{key} {problem}")),
    };
    if !settings.secret.is_empty() {
        add("secret", shared(settings.secret.as_bytes(), None, algorithms).map(|key| vec![key]));
    }
    if let Some(path) = &settings.secret_file {
        let key = text(path).and_then(|text| shared(text.trim_end().as_bytes(), None, algorithms));
        add("secret_file", key.map(|key| vec![key]));
    }
    for path in &settings.public_key_files {
        let keys = text(path).and_then(|text| pem(&text, algorithms));
        add("public_key_files", keys.map_err(|problem| format!("names {}, which {problem}", path.display())));
    }
    if let Some(path) = &settings.jwks_file {
        let keys = text(path).and_then(|text| jwks::read(text.as_bytes(), algorithms, Secrets::Allowed));
        let keys = keys.and_then(|keys| match keys.is_empty() {
            true => Err("has no key that auth.jwt.algorithms uses".to_owned()),
            false => Ok(keys),
        });
        add("jwks_file", keys);
    }
    if problems.is_empty() { Ok(keys) } else { Err(problems) }
}

fn text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot be read: {}: {error}", path.display()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {}: {error}", path.display()))
}
