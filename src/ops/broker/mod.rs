//! A real Apache Kafka on this machine, for tests, benchmarks and `demo --kafka`: one node, broker and controller in one
//! process, on loopback, gone when we are gone. Nothing here is for production.

mod apicurio;
mod guarded;
mod jars;

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

pub use apicurio::{APICURIO_VERSION, Apicurio};
use guarded::pause;
pub use guarded::{Guarded, Signal};
pub use jars::{fetch as fetch_jars, fetch_apicurio};

/// The newest line whose parts are all on Maven Central.
pub const KAFKA_VERSION: &str = "4.3.1";

const READY_SECS_MAX: u64 = 60;
const STOP_SECS_MAX: u64 = 30;
const START_ATTEMPTS_MAX: u32 = 3;
const LOG_TAIL_LINES_MAX: usize = 30;
/// Below the range from which the system takes ports of outgoing connections: a port must still be free at a restart.
const PORTS: std::ops::Range<u32> = 20_000..32_000;

/// What a broker is started with.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    pub version: String,
    pub heap_mib: u32,
    /// Broker settings on top of ours; a later one replaces an earlier one of the same name.
    pub properties: Vec<(String, String)>,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self { version: KAFKA_VERSION.to_owned(), heap_mib: 512, properties: Vec::new() }
    }
}

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("`{tool}` is missing or too old: {install}")]
    Missing { tool: &'static str, install: &'static str },
    #[error("no place for the cache: set REFLOW_CACHE to a directory")]
    NoCache,
    #[error("{what} {version} could not be fetched from Maven Central; is the network there? Maven said:\n{said}")]
    Fetch { what: &'static str, version: String, said: String },
    #[error("{what}: {error}")]
    Io { what: String, error: io::Error },
    #[error("the broker's storage could not be formatted:\n{said}")]
    Format { said: String },
    #[error("the broker ended with code {code} before it was ready; the end of its log:\n{log}")]
    Ended { code: i32, log: String },
    #[error("the broker is not ready after {secs} s; the end of its log:\n{log}")]
    NotReady { secs: u64, log: String },
    #[error("no two free ports on 127.0.0.1")]
    NoPorts,
}

/// A running Kafka; it ends with this value or this process, whichever goes first.
#[derive(Debug)]
pub struct Broker {
    // Before `dir`: fields are dropped in this order, and the process must be gone when its directory is removed.
    process: Option<Guarded>,
    dir: tempfile::TempDir,
    ports: Ports,
    jars: PathBuf,
    java: PathBuf,
    heap_mib: u32,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    broker: u16,
    controller: u16,
}

impl Broker {
    /// Starts a new, empty cluster and waits until it answers.
    pub fn start(options: BrokerOptions) -> Result<Self, BrokerError> {
        let java = jars::java()?;
        let jars = jars::fetch(&options.version)?;
        let mut attempt = 1;
        loop {
            match Self::start_once(&options, &java, &jars) {
                // Somebody took a port between our look and the broker's.
                Err(BrokerError::Ended { log, .. })
                    if attempt < START_ATTEMPTS_MAX && log.contains("BindException") =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn start_once(options: &BrokerOptions, java: &Path, jars: &Path) -> Result<Self, BrokerError> {
        let dir = tempfile::Builder::new().prefix("reflow-kafka-").tempdir().map_err(scratch_error)?;
        let ports = free_ports()?;
        let properties = server_properties(dir.path(), ports, &options.properties);
        fs::write(dir.path().join("server.properties"), properties).map_err(scratch_error)?;
        fs::write(dir.path().join("log4j2.properties"), log4j_properties(dir.path())).map_err(scratch_error)?;
        let (jars, java) = (jars.to_owned(), java.to_owned());
        let mut broker = Self { process: None, dir, ports, jars, java, heap_mib: options.heap_mib };
        broker.format()?;
        broker.launch()?;
        Ok(broker)
    }

    /// Where clients connect: `127.0.0.1:PORT`, the same over restarts.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.ports.broker)
    }

    /// The directory with the broker's data, configuration and logs; removed at the end.
    pub fn log_dir(&self) -> &Path {
        self.dir.path()
    }

    /// The process id of the JVM while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Guarded::pid)
    }

    /// Ends the broker in good order (at the latest after 30 s by force); the data stays.
    pub fn stop(&mut self) -> Result<(), BrokerError> {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::Continue).and_then(|()| process.signal(Signal::Terminate)).map_err(process_error)?;
            process.wait(Duration::from_secs(STOP_SECS_MAX)).map_err(process_error)?;
        }
        Ok(())
    }

    /// Ends the broker at once, as a power cut would; the data stays as it is.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the broker again, on the same data and ports; a running one is stopped first.
    ///
    /// After [`Broker::kill`] this takes some 9 s more: the cluster waits until the session of the old life has run out.
    pub fn restart(&mut self) -> Result<(), BrokerError> {
        self.stop()?;
        self.launch()
    }

    /// Freezes the broker: connections stay open and nothing answers.
    pub fn pause(&mut self) -> Result<(), BrokerError> {
        self.signal(Signal::Stop)
    }

    pub fn resume(&mut self) -> Result<(), BrokerError> {
        self.signal(Signal::Continue)
    }

    fn signal(&mut self, signal: Signal) -> Result<(), BrokerError> {
        self.process.as_mut().map_or(Ok(()), |process| process.signal(signal)).map_err(process_error)
    }

    fn format(&self) -> Result<(), BrokerError> {
        let cluster = blake3::hash(self.dir.path().as_os_str().as_encoded_bytes()).to_hex();
        let mut tool = Command::new(&self.java);
        // A short run: compiling it well takes longer than it saves.
        tool.args(["-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp"]).arg(self.jars.join("*"));
        tool.args(["kafka.tools.StorageTool", "format", "--cluster-id", &cluster[..22], "--config"]);
        let output = tool.arg(self.dir.path().join("server.properties")).output().map_err(process_error)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        Err(BrokerError::Format { said: tail(&said) })
    }

    fn launch(&mut self) -> Result<(), BrokerError> {
        let dir = self.dir.path();
        let mut java = Command::new(&self.java);
        java.arg(format!("-Xmx{}m", self.heap_mib)).args(["-Xms128m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]);
        java.arg(format!("-Dlog4j2.configurationFile={}", dir.join("log4j2.properties").display()));
        java.arg("-cp").arg(self.jars.join("*")).arg("kafka.Kafka").arg(dir.join("server.properties"));
        let process = Guarded::spawn(&java, &dir.join("output.log"), Some(dir)).map_err(process_error)?;
        self.process = Some(process);
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<(), BrokerError> {
        let probe: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap())
            .set("reconnect.backoff.max.ms", "200")
            // It is expected to be away at first.
            .set("log.connection.close", "false")
            .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg)
            .create()
            .map_err(|error| process_error(io::Error::other(error)))?;
        const TRY_MS: u64 = 200;
        for _ in 0..READY_SECS_MAX * 1_000 / TRY_MS {
            // Answers with at least one broker once the node is unfenced; a failed try uses up its time or is answered
            // early, so the pause below only ever lengthens the bound by little.
            if probe.fetch_metadata(None, Duration::from_millis(TRY_MS)).is_ok_and(|m| !m.brokers().is_empty()) {
                return Ok(());
            }
            let ended = self.process.as_mut().map_or(Ok(Some(-1)), Guarded::exited).map_err(process_error)?;
            if let Some(code) = ended {
                return Err(BrokerError::Ended { code, log: self.log_tail() });
            }
            pause(Duration::from_millis(10));
        }
        Err(BrokerError::NotReady { secs: READY_SECS_MAX, log: self.log_tail() })
    }

    fn log_tail(&self) -> String {
        let read = |name| fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        tail(&(read("server.log") + &read("output.log")))
    }
}

