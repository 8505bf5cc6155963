//! What is shown while the demo runs: a live view on a terminal, or a line a second without one.

mod draw;
mod panels;
mod plain;
mod screen;
mod snapshot;
mod theme;

#[cfg(test)]
mod tests;

pub use snapshot::{PartnerRow, Phase, Progress, ShownRate, Snapshot};

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use self::screen::Screen;
use self::theme::Theme;
use crate::config::environment;

/// Shortest time between two frames on a terminal.
const FRAME_EVERY: Duration = Duration::from_millis(100);
/// Time between two lines without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Where the demo is shown.
pub enum View {
    Screen(Box<Screen>),
    /// One line to standard error now and then.
    Lines {
        next: Instant,
    },
}

impl View {
    /// A live view when standard output is a terminal that can show one and `plain` was not asked for. `NO_COLOR` is honoured
    /// (no-color.org: present and not empty). While a live view is open nothing else may write to the terminal.
    pub fn open(plain: bool) -> io::Result<Self> {
        if plain || environment::dumb_terminal() || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return Ok(Self::Lines { next: Instant::now() });
        }
        let colours = environment::log().colour;
        Ok(Self::Screen(Box::new(Screen::open(Theme::new(colours))?)))
    }

    /// True when a snapshot would be shown now; making one costs something.
    pub fn due(&self) -> bool {
        let next = match self {
            Self::Screen(screen) => screen.next,
            Self::Lines { next } => *next,
        };
        Instant::now() >= next
    }

    /// Shows a snapshot, if it is time.
    pub fn draw(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        if !self.due() {
            return Ok(());
        }
        match self {
            Self::Screen(screen) => {
                screen.next = Instant::now() + FRAME_EVERY;
                screen.draw(snapshot)
            }
            Self::Lines { next } => {
                *next = Instant::now() + LINE_EVERY;
                eprintln!("{}", plain::line(snapshot));
                Ok(())
            }
        }
    }

    /// True when somebody pressed Ctrl-C or `q` on the live view, where Ctrl-C is a key and no signal. Never waits.
    pub fn stop_wanted(&mut self) -> io::Result<bool> {
        match self {
            Self::Screen(screen) => screen.stop_wanted(),
            Self::Lines { .. } => Ok(false),
        }
    }
}
