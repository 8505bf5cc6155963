//! Reading policy files for the pure policy module. A policy is one file, several files, or the YAML files of one directory.

use std::io::{Error, Read};
use std::path::{Path, PathBuf};

use super::exit::Failure;
use crate::policy::document::{BYTES_MAX, PARTS_MAX};
use crate::policy::{Document, Part, Policy, PolicySet, Problem};

/// Reads and checks every policy, each a file or a directory; all problems of all files are told at once.
pub fn load(paths: &[PathBuf]) -> Result<PolicySet, Failure> {
    let (mut policies, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match document(std::slice::from_ref(path)) {
            Ok(document) => match Policy::read(&document) {
                Ok(policy) => policies.push(policy),
                Err(found) => problems.push(lines(&found)),
            },
            Err(failure) => problems.push(failure.message),
        }
    }
    if problems.is_empty() {
        PolicySet::new(policies).map_err(|found| Failure::input(lines(&found)))
    } else {
        Err(Failure::input(problems.join("\n")))
    }
}

/// Reads the files of one policy; a directory stands for the YAML files in it. Nothing is checked.
pub fn document(paths: &[PathBuf]) -> Result<Document, Failure> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match if path.is_dir() { yaml_files(path) } else { Ok(vec![path.clone()]) } {
            Ok(found) if found.is_empty() => {
                problems
                    .push(format!("{}: no file ends in .yaml or .yml; name the directory of a policy", path.display()));
            }
            Ok(found) => files.extend(found),
            Err(error) => problems.push(unreadable(path, &error)),
        }
    }
    if files.len() > PARTS_MAX {
        problems.push(format!("{} files are named, a policy has at most {PARTS_MAX}; join some of them", files.len()));
        files.clear();
    }
    let mut parts = Vec::new();
    for file in files {
        match read(&file) {
            Ok(text) => parts.push(Part::new(file.display().to_string(), text)),
            Err(error) => problems.push(unreadable(&file, &error)),
        }
    }
    if problems.is_empty() { Ok(Document::of(parts)) } else { Err(Failure::input(problems.join("\n"))) }
}

/// Every problem on a line of its own.
pub fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The YAML files in a directory by name, without hidden ones and without what lies in directories below.
fn yaml_files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml && !hidden && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// At most one byte more than a policy may have: the reader of policies says that it is too long.
fn read(file: &Path) -> Result<String, Error> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn unreadable(path: &Path, error: &Error) -> String {
    format!("{}: {error}; name readable policy files", path.display())
}
