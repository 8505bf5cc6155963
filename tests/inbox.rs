//! A lane's inputs are read from wherever they are put, again and again.

use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::types::RDKafkaApiKey;
use reflow::bus::consumer::{Inbox, Next};
use reflow::bus::{Topic, Topics};
use reflow::config::Config;
use reflow::domain::decision::StageName;

const RECORDS: usize = 50;
/// Times that the positions are put back, as after an aborted transaction.
const ROUNDS: usize = 30;
const WAIT_SECS_MAX: u64 = 20;

/// A cluster with these inputs of one customer shard.
fn one_shard(inputs: &[Topic]) -> (MockCluster<'static, DefaultProducerContext>, Config, Topics) {
    let cluster = MockCluster::new(1).unwrap();
    let mut config = Config::default();
    config.kafka.bootstrap = cluster.bootstrap_servers();
    config.shards.customer = 1;
    let topics = config.topics();
    inputs.iter().for_each(|topic| cluster.create_topic(&topics.name(*topic), 1, 1).unwrap());
    (cluster, config, topics)
}

#[test]
fn positions_that_are_put_back_are_read_from_there() {
    let inputs: Vec<Topic> = Topic::inputs(StageName::Customer).collect();
    let (_cluster, config, topics) = one_shard(&inputs);
    let producer: BaseProducer = config.client().create().unwrap();
    for topic in &inputs {
        for number in 0..RECORDS {
            let name = topics.name(*topic);
            producer.send(BaseRecord::to(&name).partition(0).key("k").payload(&number.to_string())).unwrap();
        }
    }
    producer.flush(Duration::from_secs(WAIT_SECS_MAX)).unwrap();

    let reader = config.lane_consumer(StageName::Customer, 0);
    let mut inbox = Inbox::open(&reader, &topics, StageName::Customer, &std::thread::current()).unwrap();
    let from: Vec<(Topic, i32, i64)> = inputs.iter().map(|topic| (*topic, 0, 0)).collect();
    for round in 0..ROUNDS {
        inbox.assign(&from).unwrap();
        let mut next = vec![0; inputs.len()];
        let began = Instant::now();
        while next.iter().any(|next| *next < RECORDS as i64) {
            assert!(began.elapsed().as_secs() < WAIT_SECS_MAX, "round {round}: {inputs:?} are read up to {next:?}");
            assert!(!inbox.serve().astray, "round {round}: a record came astray");
            for urgent in [true, false] {
                loop {
                    let (topic, run) = match inbox.next(urgent, 7) {
                        None => break,
                        Some(Next::Error(error)) => panic!("round {round}: {error}"),
                        Some(Next::Records(topic, run)) => (topic, run),
                    };
                    let at = inputs.iter().position(|input| *input == topic).unwrap();
                    assert!((1..=7).contains(&run.len()), "round {round}: {topic}");
                    for record in &run {
                        assert_eq!(record.offset(), next[at], "round {round}: {topic}");
                        next[at] += 1;
                    }
                    // Now and then the last two of them come again.
                    let again = if run.len() == 7 && next[at] % 3 == 0 { 2 } else { 0 };
                    drop(run);
                    next[at] -= again as i64;
                    inbox.put_back(urgent, again);
                }
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }
}

/// Records that come one by one, while a reader asks all the time: one that arrives between two questions of the inbox to
/// the client is read like any other.
#[test]
fn a_record_that_arrives_while_somebody_looks_is_read() {
    const ONE_BY_ONE: i64 = 3_000;
    let (_cluster, config, topics) = one_shard(&[Topic::Applications]);
    let name = topics.name(Topic::Applications);
    let reader = config.lane_consumer(StageName::Customer, 0);
    let mut inbox = Inbox::open(&reader, &topics, StageName::Customer, &std::thread::current()).unwrap();
    inbox.assign(&[(Topic::Applications, 0, 0)]).unwrap();

    let began = Instant::now();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let producer: BaseProducer = config.client().set("linger.ms", "0").create().unwrap();
            for number in 0..ONE_BY_ONE {
                producer.send(BaseRecord::to(&name).partition(0).key("k").payload(&number.to_string())).unwrap();
                while producer.in_flight_count() > 0 && began.elapsed().as_secs() < WAIT_SECS_MAX {
                    producer.poll(Duration::ZERO);
                }
            }
        });
        let mut next = 0;
        while next < ONE_BY_ONE {
            assert!(began.elapsed().as_secs() < WAIT_SECS_MAX, "read up to {next} of {ONE_BY_ONE}");
            match inbox.next(true, 7) {
                None => {}
                Some(Next::Error(error)) => panic!("at {next}: {error}"),
                Some(Next::Records(_, run)) => {
                    for record in &run {
                        assert_eq!(record.offset(), next);
                        next += 1;
                    }
                }
            }
        }
    });
}

/// A shard that has to wait is paused when a fetch of it has failed, looked at or not: it goes on with the record that was not fetched.
#[test]
fn a_pause_behind_an_error_passes_nothing_over() {
    assert_eq!(first_after_a_failed_fetch(true), (3, 1), "the error was looked at");
    assert_eq!(first_after_a_failed_fetch(false), (3, 1), "the error was handed over");
}

/// The offset of the first record that comes, read from 3 on, and how many errors came before.
fn first_after_a_failed_fetch(is_looked_at: bool) -> (i64, u32) {
    const FROM: i64 = 3;
    let (cluster, config, topics) = one_shard(&[Topic::Applications]);
    let name = topics.name(Topic::Applications);
    let producer: BaseProducer = config.client().create().unwrap();
    for number in 0..RECORDS {
        producer.send(BaseRecord::to(&name).partition(0).key("k").payload(&number.to_string())).unwrap();
    }
    producer.flush(Duration::from_secs(WAIT_SECS_MAX)).unwrap();

    let reader = config.lane_consumer(StageName::Customer, 0);
    let mut inbox = Inbox::open(&reader, &topics, StageName::Customer, &std::thread::current()).unwrap();
    cluster.request_errors(RDKafkaApiKey::Fetch, &[Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    inbox.assign(&[(Topic::Applications, 0, FROM)]).unwrap();
    let (began, mut errors) = (Instant::now(), 0);
    let first = loop {
        assert!(began.elapsed().as_secs() < WAIT_SECS_MAX, "nothing comes after {errors} errors");
        inbox.serve();
        if !is_looked_at && errors == 0 && inbox.fetch(true) {
            inbox.pause(0, true).unwrap();
            inbox.pause(0, false).unwrap();
        }
        match inbox.next(true, 1) {
            None => {
                std::thread::park_timeout(Duration::from_millis(1));
                continue;
            }
            Some(Next::Records(_, run)) => break run[0].offset(),
            Some(Next::Error(_)) => errors += 1,
        }
        if is_looked_at {
            inbox.pause(0, true).unwrap();
            inbox.pause(0, false).unwrap();
        }
    };
    (first, errors)
}
