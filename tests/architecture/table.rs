//! The table of ARCHITECTURE.md: which module may know which, and which are pure.

/// One row per module, in the order of the table.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    may_know: Vec<String>,
    pure: bool,
}

impl Table {
    /// Reads the first table whose head is `module | … | may know | pure`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map(cells).skip_while(|cells| cells.first() != Some(&"module"));
        let head = lines.next().ok_or("no table that begins with the column `module`")?;
        if head != ["module", "what lives there", "may know", "pure"] {
            return Err(format!("unknown columns {head:?}"));
        }
        let cells: Vec<Vec<&str>> = lines.skip(1).take_while(|cells| cells.len() == head.len()).collect();
        let names: Vec<&str> = cells.iter().map(|row| row[0].trim_matches('`')).collect();
        let rows = cells.iter().enumerate().map(|(at, row)| {
            let may_know = may_know(row[2], at, &names).map_err(|error| format!("`{}`: {error}", names[at]))?;
            Ok(Row { name: names[at].to_owned(), may_know, pure: row[3] == "yes" })
        });
        let rows = rows.collect::<Result<Vec<_>, String>>()?;
        if rows.is_empty() { Err("the table has no rows".to_owned()) } else { Ok(Self { rows }) }
    }

    pub fn names(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.name.as_str()).collect()
    }

    pub fn is_pure(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == name && row.pure)
    }

    pub fn has(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == name)
    }

    pub fn allows(&self, from: &str, to: &str) -> bool {
        from == to || self.rows.iter().any(|row| row.name == from && row.may_know.iter().any(|known| known == to))
    }
}

/// `-`, or a list of modules and `all above`; what stands in brackets explains.
fn may_know(cell: &str, at: usize, names: &[&str]) -> Result<Vec<String>, String> {
    let mut known = Vec::new();
    for word in cell.split(',').map(|word| word.split('(').next().unwrap_or_default().trim().trim_matches('`')) {
        match word {
            "-" => {}
            "all above" => known.extend(names[..at].iter().map(|&name| name.to_owned())),
            name if names.contains(&name) => known.push(name.to_owned()),
            other => return Err(format!("`may know` names `{other}`, which is no module of the table")),
        }
    }
    Ok(known)
}

fn cells(line: &str) -> Vec<&str> {
    match line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|')) {
        Some(inner) => inner.split('|').map(str::trim).collect(),
        None => Vec::new(),
    }
}

mod tests {
    use super::*;

    const TEXT: &str = "\
# A house
| module | what lives there | may know | pure |
|---|---|---|---|
| `words` | ids | - | yes |
| `bus` | topics | words | |
| `worker` | lanes | all above, `telemetry` (its events) | |
| `telemetry` | logs | words | |

| other | table |
";

    #[test]
    fn rows_arrows_and_purity() {
        let table = Table::parse(TEXT).unwrap();
        assert_eq!(table.names(), ["words", "bus", "worker", "telemetry"]);
        assert!(table.is_pure("words") && !table.is_pure("bus"));
        assert!(table.allows("bus", "words") && table.allows("bus", "bus") && !table.allows("words", "bus"));
        assert!(table.allows("worker", "bus") && table.allows("worker", "telemetry"));
        assert!(!table.allows("telemetry", "worker"));
    }

    #[test]
    fn a_table_that_cannot_be_read_is_an_error() {
        assert!(Table::parse("nothing").unwrap_err().contains("no table"));
        assert!(Table::parse(&TEXT.replace("| words |", "| wrods |")).unwrap_err().contains("`wrods`"));
        assert!(Table::parse(TEXT.split_at(TEXT.find("| `words`").unwrap()).0).unwrap_err().contains("no rows"));
    }
}
