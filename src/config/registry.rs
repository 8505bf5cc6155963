//! The schema registry, where there is one.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bus::registry::{Login, Settings};

/// Longest that an unknown schema id may be waited for, seconds: a shard stands still for so long.
const UNKNOWN_WAIT_SECS_MAX: u64 = 3_600;

/// What stands in place of a secret.
const REDACTED: &str = "(redacted)";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registry {
    /// `http://` or `https://`, host, and the path that the API is served under; empty: no registry, fixed schema ids.
    pub url: String,
    /// For basic authentication.
    pub username: String,
    pub password: Secret,
    /// For bearer authentication.
    pub token: Secret,
    /// How long a shard waits for a schema id that the registry does not know; then the record is a dead letter.
    pub unknown_id_wait_secs: u64,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            url: String::new(),
            username: String::new(),
            password: Secret::default(),
            token: Secret::default(),
            unknown_id_wait_secs: 60,
        }
    }
}

impl Registry {
    /// How to reach it; none without one.
    pub fn settings(&self) -> Option<Settings> {
        let login = match (self.username.as_str(), self.token.0.as_str()) {
            ("", "") => Login::None,
            ("", token) => Login::Bearer { token: token.to_owned() },
            (username, _) => Login::Basic { username: username.to_owned(), password: self.password.0.clone() },
        };
        (!self.url.is_empty()).then(|| Settings { url: self.url.clone(), login })
    }

    pub fn unknown_id_wait(&self) -> Duration {
        Duration::from_secs(self.unknown_id_wait_secs)
    }

    /// The setting that is wrong, and how. Never repeats a secret.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.unknown_id_wait_secs > UNKNOWN_WAIT_SECS_MAX {
            let detail = format!("is {}; at most {UNKNOWN_WAIT_SECS_MAX}", self.unknown_id_wait_secs);
            return Err(("registry.unknown_id_wait_secs", detail));
        }
        if !self.username.is_empty() && !self.token.0.is_empty() {
            return Err(("registry", "has a username and a token; expected one of them".to_owned()));
        }
        if self.username.is_empty() && !self.password.0.is_empty() {
            return Err(("registry.password", "has no registry.username with it".to_owned()));
        }
        if self.url.is_empty() {
            return Ok(());
        }
        let rest = self.url.strip_prefix("https://").or_else(|| self.url.strip_prefix("http://"));
        let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
        match host {
            Some(host) if host.contains('@') => {
                Err(("registry.url", "holds a password; give it as registry.username and registry.password".to_owned()))
            }
            Some(host) if !host.is_empty() && !self.url.contains(['?', '#', ' ']) => Ok(()),
            _ => Err((
                "registry.url",
                format!("is `{}`; expected http:// or https://, a host and perhaps a path", self.url),
            )),
        }
    }

    pub(super) fn redact(&mut self) {
        for secret in [&mut self.password, &mut self.token] {
            if !secret.0.is_empty() {
                secret.0 = REDACTED.to_owned();
            }
        }
    }
}

/// A text that no log line and no error shows.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { REDACTED })
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, load, redacted_yaml};
    use super::*;

    fn with(settings: &[(&str, &str)]) -> Result<Config, String> {
        let variables: Vec<(String, String)> =
            settings.iter().map(|(name, value)| (format!("REFLOW_REGISTRY__{name}"), (*value).to_owned())).collect();
        load(None, variables.into_iter()).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_url_there_is_none() {
        assert!(with(&[]).unwrap().registry.settings().is_none());
    }

    #[test]
    fn a_url_may_have_a_path_and_secrets_are_never_shown() {
        let url = "https://registry:8443/apis/ccompat/v7";
        let config = with(&[("URL", url), ("USERNAME", "reflow"), ("PASSWORD", "hush-hush")]).unwrap();
        let settings = config.registry.settings().unwrap();
        assert_eq!(settings.url, url);
        assert!(matches!(settings.login, Login::Basic { password, .. } if password == "hush-hush"));
        let shown = redacted_yaml(&config) + &format!("{config:?}");
        assert!(shown.contains(url) && shown.contains("(redacted)") && !shown.contains("hush-hush"), "{shown}");
        let config = with(&[("URL", url), ("TOKEN", "hush-hush")]).unwrap();
        assert!(matches!(config.registry.settings().unwrap().login, Login::Bearer { token } if token == "hush-hush"));
        assert!(!redacted_yaml(&config).contains("hush-hush"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (settings, part) in [
            (&[("URL", "registry:8081")][..], "registry.url"),
            (&[("URL", "http://")], "registry.url"),
            (&[("URL", "http://me:hush-hush@registry/")], "holds a password"),
            (&[("USERNAME", "me"), ("TOKEN", "hush-hush")], "one of them"),
            (&[("PASSWORD", "hush-hush")], "no registry.username"),
            (&[("UNKNOWN_ID_WAIT_SECS", "86400")], "at most 3600"),
        ] {
            let error = with(settings).unwrap_err();
            assert!(error.contains(part) && !error.contains("hush-hush"), "{error}");
        }
    }
}
