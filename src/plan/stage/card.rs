//! Cards: what a network or a data set is made of, as tables.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

/// Says what a network or a data set is made of. Outputs: `report.html`, `card.json`, and one CSV file per table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// What it is a card of: `Network`, `Data set`, `Cohort`, `Task`.
    pub kind: String,
    /// The name of what it describes.
    pub name: String,
    /// The program's file name.
    pub program: String,
    /// Sentences above everything else.
    pub about: Vec<String>,
    /// The numbers of the strip under the title, with what they count.
    pub facts: Vec<(CardValue, String)>,
    /// The tables.
    pub tables: Vec<CardTable>,
}

/// A table of a card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardTable {
    /// Its name, which its CSV file has too.
    pub name: String,
    /// What a reader must know to read it; may be empty.
    pub note: String,
    /// The names of its columns, no two alike.
    pub columns: Vec<String>,
    /// One value per column in each row.
    pub rows: Vec<Vec<CardValue>>,
}

/// A value of a card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CardValue {
    /// A number of things.
    Count(u64),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Nothing to say.
    None,
}

impl CardValue {
    /// A number of things.
    #[must_use]
    pub fn count(count: usize) -> Self {
        Self::Count(count as u64)
    }

    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

impl CardTable {
    /// The rows as records: each value under its column's name, in the order of the columns.
    pub fn records(&self) -> impl Iterator<Item = impl Serialize + '_> + '_ {
        self.rows.iter().map(|row| Record {
            columns: &self.columns,
            row,
        })
    }
}

/// A row with the names of its columns.
struct Record<'a> {
    columns: &'a [String],
    row: &'a [CardValue],
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for (column, value) in self.columns.iter().zip(self.row) {
            map.serialize_entry(column, value)?;
        }
        map.end()
    }
}
