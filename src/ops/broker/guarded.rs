//! A child process that cannot outlive this one, whatever ends it.
//!
//! A shell stands between: it starts the program, says its process id, and watches a pipe whose only writing end we
//! hold. When this process ends – in any way, `kill -9` too – the kernel closes the pipe and the shell kills the program.
//! A "die with your parent" request to the kernel would follow the *thread* that started the program, which test runners
//! end early. Both live in a process group of their own: a Ctrl-C is for us to act on, not for them.

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// `$1` log file, `$2` directory to remove when we die (or empty), then the program and its arguments.
///
/// The watcher makes itself deaf to TERM before it kills, so that the clean-up is not cut short by the last line but one.
const GUARD: &str = r#"
log=$1 scratch=$2
shift 2
exec 3<&0
"$@" </dev/null 3<&- >>"$log" 2>&1 &
program=$!
echo "$program"
(
    cat <&3 >/dev/null
    trap '' TERM
    kill -9 "$program"
    [ -z "$scratch" ] || { sleep 1; rm -rf -- "$scratch"; }
) >/dev/null 2>&1 &
watcher=$!
exec 3<&- >/dev/null
wait "$program"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"#;

const POLL_MS: u64 = 20;

/// What can be sent to a running program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Asks it to end in good order.
    Terminate,
    Kill,
    /// Freezes it until [`Signal::Continue`].
    Stop,
    Continue,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Terminate => "TERM",
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
        }
    }
}

/// A running program that is killed when this value, or this process, goes away.
#[derive(Debug)]
pub struct Guarded {
    shell: Child,
    /// The only writing end. Held apart from the shell, because waiting for a child closes its input first.
    pipe: Option<ChildStdin>,
    pid: u32,
}

impl Guarded {
    /// Starts `command` (program, arguments, environment and directory of it are used); its output is appended to `log`.
    ///
    /// `scratch` is removed with everything in it when this process dies first.
    pub fn spawn(command: &Command, log: &Path, scratch: Option<&Path>) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(GUARD).arg("guard").arg(log).arg(scratch.unwrap_or(Path::new("")));
        shell.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            shell.current_dir(dir);
        }
        // What the shell itself would say is that its job was killed.
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = shell.process_group(0).spawn()?;
        let mut first_line = String::new();
        if let Some(stdout) = shell.stdout.take() {
            BufReader::new(stdout).read_line(&mut first_line)?;
        }
        match first_line.trim().parse() {
            Ok(pid) => Ok(Self { pipe: shell.stdin.take(), shell, pid }),
            Err(_) => Err(io::Error::other(format!("the guarding shell did not start {:?}", command.get_program()))),
        }
    }

    /// The process id of the program itself, not of the shell.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal to the program; nothing happens when it has ended.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        if self.exited()?.is_some() {
            return Ok(());
        }
        // The shell's own `kill`: the program of that name is not installed everywhere.
        let send = format!("kill -{} {} 2>/dev/null", signal.name(), self.pid);
        Command::new("sh").arg("-c").arg(send).status().map(drop)
    }

    /// The exit code once the program has ended; 128 + number when a signal ended it.
    pub fn exited(&mut self) -> io::Result<Option<i32>> {
        Ok(self.shell.try_wait()?.map(|status| status.code().unwrap_or(-1)))
    }

    /// Waits until the program has ended; `None` when it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> io::Result<Option<i32>> {
        let mut left_ms = limit.as_millis() as u64;
        loop {
            if let Some(code) = self.exited()? {
                return Ok(Some(code));
            }
            if left_ms == 0 {
                return Ok(None);
            }
            let pause_ms = left_ms.min(POLL_MS);
            pause(Duration::from_millis(pause_ms));
            left_ms -= pause_ms;
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The pipe is closed last: closed before the program is gone, it says that *we* are, and the scratch directory
        // goes too. Nothing can be done about an error here; the closed pipe kills the program in any case.
        if self.signal(Signal::Kill).is_err() {
            self.pipe = None;
        }
        let _ = self.shell.wait();
    }
}

/// Waits in real time: what is waited for is another process, and no decision depends on it.
#[expect(clippy::disallowed_methods, reason = "another process is waited for; nothing that is decided depends on it")]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(dir: &Path) -> Guarded {
        let mut command = Command::new("sh");
        command.arg("-c").arg("echo up $WORD; trap 'exit 7' TERM; while :; do sleep 0.05; done").env("WORD", "here");
        Guarded::spawn(&command, &dir.join("log"), None).unwrap()
    }

    fn alive(pid: u32) -> bool {
        Command::new("sh").arg("-c").arg(format!("kill -0 {pid} 2>/dev/null")).status().unwrap().success()
    }

    fn wait_for_log(dir: &Path) -> String {
        for _ in 0..500 {
            let text = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
            if !text.is_empty() {
                return text;
            }
            pause(Duration::from_millis(POLL_MS));
        }
        panic!("nothing was logged in 10 s");
    }

    #[test]
    fn output_environment_and_exit_code_come_through() {
        let dir = tempfile::tempdir().unwrap();
        let mut program = sleeper(dir.path());
        assert_eq!(wait_for_log(dir.path()), "up here\n");
        assert_eq!(program.wait(Duration::ZERO).unwrap(), None);
        program.signal(Signal::Terminate).unwrap();
        assert_eq!(program.wait(Duration::from_secs(20)).unwrap(), Some(7));
        program.signal(Signal::Kill).unwrap();
    }

    #[test]
    fn a_killed_and_a_frozen_program_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut killed = sleeper(dir.path());
        killed.signal(Signal::Kill).unwrap();
        assert_eq!(killed.wait(Duration::from_secs(20)).unwrap(), Some(137));

        let mut frozen = sleeper(dir.path());
        let pid = frozen.pid();
        frozen.signal(Signal::Stop).unwrap();
        drop(frozen);
        assert!(!alive(pid));
    }
}
