//! A card's files: a page, JSON for programs, and a CSV file per table.

use super::{ReportError, numbers};
use crate::plan::stage::{Card, CardTable, CardValue};
use ::csv::Writer;
use askama::Template;
use serde::{Serialize, Serializer};

/// The page of a card.
#[derive(Template)]
#[template(path = "card.html")]
struct Page<'a> {
    card: &'a Card,
    version: &'a str,
    facts: Vec<(String, &'a str)>,
    tables: Vec<Table<'a>>,
}

/// A table as the page shows it.
struct Table<'a> {
    name: &'a str,
    note: &'a str,
    columns: Vec<Cell>,
    rows: Vec<Vec<Cell>>,
}

/// A head or a value of a column of texts or of numbers.
struct Cell {
    value: String,
    is_number: bool,
}

/// What other programs read; the schema is `mtl.card/1`.
#[derive(Serialize)]
struct Json<'a> {
    schema: &'static str,
    kind: &'a str,
    name: &'a str,
    program: &'a str,
    about: &'a [String],
    facts: Vec<JsonFact<'a>>,
    tables: Vec<JsonTable<'a>>,
}

#[derive(Serialize)]
struct JsonFact<'a> {
    name: &'a str,
    value: &'a CardValue,
}

#[derive(Serialize)]
struct JsonTable<'a> {
    name: &'a str,
    columns: &'a [String],
    rows: Rows<'a>,
}

/// The rows of a table as records.
struct Rows<'a>(&'a CardTable);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.records())
    }
}

/// The files of a card with their names: `report.html`, `card.json`, `<table>.csv`.
///
/// # Errors
/// When a file cannot be written to memory.
pub fn card(card: &Card, version: &str) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let page = Page {
        card,
        version,
        facts: card
            .facts
            .iter()
            .map(|(value, name)| (shown(value), name.as_str()))
            .collect(),
        tables: card.tables.iter().map(Table::of).collect(),
    };
    let mut files = vec![
        ("report.html".to_owned(), page.render()?.into_bytes()),
        ("card.json".to_owned(), json(card)?),
    ];
    for table in &card.tables {
        files.push((format!("{}.csv", table.name.replace(' ', "_")), csv(table)?));
    }
    Ok(files)
}

impl<'a> Table<'a> {
    fn of(table: &'a CardTable) -> Self {
        let is_number = |column: usize| {
            let mut values = table.rows.iter().filter_map(|row| row.get(column));
            values.all(|value| !matches!(value, CardValue::Text(_)))
        };
        let numeric: Vec<bool> = (0..table.columns.len()).map(is_number).collect();
        let cells = |values: Vec<String>| -> Vec<Cell> {
            let pairs = values.into_iter().zip(&numeric);
            pairs.map(|(value, &is_number)| Cell { value, is_number }).collect()
        };
        Self {
            name: &table.name,
            note: &table.note,
            rows: table
                .rows
                .iter()
                .map(|row| cells(row.iter().map(shown).collect()))
                .collect(),
            columns: cells(table.columns.clone()),
        }
    }
}

/// A value as the page shows it.
fn shown(value: &CardValue) -> String {
    match value {
        CardValue::Count(count) => numbers::count(*count),
        CardValue::Number(number) => number.to_string(),
        CardValue::Text(text) => text.clone(),
        CardValue::None => String::new(),
    }
}

fn json(card: &Card) -> Result<Vec<u8>, ReportError> {
    let tables = card.tables.iter().map(|table| JsonTable {
        name: &table.name,
        columns: &table.columns,
        rows: Rows(table),
    });
    let json = Json {
        schema: "mtl.card/1",
        kind: &card.kind,
        name: &card.name,
        program: &card.program,
        about: &card.about,
        facts: card
            .facts
            .iter()
            .map(|(value, name)| JsonFact { name, value })
            .collect(),
        tables: tables.collect(),
    };
    let mut text = serde_json::to_vec_pretty(&json)?;
    text.push(b'\n');
    Ok(text)
}

fn csv(table: &CardTable) -> Result<Vec<u8>, ReportError> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(&table.columns)?;
    for row in &table.rows {
        writer.write_record(row.iter().map(|value| match value {
            CardValue::Count(count) => count.to_string(),
            other => shown(other),
        }))?;
    }
    writer
        .into_inner()
        .map_err(|error| ReportError::Csv(error.into_error().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_a_page_json_and_tables() -> Result<(), ReportError> {
        let made = Card {
            kind: "Network".to_owned(),
            name: "tiny <net>".to_owned(),
            program: "tiny.mtl".to_owned(),
            about: vec!["Small.".to_owned()],
            facts: vec![(CardValue::Count(12_345), "parameters".to_owned())],
            tables: vec![CardTable {
                name: "the layers".to_owned(),
                note: String::new(),
                columns: vec!["layer".to_owned(), "values".to_owned()],
                rows: vec![
                    vec![CardValue::text("conv, 3x3"), CardValue::Count(1_234)],
                    vec![CardValue::text("relu"), CardValue::None],
                ],
            }],
        };
        let files = card(&made, "1.0.0")?;
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["report.html", "card.json", "the_layers.csv"]);
        let text = |place: usize| String::from_utf8_lossy(&files[place].1).into_owned();
        assert!(text(0).contains("tiny &#60;net&#62;") && !text(0).contains("<net>"));
        let json: serde_json::Value = serde_json::from_slice(&files[1].1)?;
        assert_eq!(json["schema"], "mtl.card/1");
        assert_eq!(json["facts"][0]["value"], 12_345);
        assert_eq!(json["tables"][0]["rows"][0]["values"], 1_234);
        assert_eq!(json["tables"][0]["rows"][1]["values"], serde_json::Value::Null);
        assert_eq!(text(2), "layer,values\n\"conv, 3x3\",1234\nrelu,\n");
        Ok(())
    }
}
