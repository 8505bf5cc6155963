//! How a command ends: 0 done, 1 a negative finding, 2 wrong input or usage, 3 a part out of reach, 130 interrupted.

use std::fmt::Display;

/// A command that did not end well, with what to tell the person.
#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    pub message: String,
}

impl Failure {
    /// A negative finding: the command worked, the answer is no.
    pub fn finding(message: impl Display) -> Self {
        Self { code: 1, message: message.to_string() }
    }

    /// Wrong input or usage.
    pub fn input(message: impl Display) -> Self {
        Self { code: 2, message: message.to_string() }
    }

    /// A broker, file system or tool is out of reach.
    pub fn reach(message: impl Display) -> Self {
        Self { code: 3, message: message.to_string() }
    }

    pub fn interrupted() -> Self {
        Self { code: 130, message: "interrupted".to_owned() }
    }
}

/// What every command returns.
pub type Ended = Result<(), Failure>;
