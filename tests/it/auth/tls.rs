//! Encrypted connections, client certificates, and tokens in files that change.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType};
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};
use tasker::auth::clock;
use tasker_sdk::{Client, TlsFiles, Token, Worker, proto::tasker::v1::ListTasksRequest};
use tokio::process::Command;

use super::{
    mint::{at, claims_with, shared},
    tokens::Dir,
    world::{World, told},
};
use crate::harness::{eventually, within};

/// An authority whose certificates are in files.
struct Authority {
    directory: Dir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Clone)]
struct Shown {
    certificate: PathBuf,
    key: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let directory = Dir::new();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "the authority of a test");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(directory.0.join("ca.pem"), issuer.pem()).unwrap();
        Self { directory, issuer }
    }

    fn file(&self) -> PathBuf {
        self.directory.0.join("ca.pem")
    }

    /// Issues a certificate for names: addresses, DNS names, and URIs.
    fn issue(&self, file: &str, common: &str, unit: &str, names: &[&str]) -> Shown {
        let (uris, others): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains("://"));
        let mut params = CertificateParams::new(others.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        for uri in uris {
            params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        }
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, text) in [(DnType::CommonName, common), (DnType::OrganizationalUnitName, unit)] {
            if !text.is_empty() {
                params.distinguished_name.push(kind, text);
            }
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = |ending: &str| self.directory.0.join(format!("{file}.{ending}"));
        std::fs::write(path("pem"), certificate.pem()).unwrap();
        std::fs::write(path("key"), key.serialize_pem()).unwrap();
        Shown { certificate: path("pem"), key: path("key") }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A server with a certificate of the authority, and more keys.
async fn encrypted(authority: &Authority, keys: &[(&str, &str)]) -> World {
    let own = authority.issue("server", "tasker", "", &["127.0.0.1", "localhost"]);
    let tls = [("server.tls.certificate_file", text(&own.certificate)), ("server.tls.key_file", text(&own.key))];
    World::with(&tls.into_iter().chain(keys.iter().copied()).collect::<Vec<_>>()).await
}

/// What listing tasks is answered with, believing an authority and showing a certificate or a token.
async fn list(world: &World, authority: &Authority, shown: Option<&Shown>, token: &str) -> String {
    let tls = TlsFiles {
        ca_file: Some(authority.file()),
        client_cert: shown.map(|shown| shown.certificate.clone()),
        client_key: shown.map(|shown| shown.key.clone()),
    };
    let builder = Client::builder(world.app.endpoint().to_owned()).tls(tls).attempts(1);
    let builder = if token.is_empty() { builder.no_token() } else { builder.token(Token::new(token).unwrap()) };
    let Ok(client) = builder.connect().await else { return "no connection".to_owned() };
    match client.tasks().list_tasks(ListTasksRequest::default()).await {
        Ok(_) => "fine".to_owned(),
        Err(status) if std::error::Error::source(&status).is_some() => "no connection".to_owned(),
        Err(status) => told(&status),
    }
}

fn good() -> String {
    shared().sign(&claims_with(&json!({ "permissions": "*" })))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_certificate_speaks_tls_only() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let world = encrypted(&authority, &[]).await;
    assert!(world.app.endpoint().starts_with("https://"));
    assert_eq!(list(&world, &authority, None, &good()).await, "fine");
    assert_eq!(list(&world, &stranger, None, &good()).await, "no connection");
    let plain = world.app.endpoint().replace("https", "http");
    let client = Client::builder(plain).no_token().attempts(1).connect_lazy().unwrap();
    assert!(client.tasks().list_tasks(ListTasksRequest::default()).await.is_err());
    let system = Client::builder(world.app.endpoint().to_owned()).tls(TlsFiles::default()).no_token();
    assert!(system.connect().await.is_err(), "the system does not know the authority");

    let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
    command.args(["list", "--endpoint", world.app.endpoint(), "--ca-file", text(&authority.file())]);
    let ran = command.env("TASKER_TOKEN", good()).kill_on_drop(true).output().await.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_says_who_calls() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let subjects = r#"[
        { name = "spiffe://example.org/billing", grants = ["tasker.task:index"] },
        { name = "worker.example.org", roles = ["admin"] },
        { name = "by-name", grants = ["*"], namespaces = ["billing"] },
        { name = "poor", grants = ["tasker.task:show"] },
    ]"#
    .replace('\n', " ");
    let world = encrypted(
        &authority,
        &[
            ("auth.authenticators", "jwt,mtls"),
            ("auth.mtls.subjects", &subjects),
            ("auth.mtls.roles_from_organizational_units", "true"),
            ("server.tls.client_ca_file", text(&authority.file())),
            ("server.tls.client_auth", "optional"),
        ],
    )
    .await;
    let check = async |common: &str, unit: &str, names: &[&str], expected: &str| {
        let shown = authority.issue("client", common, unit, names);
        assert_eq!(list(&world, &authority, Some(&shown), "").await, expected, "{common} {unit} {names:?}");
    };
    check("poor", "", &["worker.example.org", "spiffe://example.org/billing"], "fine").await;
    check("by-name", "", &["worker.example.org"], "fine").await;
    check("by-name", "", &[], "fine").await;
    check("poor", "", &[], "denied: tasker.task:index").await;
    check("by-name", "", &["poor.example.org"], "denied: tasker.task:index").await;
    check("by-name", "", &["spiffe://example.org/other"], "denied: tasker.task:index").await;
    check("nobody", "admin", &[], "fine").await;
    check("nobody", "Admin", &[], "denied: tasker.task:index").await;
    check("", "admin", &[], "unauthenticated: invalid").await;
    let shown = authority.issue("client", "by-name", "", &[]);
    // A token goes before the certificate, also a bad one, and nothing is remembered of the certificate under it.
    assert_eq!(list(&world, &authority, Some(&shown), &good()).await, "fine");
    assert_eq!(list(&world, &authority, Some(&shown), "gibberish").await, "unauthenticated: invalid");
    assert_eq!(list(&world, &authority, None, "gibberish").await, "unauthenticated: invalid");
    assert_eq!(list(&world, &authority, None, "").await, "unauthenticated: missing");
    let foreign = stranger.issue("client", "by-name", "", &[]);
    assert_eq!(list(&world, &authority, Some(&foreign), "").await, "no connection");
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_can_be_required() {
    let authority = Authority::new();
    let world = encrypted(
        &authority,
        &[("server.tls.client_ca_file", text(&authority.file())), ("server.tls.client_auth", "required")],
    )
    .await;
    let shown = authority.issue("client", "somebody", "", &[]);
    assert_eq!(list(&world, &authority, None, &good()).await, "no connection");
    assert_eq!(list(&world, &authority, Some(&shown), &good()).await, "fine");
    assert_eq!(list(&world, &authority, Some(&shown), "").await, "unauthenticated: invalid", "nobody believes it");
    world.app.stop().await;
}

#[test]
fn files_that_do_not_fit_are_reported() {
    let authority = Authority::new();
    let (one, other) = (authority.issue("one", "one", "", &[]), authority.issue("other", "other", "", &[]));
    let check = |keys: &[(&str, &Path)], expected: &[&str]| {
        let flags = keys.iter().map(|(key, path)| (format!("server.tls.{key}"), text(path).to_owned())).collect();
        let sources = tasker::config::Sources { flags, ..tasker::config::Sources::default() };
        let found = match tasker::config::Config::load(&sources) {
            Ok(config) => tasker::app::preflight::certificates(&config),
            Err(findings) => findings.0,
        };
        let keys: Vec<&str> = found.iter().map(|finding| finding.key.as_str()).collect();
        assert_eq!(keys, expected, "{found:#?}");
    };
    check(&[("certificate_file", &one.certificate), ("key_file", &one.key)], &[]);
    check(&[("certificate_file", &one.certificate)], &["server.tls.key_file"]);
    check(&[("key_file", &one.key)], &["server.tls.key_file"]);
    check(&[("certificate_file", &one.certificate), ("key_file", &other.key)], &["server.tls"]);
    check(&[("certificate_file", &one.key), ("key_file", &one.key)], &["server.tls.certificate_file"]);
    check(&[("certificate_file", &one.certificate), ("key_file", &one.certificate)], &["server.tls.key_file"]);
    check(&[("certificate_file", Path::new("/nowhere")), ("key_file", &one.key)], &["server.tls.certificate_file"]);
    let required = Path::new("required");
    check(&[("client_auth", required)], &["server.tls.client_ca_file", "server.tls.client_auth"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_on_with_the_token_that_comes_into_its_file() {
    let world = World::with(&[("sessions.heartbeat_ms", "200"), ("sessions.lease_ttl_ms", "5000")]).await;
    let directory = Dir::new();
    let path = directory.0.join("token");
    let token = |seconds: i64| shared().sign(&claims_with(&json!({ "exp": at(seconds), "permissions": "*" })));
    let ends = |seconds: i64| clock::now() + Duration::from_secs(seconds.unsigned_abs());
    let first_ends = ends(4);
    std::fs::write(&path, token(4)).unwrap();
    let client = Client::builder(world.app.endpoint().to_owned()).token(Token::from_file(&path).unwrap());
    let worker = Worker::with_client(client.connect().await.unwrap()).signals(false);
    let worker = worker.step("step", async |_| Ok(())).build().unwrap();
    let handle = worker.handle();
    let running = tokio::spawn(worker.run());
    let one = async |text: &'static str| {
        let row = sqlx::query(AssertSqlSafe(text)).fetch_optional(world.database.store.pool()).await.unwrap();
        row.is_some_and(|row| row.get::<bool, _>(0))
    };
    eventually("the session", async || one("select closed_at is null from sessions").await).await;
    // A stream that is opened anew would write what the worker says it is.
    one("update sessions set sdk = 'marked' returning true").await;
    std::fs::write(&path, token(10)).unwrap();
    eventually("the first token's end", async || clock::now() > first_ends + Duration::from_secs(1)).await;
    assert!(one("select sdk = 'marked' and closed_at is null and expires_at > now() from sessions").await);

    // A token that ends before another comes: the worker waits for one, and is not given up.
    eventually("the worker is put out", async || {
        one("update sessions set sdk = 'marked' where expires_at < now() + interval '3 seconds' returning true").await
    })
    .await;
    assert!(!running.is_finished());
    std::fs::write(&path, token(600)).unwrap();
    eventually("the worker is back", async || {
        one("select bool_or(sdk <> 'marked' and closed_at is null and expires_at > now()) from sessions").await
    })
    .await;
    handle.drain();
    within("the worker", running).await.unwrap().unwrap();
    world.app.stop().await;
}
