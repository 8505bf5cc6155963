//! A real schema registry on this machine, for tests: Apicurio, on loopback, its data in a directory that goes when we go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::guarded::{Guarded, Signal, pause};
use super::{BrokerError, free_ports, jars, process_error, scratch_error, tail};
use crate::bus::registry::{Client, Login, Settings};

/// The newest one that runs on Java 17.
pub const APICURIO_VERSION: &str = "3.0.9";

const READY_SECS_MAX: u64 = 120;
const POLL_MS: u64 = 100;
const HEAP_MIB: u32 = 384;

/// A running registry; it ends with this value or this process, whichever goes first.
#[derive(Debug)]
pub struct Apicurio {
    // Before `dir`: the process must be gone when its directory is removed.
    process: Option<Guarded>,
    dir: tempfile::TempDir,
    home: PathBuf,
    java: PathBuf,
    port: u16,
}

impl Apicurio {
    /// Starts an empty registry and waits until it answers.
    pub fn start() -> Result<Self, BrokerError> {
        let (java, home) = (jars::java()?, jars::fetch_apicurio(APICURIO_VERSION)?);
        let dir = tempfile::Builder::new().prefix("reflow-registry-").tempdir().map_err(scratch_error)?;
        let mut registry = Self { process: None, dir, home, java, port: free_ports()?.broker };
        registry.launch()?;
        Ok(registry)
    }

    /// Of the Confluent API, the same over restarts.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    /// Ends it at once; the data stays.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same data and port.
    pub fn restart(&mut self) -> Result<(), BrokerError> {
        self.kill();
        self.launch()
    }

    /// Ends it in good order.
    pub fn stop(&mut self) -> Result<(), BrokerError> {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::Terminate).map_err(process_error)?;
            process.wait(Duration::from_secs(READY_SECS_MAX)).map_err(process_error)?;
        }
        Ok(())
    }

    fn launch(&mut self) -> Result<(), BrokerError> {
        let dir: &Path = self.dir.path();
        let mut java = Command::new(&self.java);
        java.arg(format!("-Xmx{HEAP_MIB}m")).arg("-XX:TieredStopAtLevel=1");
        java.arg("-Dquarkus.http.host=127.0.0.1").arg(format!("-Dquarkus.http.port={}", self.port));
        java.arg(format!("-Dapicurio.datasource.url=jdbc:h2:file:{}", dir.join("data").display()));
        java.arg("-jar").arg(self.home.join(format!("apicurio-registry-app-{APICURIO_VERSION}-runner.jar")));
        let mut process = Guarded::spawn(&java, &dir.join("output.log"), Some(dir)).map_err(process_error)?;
        let client = Client::new(&Settings { url: self.url(), login: Login::None });
        for _ in 0..READY_SECS_MAX * 1_000 / POLL_MS {
            if client.schema(0).is_ok() {
                self.process = Some(process);
                return Ok(());
            }
            if let Some(code) = process.exited().map_err(process_error)? {
                return Err(BrokerError::Ended { code, log: self.log_tail() });
            }
            pause(Duration::from_millis(POLL_MS));
        }
        Err(BrokerError::NotReady { secs: READY_SECS_MAX, log: self.log_tail() })
    }

    fn log_tail(&self) -> String {
        tail(&fs::read_to_string(self.dir.path().join("output.log")).unwrap_or_default())
    }
}
