//! Where the demo runs: the in-process mock cluster, or a real broker that it starts.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::bus::{Topic, Topics};
use crate::config::Config;
use crate::domain::decision::StageName;
use crate::domain::words::Word;
use crate::ops::broker::{Broker, BrokerOptions};
use crate::ops::exit::Failure;
use crate::ops::topics::Admin;
use crate::worker::lane::Assignment;

/// A cluster that ends with the demo; it is held for that alone.
pub enum Cluster {
    Mock { _held: Box<MockCluster<'static, DefaultProducerContext>> },
    Real { _held: Box<Broker> },
}

impl Cluster {
    /// Starts the cluster with every topic.
    pub fn start(real: bool, config: &mut Config) -> Result<Self, Failure> {
        if real { Self::real(config) } else { Self::mock(config) }
    }

    fn mock(config: &mut Config) -> Result<Self, Failure> {
        let cluster = MockCluster::new(1).map_err(Failure::reach)?;
        config.kafka.bootstrap = cluster.bootstrap_servers();
        let topics = config.topics();
        for topic in Topic::ALL {
            cluster.create_topic(&topics.name(*topic), topics.partitions(*topic), 1).map_err(Failure::reach)?;
        }
        Ok(Self::Mock { _held: Box::new(cluster) })
    }

    fn real(config: &mut Config) -> Result<Self, Failure> {
        eprintln!("starting Apache Kafka …");
        let broker = Broker::start(BrokerOptions::default()).map_err(Failure::reach)?;
        config.kafka.bootstrap = broker.bootstrap();
        let admin = Admin::open(config)?;
        admin.create(&admin.rows()?)?;
        admin.rows_once_seen()?;
        Ok(Self::Real { _held: Box::new(broker) })
    }

    /// The mock keeps no offsets of transactions and knows no fencing, so its shards are assigned by hand.
    pub fn assignment(&self, topics: &Topics, stage: StageName) -> Assignment {
        match self {
            Self::Mock { .. } => Assignment::Fixed((0..topics.shards(stage)).collect()),
            Self::Real { .. } => Assignment::Group,
        }
    }
}
