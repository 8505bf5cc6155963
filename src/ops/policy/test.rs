//! `reflow policy test`: plays scenarios through both stages, without a broker, and says what is not as expected.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::ops::exit::{Ended, Failure};
use crate::ops::scene::{self, Difference};

/// Most scenarios of one run.
const SCENARIOS_MAX: usize = 10_000;

/// One scenario that was played.
#[derive(Debug)]
pub struct Tested {
    pub file: PathBuf,
    pub title: String,
    pub differences: Vec<Difference>,
    /// Codes that it expects.
    pub codes: Vec<String>,
}

/// Plays every scenario in files and folders; exit 1 when one fails, 2 when a file is none.
pub fn test(paths: &[PathBuf], json: bool) -> Ended {
    let (mut tested, mut broken) = (Vec::new(), Vec::new());
    for file in files(paths)? {
        match one(&file) {
            Ok(one) => tested.push(one),
            Err(problems) => broken.push(problems),
        }
    }
    if json {
        println!("{}", report(&tested));
    } else {
        tested.iter().for_each(|one| print!("{}", one.in_words()));
    }
    let failed = tested.iter().filter(|one| !one.differences.is_empty()).count();
    let summary = format!("{} scenarios passed, {failed} failed", tested.len() - failed);
    match (broken.is_empty(), failed) {
        (false, _) => {
            Err(Failure::input(format!("{}\n{summary}, {} are no scenarios", broken.join("\n"), broken.len())))
        }
        (true, 0) if json => Ok(()),
        (true, 0) => {
            println!("{summary}");
            Ok(())
        }
        (true, _) => Err(Failure::finding(summary)),
    }
}

/// Reads and plays one file; errs with what is wrong with it, a problem a line.
pub fn one(file: &Path) -> Result<Tested, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let scene = scene::read(file, &text, None)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let played = scene::play(&scene);
    Ok(Tested { file: file.to_owned(), title: scene.title, differences: played.differences, codes: played.codes })
}

/// The YAML files below the paths that are scenarios by their name: policies lie beside them as `*.policy.yaml`.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        collect(path, true, &mut found).map_err(|error| {
            Failure::input(format!("{}: {error}; name scenario files, or folders of them", path.display()))
        })?;
    }
    found.sort();
    match found.len() {
        0 => Err(Failure::input("no scenario found; name files, or folders with files that end in .yaml")),
        count if count > SCENARIOS_MAX => {
            Err(Failure::input(format!("{count} scenarios, at most {SCENARIOS_MAX} in one run; name fewer folders")))
        }
        _ => Ok(found),
    }
}

fn collect(path: &Path, named: bool, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            collect(&entry?.path(), false, found)?;
        }
        return Ok(());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let scenario = name.ends_with(".yaml") && !name.ends_with(".policy.yaml") && !name.starts_with('.');
    if named {
        std::fs::metadata(path)?;
    }
    if named || scenario {
        found.push(path.to_owned());
    }
    Ok(())
}

impl Tested {
    /// A failing scenario with each difference; nothing for one that passed.
    pub fn in_words(&self) -> String {
        let mut text = String::new();
        if !self.differences.is_empty() {
            text = format!("{}\n", self.title);
        }
        for difference in &self.differences {
            let (file, place) = (self.file.display(), difference.place);
            text.push_str(&format!(
                "  {file}:{}:{}\n    expected {}\n    found    {}\n",
                place.line, place.column, difference.expected, difference.found
            ));
        }
        text
    }
}

fn report(tested: &[Tested]) -> Json {
    let of = |one: &Tested| {
        let differences = one.differences.iter().map(|difference| {
            json!({
                "line": difference.place.line, "column": difference.place.column,
                "expected": difference.expected, "found": difference.found,
            })
        });
        json!({
            "file": one.file, "scenario": one.title, "passed": one.differences.is_empty(),
            "differences": differences.collect::<Vec<_>>(),
        })
    };
    let passed = tested.iter().filter(|one| one.differences.is_empty()).count();
    json!({ "passed": passed, "failed": tested.len() - passed, "scenarios": tested.iter().map(of).collect::<Vec<_>>() })
}
