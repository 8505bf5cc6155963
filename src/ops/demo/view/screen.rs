//! The terminal: taken on opening, given back on drop and, by ratatui's own hook, on a panic.

use std::io;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::DefaultTerminal;

use super::draw::draw;
use super::snapshot::Snapshot;
use super::theme::Theme;

/// Most keys that are taken from the queue in one look.
const KEYS_PER_LOOK_MAX: usize = 64;

pub struct Screen {
    terminal: DefaultTerminal,
    theme: Theme,
    pub(super) next: Instant,
}

impl Screen {
    pub(super) fn open(theme: Theme) -> io::Result<Self> {
        Ok(Self { terminal: ratatui::try_init()?, theme, next: Instant::now() })
    }

    pub(super) fn draw(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let theme = self.theme;
        self.terminal.draw(|frame| draw(frame, snapshot, theme)).map(drop)
    }

    pub(super) fn stop_wanted(&mut self) -> io::Result<bool> {
        for _ in 0..KEYS_PER_LOOK_MAX {
            if !event::poll(Duration::ZERO)? {
                return Ok(false);
            }
            if stops(&event::read()?) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn stops(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind != KeyEventKind::Release && (control_c || key.code == KeyCode::Char('q'))
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
