//! The manifests fit together. Those who run them check them against the API's schema as well.

use serde_json::Value;

use super::{files, is_command, yaml};

const FOLDER: &str = "deploy/kubernetes";

fn manifest(name: &str) -> Value {
    yaml(&format!("{FOLDER}/{name}"))
}

/// The configuration that the servers get.
pub(super) fn configuration() -> String {
    manifest("config.yaml")["data"]["tasker.toml"].as_str().unwrap().to_owned()
}

/// What selects is part of what is labelled.
fn selects(selector: &Value, labels: &Value) -> bool {
    selector.as_object().unwrap().iter().all(|(name, value)| labels[name] == *value)
}

#[test]
fn each_manifest_has_what_every_object_needs() {
    let kinds = [
        ("namespace.yaml", "v1", "Namespace"),
        ("service-account.yaml", "v1", "ServiceAccount"),
        ("secret.example.yaml", "v1", "Secret"),
        ("config.yaml", "v1", "ConfigMap"),
        ("migrate.yaml", "batch/v1", "Job"),
        ("server.yaml", "apps/v1", "Deployment"),
        ("worker.yaml", "apps/v1", "Deployment"),
        ("service.yaml", "v1", "Service"),
        ("disruption-budget.yaml", "policy/v1", "PodDisruptionBudget"),
        ("autoscaler.yaml", "autoscaling/v2", "HorizontalPodAutoscaler"),
        ("network-policy.yaml", "networking.k8s.io/v1", "NetworkPolicy"),
        ("service-monitor.yaml", "monitoring.coreos.com/v1", "ServiceMonitor"),
        ("prometheus-rule.yaml", "monitoring.coreos.com/v1", "PrometheusRule"),
    ];
    for (name, version, kind) in kinds {
        let manifest = manifest(name);
        assert_eq!((manifest["apiVersion"].as_str(), manifest["kind"].as_str()), (Some(version), Some(kind)), "{name}");
        assert!(manifest["metadata"]["name"].is_string(), "{name}");
        let content = if kind == "Namespace" || kind == "ServiceAccount" { "metadata" } else { "spec" };
        let content = match kind {
            "ConfigMap" => "data",
            "Secret" => "stringData",
            _ => content,
        };
        assert!(manifest[content].is_object(), "{name}");
    }
    let listed: Vec<String> = manifest("kustomization.yaml")["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    let mut expected = files(FOLDER, ".yaml");
    expected.retain(|name| name != "kustomization.yaml" && name != "secret.example.yaml");
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(sorted, expected, "kustomization.yaml lists every manifest");
    assert_eq!(kinds.len(), expected.len() + 1);
}

#[test]
fn pods_are_probed_over_grpc_run_without_rights_and_are_found() {
    for name in ["server.yaml", "worker.yaml", "migrate.yaml"] {
        let manifest = manifest(name);
        let pod = &manifest["spec"]["template"];
        let labels = &pod["metadata"]["labels"];
        if let Some(selector) = manifest["spec"]["selector"].get("matchLabels") {
            assert!(selects(selector, labels), "{name}");
        }
        assert_eq!(pod["spec"]["securityContext"]["runAsNonRoot"], true, "{name}");
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{name}");
        assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
        let words: Vec<&str> =
            container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        is_command(&words).unwrap_or_else(|error| panic!("{name}: {error}"));
        let secret = manifest_secret();
        for variable in container["env"].as_array().into_iter().flatten() {
            let reference = &variable["valueFrom"]["secretKeyRef"];
            if reference["name"] == "tasker" {
                assert!(secret[reference["key"].as_str().unwrap()].is_string(), "{name}: {variable}");
            }
        }
    }
    let server = manifest("server.yaml");
    let labels = &server["spec"]["template"]["metadata"]["labels"];
    let container = &server["spec"]["template"]["spec"]["containers"][0];
    let ports: Vec<&str> =
        container["ports"].as_array().unwrap().iter().map(|port| port["name"].as_str().unwrap()).collect();
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["grpc"]["port"], 7077, "{probe}");
    }
    assert_eq!(container["livenessProbe"]["grpc"]["service"], "liveness");
    assert!(container["readinessProbe"]["grpc"].get("service").is_none(), "ready is the whole server");

    let service = manifest("service.yaml");
    assert!(selects(&service["spec"]["selector"], labels));
    let served: Vec<&str> =
        service["spec"]["ports"].as_array().unwrap().iter().map(|port| port["targetPort"].as_str().unwrap()).collect();
    assert_eq!(served, ports);
    assert!(selects(&manifest("disruption-budget.yaml")["spec"]["selector"]["matchLabels"], labels));
    let monitor = manifest("service-monitor.yaml");
    assert!(selects(&monitor["spec"]["selector"]["matchLabels"], &service["metadata"]["labels"]));
    assert!(served.contains(&monitor["spec"]["endpoints"][0]["port"].as_str().unwrap()));
    let target = &manifest("autoscaler.yaml")["spec"]["scaleTargetRef"];
    assert_eq!((&target["kind"], &target["name"]), (&server["kind"], &server["metadata"]["name"]));
    let grace = server["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap();
    let drain = configuration().parse::<toml::Table>().unwrap()["server"]["drain_grace_ms"].as_integer().unwrap();
    assert!(grace * 1_000 > drain + 3_000, "a stop has its time");
    let most = manifest("autoscaler.yaml")["spec"]["maxReplicas"].as_i64().unwrap();
    let planned = configuration().parse::<toml::Table>().unwrap()["server"]["replicas"].as_integer().unwrap();
    assert_eq!(planned, most + 1, "connections for the most servers and one more during a rollout");
}

fn manifest_secret() -> Value {
    manifest("secret.example.yaml")["stringData"].clone()
}
