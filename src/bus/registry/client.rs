//! Confluent's REST API, as far as it is needed; Apicurio and others serve it under a path.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::{Login, Settings};
use crate::wire::Schema;

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const CONNECT_SECS_MAX: u64 = 5;
const ANSWER_SECS_MAX: u64 = 15;
/// Longest answer that is read, bytes: a schema of the greatest length with every character escaped.
const ANSWER_BYTES_MAX: u64 = 8 << 20;
/// Part of an answer that a message repeats, characters.
const QUOTED_CHARS_MAX: usize = 300;

/// Why there is no answer, or none that helps. No message holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Passes by itself: nobody listens, it is overloaded, something in between answers.
    #[error("the schema registry at {url} is out of reach: {detail}")]
    Away { url: String, detail: String },
    #[error(
        "the schema registry at {url} refuses us (HTTP {status}); check registry.username and registry.password, or \
         registry.token"
    )]
    Refused { url: String, status: u16 },
    #[error("the schema registry says (HTTP {status}, {code}): {message}")]
    Answer { status: u16, code: u32, message: String },
    #[error("schema id {id} is {what}; only Avro schemas that stand alone are read")]
    Foreign { id: u32, what: String },
}

/// A client with connections of its own.
pub struct Client {
    agent: Agent,
    base: String,
    authorization: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    schema: String,
    #[serde(default, rename = "schemaType")]
    kind: Option<String>,
    #[serde(default)]
    references: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct Given {
    id: u32,
}

#[derive(Deserialize)]
struct Judged {
    is_compatible: bool,
    #[serde(default)]
    messages: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Complaint {
    error_code: u32,
    #[serde(default)]
    message: String,
}

impl Client {
    pub fn new(settings: &Settings) -> Self {
        // The system's certificates: a lender's registry has one of its own.
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(CONNECT_SECS_MAX)))
            .timeout_global(Some(Duration::from_secs(ANSWER_SECS_MAX)))
            // Proxies of the environment are not ours to follow: settings come from the configuration.
            .proxy(None)
            .user_agent(concat!("reflow/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        let authorization = match &settings.login {
            Login::None => None,
            Login::Basic { username, password } => {
                Some(format!("Basic {}", BASE64.encode(format!("{username}:{password}"))))
            }
            Login::Bearer { token } => Some(format!("Bearer {token}")),
        };
        Self { agent: config.into(), base: settings.url.trim_end_matches('/').to_owned(), authorization }
    }

    /// The text of the schema of that id; none when the registry does not know it.
    pub fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        let Some(found) = self.known::<Found>(self.get(&format!("/schemas/ids/{id}")))? else { return Ok(None) };
        let kind = found.kind.unwrap_or_else(|| "AVRO".to_owned());
        let foreign = |what: String| Err(RegistryError::Foreign { id, what });
        match found.references {
            _ if kind != "AVRO" => foreign(format!("of type {kind}")),
            Some(references) if !references.is_empty() => foreign("one that refers to others".to_owned()),
            _ => Ok(Some(found.schema)),
        }
    }

    /// The id that one of our schemas has under a subject, when it is registered there.
    pub fn id_of(&self, subject: &str, schema: Schema) -> Result<Option<u32>, RegistryError> {
        let given = self.known::<Given>(self.post(&format!("/subjects/{subject}"), schema))?;
        Ok(given.map(|given| given.id))
    }

    /// Registers one of our schemas; its id, also when it was registered before.
    pub fn register(&self, subject: &str, schema: Schema) -> Result<u32, RegistryError> {
        let answer = self.post(&format!("/subjects/{subject}/versions"), schema);
        self.read::<Given>(answer?).map(|given| given.id)
    }

    /// What stands against registering one of our schemas under a subject: nothing when it is compatible, or the first one.
    pub fn objections(&self, subject: &str, schema: Schema) -> Result<Vec<String>, RegistryError> {
        let answer = self.post(&format!("/compatibility/subjects/{subject}/versions/latest?verbose=true"), schema);
        let Some(judged) = self.known::<Judged>(answer)? else { return Ok(Vec::new()) };
        if judged.is_compatible {
            return Ok(Vec::new());
        }
        let messages = judged.messages.unwrap_or_default();
        Ok(if messages.is_empty() { vec!["not compatible with the latest version".to_owned()] } else { messages })
    }

    fn get(&self, path: &str) -> Result<Response<Body>, RegistryError> {
        let mut request = self.agent.get(format!("{}{path}", self.base)).header("Accept", MEDIA_TYPE);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        request.call().map_err(|error| self.away(&error.to_string()))
    }

    fn post(&self, path: &str, schema: Schema) -> Result<Response<Body>, RegistryError> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("Accept", MEDIA_TYPE);
        let mut request = request.header("Content-Type", MEDIA_TYPE);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let body = json!({ "schemaType": "AVRO", "schema": schema.text() }).to_string();
        request.send(body).map_err(|error| self.away(&error.to_string()))
    }

    /// An answer; none where the registry says that there is no such subject, version or schema.
    fn known<T: DeserializeOwned>(
        &self,
        answer: Result<Response<Body>, RegistryError>,
    ) -> Result<Option<T>, RegistryError> {
        match self.read(answer?) {
            Ok(found) => Ok(Some(found)),
            Err(RegistryError::Answer { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read<T: DeserializeOwned>(&self, mut answer: Response<Body>) -> Result<T, RegistryError> {
        let status = answer.status().as_u16();
        if matches!(status, 401 | 403) {
            return Err(RegistryError::Refused { url: self.base.clone(), status });
        }
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.map_err(|error| self.away(&error.to_string()))?;
        let quoted = || text.chars().take(QUOTED_CHARS_MAX).collect::<String>();
        if status == 200 {
            return serde_json::from_str(&text).map_err(|error| self.away(&format!("{error} in `{}`", quoted())));
        }
        // A registry gives its own code with each complaint; without one somebody else speaks, or the path is wrong.
        match serde_json::from_str::<Complaint>(&text) {
            Ok(complaint)
                if (400..500).contains(&status) && !matches!(status, 408 | 429) && complaint.error_code > 999 =>
            {
                Err(RegistryError::Answer { status, code: complaint.error_code, message: complaint.message })
            }
            Ok(Complaint { error_code, message }) if status == 409 => {
                Err(RegistryError::Answer { status, code: error_code, message })
            }
            _ => Err(self.away(&format!("HTTP {status} `{}`", quoted()))),
        }
    }

    fn away(&self, detail: &str) -> RegistryError {
        RegistryError::Away { url: self.base.clone(), detail: detail.to_owned() }
    }
}
