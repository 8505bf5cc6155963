//! What lies in `deploy/` fits the program: every sample is loaded by the real parser and checked by the real command.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rdkafka::consumer::BaseConsumer;
use reflow::config::{self, ClockKind, Config, redacted_yaml};
use serde_json::Value;

const SAMPLES: [&str; 4] = ["event-clock", "minimal", "schema-registry", "tls-sasl"];

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(deploy(name)).unwrap()
}

fn load(sample: &str, environment: &[(&str, &str)]) -> Config {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    config::load(Some(&deploy(&format!("config/{sample}.yaml"))), environment).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_sample_passes_the_check_of_the_command() {
    let mut found: Vec<String> = std::fs::read_dir(deploy("config"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, SAMPLES);
    for sample in SAMPLES {
        let file = deploy(&format!("config/{sample}.yaml"));
        let output = support::run(&["run", "--config", file.to_str().unwrap(), "--check"], 30);
        assert!(output.status.success(), "{sample}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("bootstrap"), "{sample}");
    }
}

#[test]
fn the_samples_say_what_their_comments_say() {
    let minimal = load("minimal", &[]);
    assert_eq!(minimal.shards.customer, Config::default().shards.customer);
    assert_eq!(minimal.policies.len(), 1);
    let history = load("event-clock", &[]);
    assert!(matches!(history.clock.kind, ClockKind::Event) && history.policies.is_empty());
    assert_ne!(history.kafka.prefix, minimal.kafka.prefix);
    assert_eq!(history.customer.future_event_secs_max_event_clock, 400 * 86_400);
    let registered = load("schema-registry", &[("REFLOW_REGISTRY__PASSWORD", "correct horse")]);
    assert!(registered.registry.settings().is_some() && minimal.registry.settings().is_none());
    assert!(!redacted_yaml(&registered).contains("correct horse"));
}

#[test]
fn the_client_accepts_tls_and_sasl_and_the_password_stays_hidden() {
    // "probe" lets the client look for the system's certificates, wherever they are on this machine.
    let environment = [
        ("REFLOW_KAFKA__PROPERTIES__SASL_PASSWORD", "correct horse"),
        ("REFLOW_KAFKA__PROPERTIES__SSL_CA_LOCATION", "probe"),
    ];
    let config = load("tls-sasl", &environment);
    assert_eq!(config.kafka.properties["sasl.password"], "correct horse");
    assert!(config.client().create::<BaseConsumer>().is_ok());
    assert!(!redacted_yaml(&config).contains("horse"));

    let mut wrong = config;
    wrong.kafka.properties.insert("sasl.mechanism".to_owned(), "SCRAM-SHA-0".to_owned());
    assert!(wrong.client().create::<BaseConsumer>().is_err());
}

#[test]
fn the_compose_file_sets_what_exists() {
    let compose: Value = serde_saphyr::from_str(&read("compose.yaml")).unwrap();
    let services = compose["services"].as_object().unwrap();
    for name in ["topics", "worker"] {
        let service = &services[name];
        let environment: BTreeMap<String, String> = serde_json::from_value(service["environment"].clone()).unwrap();
        let pairs: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let config = load("minimal", &pairs);
        assert_eq!(config.kafka.bootstrap, "kafka:9092");
        let mounts: Vec<&str> = service["volumes"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
        for mount in &mounts {
            let from = mount.split(':').next().unwrap();
            let volume = compose["volumes"].as_object().unwrap().contains_key(from);
            assert!(volume || deploy(from).exists(), "{mount}");
        }
        let policies = config.policies[0].strip_prefix("/etc/reflow/policies").unwrap();
        assert!(deploy("../policies").join(policies).exists());
    }
    assert!(config_mounted_at(&services["worker"], &image_variable("REFLOW_CONFIG")));
}

fn config_mounted_at(service: &Value, path: &str) -> bool {
    service["volumes"].as_array().unwrap().iter().any(|mount| mount.as_str().unwrap().split(':').nth(1) == Some(path))
}

#[test]
fn the_image_copies_what_exists_and_sets_what_exists() {
    let dockerfile = read("Dockerfile");
    let mut copied = 0;
    for line in dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--"))
    {
        let words: Vec<&str> = line.split(' ').collect();
        for source in &words[..words.len() - 1] {
            assert!(deploy("..").join(source).exists(), "COPY {source}");
            copied += 1;
        }
    }
    assert!(copied > 0);
    assert_eq!(
        load("minimal", &[("REFLOW_HTTP__LISTEN", &image_variable("REFLOW_HTTP__LISTEN"))]).http.listen,
        "0.0.0.0:9464"
    );
    // Nothing is compiled in that the build stage does not have.
    for folder in ["schemas", "policies", "src"] {
        assert!(dockerfile.contains(&format!("COPY {folder} {folder}")), "{folder}");
    }
}

fn image_variable(name: &str) -> String {
    let dockerfile = read("Dockerfile");
    let value = dockerfile.split_once(&format!("{name}=")).unwrap().1;
    value.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn the_unit_starts_a_command_that_exists() {
    let unit = read("reflow.service");
    let commands: Vec<&str> = unit.lines().filter(|line| line.starts_with("ExecStart")).collect();
    assert_eq!(commands.len(), 2);
    let sample = deploy("config/minimal.yaml");
    for command in commands {
        let mut words = command.split_once('=').unwrap().1.split(' ');
        assert_eq!(words.next(), Some("/usr/local/bin/reflow"));
        let installed = |word| if word == "/etc/reflow/reflow.yaml" { sample.to_str().unwrap() } else { word };
        let mut args: Vec<&str> = words.map(installed).collect();
        // Only the check ends by itself; what it takes, the start takes too.
        if !args.contains(&"--check") {
            args.push("--check");
        }
        let output = support::run(&args, 30);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
