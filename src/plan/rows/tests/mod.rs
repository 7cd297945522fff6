//! Rows and columns over small tables: what comes out, what is refused, and the laws that hold for all tables.

mod folds;
mod laws;
mod refused;

use crate::{
    analysis::{Main, Program, check, load},
    diag::Diagnostics,
    plan::{domain::Dataset, eval::Evaluator, value::Value},
    tables::Cell,
};
use std::{collections::BTreeSet, fs, path::Path};

/// A folder with tables, by name.
fn folder(tables: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in tables {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }
    folder
}

/// What `see` makes of the value of a program's last item; else what was reported, with the place and the help.
fn last<T>(
    folder: &Path,
    text: &str,
    checked: bool,
    see: impl FnOnce(&mut Evaluator<'_, '_>, Value<'_>) -> T,
) -> Result<T, Vec<String>> {
    let mut diagnostics = Diagnostics::new();
    let program = load(
        Main::Text {
            name: "main.mtl",
            folder,
            text,
        },
        &mut diagnostics,
    );
    if checked {
        check(&program, &mut diagnostics);
    }
    if diagnostics.has_errors() {
        return Err(told(&program, &diagnostics));
    }
    let made = {
        let mut evaluator = Evaluator::new(&program, &mut diagnostics);
        let (id, item) = program.items(program.main).last().expect("the program has items");
        let value = evaluator.item(id, item.span);
        value.map(|value| see(&mut evaluator, value))
    };
    made.map_err(|_| told(&program, &diagnostics))
}

fn told(program: &Program, diagnostics: &Diagnostics) -> Vec<String> {
    let words = |d: &crate::diag::Diagnostic| {
        let at = d.span().map(|span| program.sources.text(span)).unwrap_or_default();
        let help = d.help.as_deref().unwrap_or_default();
        format!("{} at `{at}`: {} | {help}", d.code.id, d.message)
    };
    diagnostics.iter().map(words).collect()
}

fn data(evaluator: &mut Evaluator<'_, '_>, value: &Value<'_>) -> Dataset {
    match value {
        Value::Rows(data) | Value::Dataset(data) => Dataset::clone(data),
        Value::Cohort(cohort) => cohort.data.clone(),
        Value::Task(task) => task.cohort.data.clone(),
        other => panic!("a {} after {} mistakes", other.type_name(), evaluator.diagnostics.len()),
    }
}

/// The selected rows, each as the values of some columns, a missing one as `-`.
fn rows(data: &Dataset, columns: &[&str]) -> Vec<String> {
    let cell = |name: &&str, row: u32| {
        let column = data.table.column(name).expect("the column is there");
        match &column.cells[row as usize] {
            Cell::Missing => "-".to_owned(),
            cell => cell.to_string(),
        }
    };
    let line = |row: &u32| {
        columns
            .iter()
            .map(|name| cell(name, *row))
            .collect::<Vec<_>>()
            .join(" ")
    };
    data.rows.iter().map(line).collect()
}

/// The rows that a pipe of `steps` makes of `clinic.csv`.
#[track_caller]
fn gives(steps: &str, columns: &[&str], expected: &[&str]) {
    let folder = folder(TABLES);
    let text = format!("let clinic = rows(\"clinic.csv\")\nlet v = clinic {steps}\n");
    let found = last(folder.path(), &text, true, |e, value| rows(&data(e, &value), columns));
    assert_eq!(
        found.as_deref(),
        Ok(&expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
        "{steps}"
    );
}

const TABLES: &[(&str, &str)] = &[
    (
        "clinic.csv",
        "id,age,born,seen,sex,label,smoker\n\
         A1,39,1980-05-01,2020-04-30, F ,M,true\n\
         A2,40,1980-05-01,2020-05-01,m,B,false\n\
         B1,59,1960-02-29,2019-02-28,f,malignant,\n\
         B2,,1960-02-29,2019-03-01,F,,true\n",
    ),
    (
        "visits.csv",
        "id,day,stage\nA1,2020-01-01,1\nA1,2020-03-01,2\nA2,2019-01-01,3\nA1,2020-03-01,4\nB1,2018-07-07,5\n",
    ),
    ("sites.csv", "id,site,age\nA1,north,1\nA2,south,2\nB1,south,3\n"),
    (
        "films.csv",
        "image,id,label\na.png,A1,M\nb.png,A1,M\nc.png,A2,B\nd.png,B1,B\n",
    ),
    ("more/films.csv", "label,image,id\nM,a.png,C1\nB,e.png,C2\n"),
    ("numbers.csv", "image,id,label\nf.png,1,M\ng.png,2,B\n"),
    ("twins.csv", "id,same_as\nA2,A1\n"),
    ("others.csv", "id,same_as\nX,Y\n"),
];

#[test]
fn columns_are_computed_row_by_row() {
    gives(
        "|> where((r) => r.age != none) |> derive(\"band\", (r) => bin(r.age, [40, 59]))",
        &["id", "band"],
        &["A1 <40", "A2 [40, 59)", "B1 >=59"],
    );
    gives(
        "|> drop_missing(\"age\") |> derive(\"band\", (r) => bin(r.age, [39.5], labels: [\"young\", \"old\"]))",
        &["band"],
        &["young", "old", "old"],
    );
    gives(
        "|> drop_missing(\"label\") |> derive(\"label\", (r) => recode(r.label, { \"M\": \"malignant\", \"B\": \"benign\" }))",
        &["label"],
        &["malignant", "benign", "malignant"],
    );
    gives(
        "|> drop_missing([\"label\", \"age\"]) |> derive(\"x\", (r) => recode(r.age, { \"39\": 1 }, otherwise: 0))",
        &["x"],
        &["1", "0", "0"],
    );
    gives(
        "|> derive(\"sex\", (r) => lower(trim(r.sex)))",
        &["sex"],
        &["f", "m", "f", "f"],
    );
    gives(
        "|> derive({ letter: (r) => match(r.id, r\"^[AB]\"), number: (r) => match(r.id, r\"(\\d)$\"), a: (r) => match(r.id, r\"A.\") })",
        &["letter", "number", "a"],
        &["A 1 A1", "A 2 A2", "B 1 -", "B 2 -"],
    );
    gives(
        "|> derive(\"at\", (r) => years(r.born, r.seen)) |> where((r) => r.seen >= date(\"2019-03-01\"))",
        &["id", "at"],
        &["A1 39", "A2 40", "B2 59"],
    );
    gives(
        "|> where((r) => r.smoker == none or r.smoker)",
        &["id"],
        &["A1", "B1", "B2"],
    );
    gives(
        "|> derive(\"x\", (r) => if r.age == none { none } else { r.age / 2.0 })",
        &["x"],
        &["19.5", "20", "29.5", "-"],
    );
    gives(
        "|> derive(\"x\", (r) => if r.id == \"A1\" { 1 } else { 0.5 })",
        &["x"],
        &["1", "0.5", "0.5", "0.5"],
    );
}

#[test]
fn rows_of_two_tables_are_joined_by_their_keys() {
    let newest = "rows(\"visits.csv\") |> where((r) => r.stage < 4) |> latest(by: \"id\", date: \"day\")";
    gives(
        &format!("|> join({newest}, on: \"id\", unmatched: keep)"),
        &["id", "stage"],
        &["A1 2", "A2 3", "B1 -", "B2 -"],
    );
    gives(
        &format!("|> join({newest}, on: \"id\", columns: \"day\", unmatched: drop)"),
        &["id", "day"],
        &["A1 2020-03-01", "A2 2019-01-01"],
    );
    gives("|> anti_join(rows(\"sites.csv\"), on: \"id\")", &["id"], &["B2"]);
    gives("|> anti_join(rows(\"visits.csv\"), on: [\"id\"])", &["id"], &["B2"]);
    gives(
        "|> join(rows(\"sites.csv\"), on: \"id\", columns: [], unmatched: drop) |> derive(\"n\", (r) => 1)",
        &["id", "n"],
        &["A1 1", "A2 1", "B1 1"],
    );
    // Rows of one date stay together.
    let folder = folder(TABLES);
    let text = "let v = rows(\"visits.csv\") |> latest(by: \"id\", date: \"day\")\n";
    let found = last(folder.path(), text, true, |e, value| {
        rows(&data(e, &value), &["id", "stage"])
    });
    assert_eq!(
        found.as_deref(),
        Ok(&["A1 2", "A2 3", "A1 4", "B1 5"].map(str::to_owned)[..])
    );
}

#[test]
fn rows_of_two_tables_one_after_the_other_keep_their_origin() {
    let folder = folder(TABLES);
    let text = "let v = table(\"films.csv\") ++ (table(\"more/films.csv\") |> where((r) => r.label == \"B\"))\n";
    let found = last(folder.path(), text, true, |e, value| {
        let data = data(e, &value);
        let places: Vec<_> = data.rows.iter().map(|&row| data.table.place(row as usize)).collect();
        let names: Vec<_> = data
            .rows
            .iter()
            .map(|&row| data.table.table.sample_name(row as usize))
            .collect();
        (rows(&data, &["id", "label"]), places[3..].to_vec(), names[3..].to_vec())
    });
    let (rows, places, names) = found.expect("the tables agree");
    assert_eq!(rows, ["A1 M", "A1 M", "A2 B", "B1 B", "C2 B"]);
    assert_eq!(places, ["line 5 of films.csv", "line 3 of more/films.csv"]);
    assert_eq!(names, ["d.png", "more/e.png"]);

    // The same file is the same picture, in whichever table it stands, and equal names in two folders are two.
    let text = "let v = table(\"films.csv\") ++ table(\"more/films.csv\") ++ table(\"films.csv\")\n";
    let found = last(folder.path(), text, true, |e, value| {
        let data = data(e, &value);
        let pictures: Vec<u32> = data
            .rows
            .iter()
            .map(|&row| data.table.picture(row as usize, &mut e.identities))
            .collect();
        let warned: Vec<_> = e.diagnostics.iter().map(|d| d.code.id).collect();
        (pictures, warned)
    });
    let (pictures, warned) = found.expect("a warning is no error");
    assert_eq!(pictures[..4], pictures[6..]);
    assert_eq!(pictures.iter().collect::<BTreeSet<_>>().len(), 6);
    assert_eq!(warned, ["mtl::data::picture_twice"]);
}

/// A param that is a day is set as days are written.
#[test]
fn a_day_comes_from_outside() {
    let folder = folder(TABLES);
    let text =
        "param since: date = date(\"2019-01-01\")\nlet v = rows(\"clinic.csv\") |> where((r) => r.seen >= since)\n";
    let found = last(folder.path(), text, true, |e, value| data(e, &value).rows.len());
    assert_eq!(found, Ok(4));
    let mut diagnostics = Diagnostics::new();
    let main = Main::Text {
        name: "main.mtl",
        folder: folder.path(),
        text,
    };
    let mut program = load(main, &mut diagnostics);
    program.set_param("since", "2020-01-01").expect("it is a day");
    check(&program, &mut diagnostics);
    let mut evaluator = Evaluator::new(&program, &mut diagnostics);
    let (id, item) = program.items(program.main).last().expect("the program has items");
    let value = evaluator.item(id, item.span).expect("it is right");
    assert_eq!(data(&mut evaluator, &value).rows.len(), 2);
}
