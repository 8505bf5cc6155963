//! What the environment says; read here and nowhere else.

/// In front of every setting; `__` stands between levels: `REFLOW_KAFKA__BOOTSTRAP`.
pub const PREFIX: &str = "REFLOW_";
/// Variables with that prefix that are not settings.
const OTHER: [&str; 6] =
    ["REFLOW_CONFIG", "REFLOW_CACHE", "REFLOW_REAL_DATA", "REFLOW_LOG", "REFLOW_LOG_FORMAT", "REFLOW_TEST"];

/// Every `REFLOW_…` variable that is a setting.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn settings() -> impl Iterator<Item = (String, String)> {
    std::env::vars().filter(|(name, _)| name.starts_with(PREFIX) && !OTHER.iter().any(|other| name.starts_with(other)))
}

/// How to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `REFLOW_LOG`: levels per module.
    pub filter: Option<String>,
    /// `REFLOW_LOG_FORMAT=json`: one JSON object a line.
    pub json: bool,
    /// Off when `NO_COLOR` is set and not empty (no-color.org).
    pub colour: bool,
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn log() -> Log {
    Log {
        filter: std::env::var("REFLOW_LOG").ok(),
        json: std::env::var("REFLOW_LOG_FORMAT").is_ok_and(|format| format == "json"),
        colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// True when the terminal can show lines only.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn dumb_terminal() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
