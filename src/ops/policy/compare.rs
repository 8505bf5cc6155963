//! `reflow policy diff`: two documents, compared by partner and part.

use std::path::PathBuf;

use crate::ops::exit::{Ended, Failure};
use crate::ops::policies::{document, lines};
use crate::policy::diff::{Change, Where, diff};

pub fn compare(before: PathBuf, after: PathBuf, json: bool) -> Ended {
    let (before, after) = (document(&[before])?, document(&[after])?);
    let changes = diff(&before, &after).map_err(|found| Failure::input(lines(&found)))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&changes).map_err(Failure::reach)?);
    } else {
        changes.iter().for_each(|change| println!("{change}  ({})", places(change)));
    }
    match changes.len() {
        0 => {
            eprintln!("nothing differs");
            Ok(())
        }
        1 => Err(Failure::finding("1 difference")),
        count => Err(Failure::finding(format!("{count} differences"))),
    }
}

fn places(change: &Change) -> String {
    let place = |at: &Where| format!("{}:{}:{}", at.file, at.line, at.column);
    let both: Vec<String> = change.from_at.iter().chain(&change.to_at).map(place).collect();
    both.join(" → ")
}
