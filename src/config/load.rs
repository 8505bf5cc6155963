//! Reading the configuration: file, environment, checks.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Config;
use super::environment::PREFIX;
use super::kafka::FIXED;

/// Least lead time of a policy, seconds.
const LEAD_SECS_MIN: i64 = 5;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{file}: {error}; give a readable file with --config or REFLOW_CONFIG")]
    Read { file: PathBuf, error: std::io::Error },
    #[error("{file}:{line}:{column}: {detail}; `reflow run --check` prints every setting with its default")]
    Parse { file: PathBuf, line: u64, column: u64, detail: String },
    #[error("{variable}: {detail}; level names are joined by two underscores, as in REFLOW_KAFKA__BOOTSTRAP")]
    Environment { variable: String, detail: String },
    #[error("{setting}: {detail}")]
    Setting { setting: String, detail: String },
}

/// Loads and checks the configuration. Without a file: defaults and environment.
pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
    let mut config = match file {
        Some(file) => parse(file)?,
        None => Config::default(),
    };
    for (variable, text) in environment {
        config = overlay(config, &variable, &text)?;
    }
    check(&config)?;
    Ok(config)
}

fn parse(file: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|error| ConfigError::Read { file: file.to_owned(), error })?;
    let mut config: Config = serde_saphyr::from_str(&text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let detail = error.without_snippet().to_string();
        ConfigError::Parse { file: file.to_owned(), line, column, detail }
    })?;
    // Paths are relative to the file that names them.
    let base = file.parent().unwrap_or(Path::new(""));
    config.policies = config.policies.iter().map(|policy| base.join(policy)).collect();
    if config.images.is_on() {
        config.images.dir = base.join(&config.images.dir);
    }
    Ok(config)
}

/// Sets one value from the environment, keeping the type the setting has.
fn overlay(config: Config, variable: &str, text: &str) -> Result<Config, ConfigError> {
    let wrong = |detail: String| ConfigError::Environment { variable: variable.to_owned(), detail };
    let mut tree = serde_json::to_value(&config).map_err(|error| wrong(error.to_string()))?;
    let path = variable[PREFIX.len()..].to_lowercase();
    let mut place = &mut tree;
    let mut levels = path.split("__").peekable();
    while let Some(level) = levels.next() {
        let Value::Object(map) = place else { return Err(wrong(format!("`{level}` has no level below it"))) };
        // Client properties are an open map; their names have dots, which a shell writes as single underscores.
        let open = level == "properties" && levels.peek().is_some();
        place = map.get_mut(level).ok_or_else(|| wrong(format!("there is no setting `{level}`")))?;
        if open {
            let name = levels.by_ref().collect::<Vec<_>>().join("__").replace('_', ".");
            let Value::Object(properties) = place else { return Err(wrong("not a map".to_owned())) };
            place = properties.entry(name).or_insert(Value::String(String::new()));
        }
    }
    *place = match place {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Array(_) => text.split(',').map(|item| Value::String(item.trim().to_owned())).collect(),
        _ => serde_json::from_str(text).map_err(|_| wrong(format!("`{text}` is not a number or true or false")))?,
    };
    serde_json::from_value(tree).map_err(|error| wrong(error.to_string()))
}

