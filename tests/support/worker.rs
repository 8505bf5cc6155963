//! The built `reflow` as a process: started, killed, waited for. It dies with the test that started it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use reflow::ops::broker::{Guarded, Signal};

use super::{CALL_SECS_MAX, unique, wait_until};

/// The built binary, ready for arguments; in `tests/planted` the one with planted faults.
pub fn reflow() -> Command {
    let built = option_env!("CARGO_BIN_EXE_reflow").or(option_env!("CARGO_BIN_EXE_reflow-planted"));
    Command::new(built.expect("cargo builds the binary for the tests of a package"))
}

/// Runs `reflow` to its end and gives back what it said; fails the test after `secs`.
#[track_caller]
pub fn run(args: &[&str], secs: u64) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let (out, err) = (dir.path().join("out"), dir.path().join("err"));
    let mut command = reflow();
    command.args(args).stdout(std::fs::File::create(&out).unwrap()).stderr(std::fs::File::create(&err).unwrap());
    let mut child = command.stdin(std::process::Stdio::null()).spawn().unwrap();
    let mut status = None;
    let what = format!("reflow {} to end", args.join(" "));
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_until(&what, secs, || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
    }));
    if let Err(failure) = ended {
        let _ = child.kill();
        let _ = child.wait();
        std::panic::resume_unwind(failure);
    }
    Output { status: status.unwrap(), stdout: std::fs::read(out).unwrap(), stderr: std::fs::read(err).unwrap() }
}

/// A running `reflow`, with its output in a file.
pub struct Worker {
    process: Guarded,
    log: PathBuf,
    name: String,
}

impl Worker {
    /// Starts `reflow` with these arguments; the log goes to the build's scratch directory and is kept.
    pub fn spawn(name: &str, args: &[&str]) -> Self {
        Self::spawn_with(name, reflow().args(args))
    }

    /// Like [`Worker::spawn`], with environment and directory of the command too.
    pub fn spawn_with(name: &str, command: &Command) -> Self {
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique(name)).with_extension("log");
        let _ = std::fs::remove_file(&log);
        let process = Guarded::spawn(command, &log, None).unwrap();
        Self { process, log, name: name.to_owned() }
    }

    /// The body of an answer of the worker's HTTP side, with its status.
    #[track_caller]
    pub fn get(&self, path: &str) -> (u16, String) {
        let log = self.log();
        let line =
            log.lines().find(|line| line.contains("health and metrics")).expect("the worker says where it listens");
        let address = line.split("address=").nth(1).unwrap().trim();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(CALL_SECS_MAX))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// One value of the worker's metrics, where it is there.
    #[track_caller]
    pub fn metric(&self, name: &str) -> Option<i64> {
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
        self.get("/metrics").1.lines().find_map(value)
    }

    /// Ends it at once, as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        self.process.signal(Signal::Kill).unwrap();
        assert!(self.process.wait(Duration::from_secs(30)).unwrap().is_some(), "{} outlived kill -9", self.name);
    }

    /// Asks it to end in good order; its exit code comes from [`Worker::wait`].
    pub fn terminate(&mut self) {
        self.process.signal(Signal::Terminate).unwrap();
    }

    pub fn pause(&mut self) {
        self.process.signal(Signal::Stop).unwrap();
    }

    pub fn resume(&mut self) {
        self.process.signal(Signal::Continue).unwrap();
    }

    /// Its exit code; fails the test, with the log, when it still runs after `secs`.
    #[track_caller]
    pub fn wait(&mut self, secs: u64) -> i32 {
        let ended = self.process.wait(Duration::from_secs(secs)).unwrap();
        ended.unwrap_or_else(|| panic!("{} still runs after {secs} s; its log:\n{}", self.name, self.log()))
    }

    pub fn is_running(&mut self) -> bool {
        self.process.exited().unwrap().is_none()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until its log holds a text; fails the test, with the log, when it ends before or `secs` pass.
    #[track_caller]
    pub fn wait_for_log(&mut self, text: &str, secs: u64) {
        let what = format!("{} to say {text:?}", self.name);
        wait_until(&what, secs, || {
            let found = self.log().contains(text);
            assert!(
                found || self.is_running(),
                "{} ended without saying {text:?}; its log:\n{}",
                self.name,
                self.log()
            );
            found
        });
    }
}
