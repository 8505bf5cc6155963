//! What a changelog is on its cluster, beyond its name: an image is tied to it.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use super::asking::ask;
use super::native;

/// Longest wait for each answer, seconds.
const ANSWER_SECS_MAX: u64 = 30;
/// What a broker keeps tombstones for when it says nothing, milliseconds: one day.
const TOMBSTONES_MS: i64 = 86_400_000;

/// A changelog topic as its cluster knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub cluster: String,
    /// A topic that was deleted and made again has another one.
    pub topic_id: String,
    /// `delete.retention.ms`: how long a deletion is told.
    pub tombstones_ms: i64,
}

impl Identity {
    /// Asks the cluster; none when it does not say who it is, or knows no topic ids: then nothing can be tied to it.
    pub fn of(config: &ClientConfig, topic: &str) -> Result<Option<Self>, KafkaError> {
        let wait = Duration::from_secs(ANSWER_SECS_MAX);
        let admin: AdminClient<DefaultClientContext> = config.create()?;
        let Some(cluster) = admin.inner().fetch_cluster_id(wait) else { return Ok(None) };
        let Some(topic_id) = ask(wait, || native::topic_id(admin.inner(), topic, wait))? else { return Ok(None) };
        Ok(Some(Self { cluster, topic_id, tombstones_ms: tombstones_ms(&admin, topic, wait)? }))
    }
}

fn tombstones_ms(admin: &AdminClient<DefaultClientContext>, topic: &str, wait: Duration) -> Result<i64, KafkaError> {
    let no_runtime = |_| KafkaError::AdminOp(RDKafkaErrorCode::Fail);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(no_runtime)?;
    let options = AdminOptions::new().request_timeout(Some(wait));
    let asked = [ResourceSpecifier::Topic(topic)];
    let answer = ask(wait, || {
        let answered = runtime.block_on(admin.describe_configs(&asked, &options))?;
        answered.into_iter().next().transpose().map_err(KafkaError::AdminOp)
    })?;
    let said = answer.and_then(|answer| answer.get("delete.retention.ms")?.value.clone());
    Ok(said.and_then(|said| said.parse().ok()).unwrap_or(TOMBSTONES_MS))
}
