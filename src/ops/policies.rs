//! Reading policy files for the pure policy module.

use std::path::PathBuf;

use super::exit::Failure;
use crate::policy::{Policy, PolicySet};

/// Reads and checks every file; all problems of all files are told at once.
pub fn load(files: &[PathBuf]) -> Result<PolicySet, Failure> {
    let (mut policies, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let name = file.display().to_string();
        match std::fs::read_to_string(file) {
            Ok(text) => match Policy::parse(&name, &text) {
                Ok(policy) => policies.push(policy),
                Err(found) => problems.extend(found.iter().map(ToString::to_string)),
            },
            Err(error) => problems.push(format!("{name}: {error}; name readable policy files")),
        }
    }
    if problems.is_empty() {
        PolicySet::new(policies)
            .map_err(|found| Failure::input(found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
    } else {
        Err(Failure::input(problems.join("\n")))
    }
}
