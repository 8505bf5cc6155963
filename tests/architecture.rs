//! The shape of the house: arrows point as ARCHITECTURE.md says, pure modules know no IO, no file grows without end.
//!
//! The table in ARCHITECTURE.md is the source; this reads it and the imports of every file below `src/`. It reads text,
//! not types: comments and literals are taken out first, and unit tests may do as they like.

mod architecture {
    pub mod rules;
    pub mod source;
    pub mod table;
}

use std::path::{Path, PathBuf};

use architecture::rules;
use architecture::source::SourceFile;
use architecture::table::Table;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> Table {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    Table::parse(&text).unwrap_or_else(|error| panic!("ARCHITECTURE.md: {error}"))
}

fn sources(below: &str) -> Vec<SourceFile> {
    let src = root().join(below);
    let mut files = Vec::new();
    collect(&src, &mut files);
    files.sort();
    let name = |path: &Path| path.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
    files.iter().map(|path| SourceFile::new(&name(path), &std::fs::read_to_string(path).unwrap())).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn every_file_keeps_the_rules() {
    let (table, sources) = (table(), sources("src"));
    assert!(!sources.is_empty(), "no source file was read");
    let breaches: Vec<String> = sources.iter().flat_map(|file| rules::breaches(file, &table)).collect();
    println!("{} files read, {} breaches", sources.len(), breaches.len());
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn the_table_lists_the_modules_of_the_library_in_its_order() {
    let lib = SourceFile::new("lib.rs", &std::fs::read_to_string(root().join("src/lib.rs")).unwrap());
    assert_eq!(table().names(), lib.declared_modules());
}

#[test]
fn what_must_be_pure_is_pure_in_the_table() {
    let table = table();
    let pure: Vec<&str> = table.names().into_iter().filter(|name| table.is_pure(name)).collect();
    assert_eq!(pure, ["domain", "store", "wire", "policy", "customer", "partner"]);
}

#[test]
fn the_oracle_knows_the_words_and_nothing_else() {
    let sources = sources("tests/oracle/src");
    assert!(!sources.is_empty(), "no source file was read");
    let known = |file: &SourceFile| file.after("reflow::").into_iter().filter(|module| module != "domain");
    let more: Vec<String> =
        sources.iter().flat_map(|file| known(file).map(|module| format!("{}: {module}", file.path))).collect();
    assert!(more.is_empty(), "an oracle that asks the product is none: {more:?}");
}