/// The last lines of a log.
pub(super) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES_MAX)..].join("\n")
}

fn scratch_error(error: io::Error) -> BrokerError {
    BrokerError::Io { what: "the broker's directory".to_owned(), error }
}

fn process_error(error: io::Error) -> BrokerError {
    BrokerError::Io { what: "the broker's process".to_owned(), error }
}

/// Two free ports, tried from a start that differs per process and call so that several brokers do not meet.
fn free_ports() -> Result<Ports, BrokerError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let span = PORTS.end - PORTS.start;
    let first = std::process::id().wrapping_mul(97);
    let mut free = Vec::new();
    for _ in 0..span {
        let offset = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % span;
        let port = (PORTS.start + offset) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            free.push(port);
        }
        if let [broker, controller] = free[..] {
            return Ok(Ports { broker, controller });
        }
    }
    Err(BrokerError::NoPorts)
}

fn server_properties(dir: &Path, ports: Ports, more: &[(String, String)]) -> String {
    let Ports { broker, controller } = ports;
    let mut text = format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{broker}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         log.dirs={}\n",
        dir.join("data").display()
    );
    text.push_str(SETTINGS);
    for (name, value) in more {
        text.push_str(&format!("{name}={value}\n"));
    }
    text
}

/// One node holds everything; few partitions of the internal topics make the first transaction quick; and a dead
/// worker's transaction is swept within a second of its time-out, not within ten.
const SETTINGS: &str = "\
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=16777216
";

fn log4j_properties(dir: &Path) -> String {
    format!(
        "status=error\n\
         appender.file.type=File\n\
         appender.file.name=file\n\
         appender.file.fileName={}\n\
         appender.file.layout.type=PatternLayout\n\
         appender.file.layout.pattern=%d %p %m (%c{{1}})%n\n\
         rootLogger.level=info\n\
         rootLogger.appenderRef.file.ref=file\n",
        dir.join("server.log").display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_settings_come_last_and_so_win() {
        let more = [("min.insync.replicas".to_owned(), "2".to_owned())];
        let text = server_properties(Path::new("/d"), Ports { broker: 20_001, controller: 20_002 }, &more);
        assert!(text.contains("advertised.listeners=PLAINTEXT://127.0.0.1:20001\n"));
        assert!(text.contains("controller.quorum.voters=1@127.0.0.1:20002\n"));
        assert!(text.contains("log.dirs=/d/data\n"));
        assert!(text.ends_with("min.insync.replicas=2\n"));
    }

    #[test]
    fn ports_are_two_and_outside_the_range_of_outgoing_connections() {
        let ports = free_ports().unwrap();
        assert_ne!(ports.broker, ports.controller);
        assert!(PORTS.contains(&ports.broker.into()) && PORTS.contains(&ports.controller.into()));
    }

    #[test]
    fn a_tail_is_the_last_lines() {
        let text: String = (0..100).map(|line| format!("{line}\n")).collect();
        assert!(tail(&text).starts_with("70\n"));
        assert!(tail(&text).ends_with("99"));
        assert_eq!(tail("one"), "one");
    }
}