fn check(config: &Config) -> Result<(), ConfigError> {
    let wrong = |setting: &str, detail: String| Err(ConfigError::Setting { setting: setting.to_owned(), detail });
    if let Some(name) = config.kafka.properties.keys().find(|name| FIXED.contains(&name.as_str())) {
        return wrong(&format!("kafka.properties.{name}"), "the worker sets this one itself; remove it".to_owned());
    }
    let positive = [
        ("shards.customer", i64::from(config.shards.customer)),
        ("shards.partner", i64::from(config.shards.partner)),
        ("lanes.customer", i64::from(config.lanes.customer)),
        ("lanes.partner", i64::from(config.lanes.partner)),
        ("clock.scale", i64::from(config.clock.scale)),
        ("clock.skew_secs_max", config.clock.skew_secs_max),
        ("kafka.replication", i64::from(config.kafka.replication)),
        ("transaction.records_max", config.transaction.records_max as i64),
        ("transaction.record_bytes_max", config.transaction.record_bytes_max as i64),
        ("transaction.bytes_max", config.transaction.bytes_max as i64),
        ("transaction.urgent_records_per_turn_max", config.transaction.urgent_records_per_turn_max as i64),
        ("transaction.other_records_per_turn_max", config.transaction.other_records_per_turn_max as i64),
        ("customer.heartbeat_secs", config.customer.heartbeat_secs),
        ("watchdog.call_secs_max", config.watchdog.call_secs_max as i64),
        ("watchdog.stall_secs_max", config.watchdog.stall_secs_max as i64),
        ("watchdog.positions_every_secs", config.watchdog.positions_every_secs as i64),
        ("watchdog.topics_every_secs", config.watchdog.topics_every_secs as i64),
        ("images.every_secs", config.images.every_secs as i64),
        ("restore.silence_secs_max", config.restore.silence_secs_max as i64),
    ];
    for (setting, value) in positive {
        if value < 1 {
            return wrong(setting, format!("is {value}; expected 1 or more"));
        }
    }
    if config.policy.lead_secs < LEAD_SECS_MIN {
        let lead = config.policy.lead_secs;
        return wrong(
            "policy.lead_secs",
            format!("is {lead}; expected {LEAD_SECS_MIN} or more: so long may a look at the log take"),
        );
    }
    if config.stages.is_empty() {
        return wrong("stages", "is empty; expected customer, partner or both".to_owned());
    }
    if let Err((setting, detail)) = config.registry.check() {
        return wrong(setting, detail);
    }
    for (window, secs) in &config.partner.windows_secs {
        if *secs < 60 || secs % 60 != 0 {
            return wrong(&format!("partner.windows_secs.{window}"), format!("is {secs}; expected whole minutes"));
        }
    }
    Ok(())
}

/// The effective configuration as YAML, with every secret replaced.
pub fn redacted_yaml(config: &Config) -> String {
    let mut shown = config.clone();
    for (name, value) in &mut shown.kafka.properties {
        let secret = ["password", "secret", "key.pem", "jaas", "token", "oauthbearer.config"];
        if secret.iter().any(|part| name.contains(part)) {
            *value = "(redacted)".to_owned();
        }
    }
    shown.registry.redact();
    serde_saphyr::to_string(&shown).unwrap_or_else(|error| format!("# not printable: {error}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str, value: &str) -> std::vec::IntoIter<(String, String)> {
        vec![(name.to_owned(), value.to_owned())].into_iter()
    }

    #[test]
    fn the_environment_sets_any_value() {
        let config = load(None, variable("REFLOW_SHARDS__CUSTOMER", "3")).unwrap();
        assert_eq!(config.shards.customer, 3);
        let config = load(None, variable("REFLOW_KAFKA__PROPERTIES__SASL_PASSWORD", "hush")).unwrap();
        assert_eq!(config.kafka.properties["sasl.password"], "hush");
        assert!(!redacted_yaml(&config).contains("hush"));
        let error = load(None, variable("REFLOW_SHARDS__CUSTOMERS", "3")).unwrap_err().to_string();
        assert!(error.contains("REFLOW_SHARDS__CUSTOMERS") && error.contains("customers"), "{error}");
    }

    #[test]
    fn a_wrong_file_is_named_with_line_and_column() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("reflow.yaml");
        std::fs::write(&file, "shards:\n  customer: 4\n  partners: 2\n").unwrap();
        let error = load(Some(&file), std::iter::empty()).unwrap_err().to_string();
        assert!(error.contains("reflow.yaml:3:3") && error.contains("partners"), "{error}");
    }

    #[test]
    fn what_exactly_once_depends_on_cannot_be_changed() {
        let error = load(None, variable("REFLOW_KAFKA__PROPERTIES__ISOLATION_LEVEL", "x")).unwrap_err().to_string();
        assert!(error.contains("isolation.level"), "{error}");
    }

    /// A batch that may hold nothing would never end.
    #[test]
    fn no_maximum_of_a_transaction_is_nothing() {
        let settings = serde_json::to_value(crate::config::Transaction::default()).unwrap();
        let maxima: Vec<&String> = settings.as_object().unwrap().keys().filter(|name| name.ends_with("_max")).collect();
        assert!(maxima.len() >= 5, "{maxima:?}");
        for name in maxima {
            let zero = variable(&format!("REFLOW_TRANSACTION__{}", name.to_uppercase()), "0");
            let error = load(None, zero).expect_err(name).to_string();
            assert_eq!(error, format!("transaction.{name}: is 0; expected 1 or more"));
        }
    }
}
