//! Mistakes: what is said, where, and how to mend it.

use super::{TABLES, data, folder, last};

/// A mistake with a code, at what is written, whose message and help have some words.
#[track_caller]
fn refused(expression: &str, code: &str, at: &str, words: &[&str]) {
    refused_by(true, expression, code, at, words);
}

/// As [`refused`], by the planner alone where the program is not checked before: a column that comes out of a function,
/// of which the checker knows no type, gives the same.
#[track_caller]
fn refused_by(checked: bool, expression: &str, code: &str, at: &str, words: &[&str]) {
    let folder = folder(TABLES);
    let text = format!("let clinic = rows(\"clinic.csv\")\nlet films = table(\"films.csv\")\nlet v = {expression}\n");
    let found = last(folder.path(), &text, checked, |_, value| value.display()).expect_err(expression);
    let hit = found
        .iter()
        .any(|d| d.starts_with(&format!("mtl::{code} at `{at}`")) && words.iter().all(|word| d.contains(word)));
    assert!(hit, "{expression}: {found:#?}");
}

#[test]
fn mistakes_name_the_place_and_the_mend() {
    let derive = |body: &str| format!("clinic |> derive(\"x\", (r) => {body})");
    for (body, code, at, words) in [
        (
            "bin(r.age, [40])",
            "data::missing_value",
            "r.age",
            &["line 5 of clinic.csv"][..],
        ),
        (
            "bin(r.sex, [40])",
            "plan::unexpected_value",
            "r.sex",
            &["\" F \" (text) in line 2"],
        ),
        (
            "bin(r.smoker, [1])",
            "plan::unexpected_value",
            "r.smoker",
            &["true (bool) in line 2"],
        ),
        ("bin(1, [3, 2])", "plan::bad_value", "[3, 2]", &["ascend"]),
        (
            "bin(1, [3], labels: [\"a\"])",
            "plan::bad_value",
            "[\"a\"]",
            &["2 intervals"],
        ),
        (
            "match(r.id, \"(\")",
            "plan::bad_pattern",
            "\"(\"",
            &["unclosed group", "raw"],
        ),
        (
            "years(r.born, r.id)",
            "plan::unexpected_value",
            "r.id",
            &["a date", "\"A1\" (text) in line 2", "2020-01-31"],
        ),
        (
            "date(\"1.2.2020\")",
            "plan::bad_value",
            "date(\"1.2.2020\")",
            &["is no day in line 2", "ISO 8601"],
        ),
        (
            "r.born < \"1970-01-01\"",
            "plan::unexpected_value",
            "r.born < \"1970-01-01\"",
            &["date(\"1980-05-01\")", "date(\"2020-01-31\")"],
        ),
        (
            "r.id == 3",
            "plan::unexpected_value",
            "r.id == 3",
            &["cannot be compared in line 2 of clinic.csv", "texts"],
        ),
        (
            "lower(r.age)",
            "plan::unexpected_value",
            "r.age",
            &["a text, found 39 (int)"],
        ),
        (
            "if r.id == \"A1\" { r.id } else { r.smoker }",
            "data::mixed_column",
            "if r.id == \"A1\" { r.id } else { r.smoker }",
            &["bool in line 3", "text in line 2"],
        ),
        (
            "[r.id]",
            "plan::unexpected_value",
            "[r.id]",
            &["column can hold", "list"],
        ),
        ("r.agee", "data::no_column", "agee", &["did you mean `age`"]),
    ] {
        refused_by(false, &derive(body), code, at, words);
    }
    for (body, code, at, words) in [
        ("r.agee", "data::no_column", "agee", &["did you mean `age`"][..]),
        (
            "r[\"no such\"]",
            "data::no_column",
            "\"no such\"",
            &["their columns are `id`, `age`"],
        ),
        (
            "bin(r.sex, [40])",
            "types::mismatch",
            "r.sex",
            &["expected `float`, found `text`"],
        ),
        (
            "years(r.born, r.id)",
            "types::mismatch",
            "r.id",
            &["expected `date`, found `text`"],
        ),
        (
            "lower(r.age)",
            "types::mismatch",
            "r.age",
            &["expected `text`, found `int`"],
        ),
        (
            "r.born < \"1970-01-01\"",
            "types::operands",
            "<",
            &["a `date` and a `text`", "date(\"2020-01-31\")"],
        ),
        ("r.id == 3", "types::operands", "==", &["a `text` and an `int`"]),
        ("r.smoker > 3", "types::operands", ">", &["a `bool`", "have an order"]),
        ("r.age in [\"39\"]", "types::operands", "in", &["an `int`"]),
        ("match(r.id, \"(\")", "plan::bad_pattern", "\"(\"", &["unclosed group"]),
    ] {
        refused(&derive(body), code, at, words);
    }
    // Columns are followed through names, pipes and joins; what a function of the program does to them is not known.
    let adult = "|> derive(\"adult\", (r) => r.age == none or r.age > 17) |> drop_missing(\"age\")";
    for (expression, at) in [
        (format!("clinic {adult} |> where((r) => r.adlt)"), "adlt"),
        ("films |> rgb |> split(whole) |> where((r) => r.labl == \"M\")".to_owned(), "labl"),
        ("clinic |> join(rows(\"sites.csv\"), on: \"id\", columns: \"site\", unmatched: drop) |> where((r) => r.sit == \"x\")".to_owned(), "sit"),
        ("(films ++ table(\"more/films.csv\")) |> where((r) => r.labell == \"M\")".to_owned(), "labell"),
    ] {
        refused(&expression, "data::no_column", at, &["did you mean"]);
    }
    for right in [
        format!("clinic {adult} |> where((r) => r.adult and r.age != none)"),
        "clinic |> join(rows(\"sites.csv\"), on: \"id\", columns: \"site\", unmatched: drop) |> where((r) => r.site == \"north\")".to_owned(),
        "clinic |> where((r) => (r.age == none or r.age in [39, 40]) and r[\"sex\"] != \"x\")".to_owned(),
    ] {
        let folder = folder(TABLES);
        let text = format!("let clinic = rows(\"clinic.csv\")\nlet v = {right}\n");
        let found = last(folder.path(), &text, true, |e, value| data(e, &value).rows.len());
        assert!(found.as_ref().is_ok_and(|count| *count > 0), "{right}: {found:?}");
    }
    refused(
        "clinic |> derive(\"x\")",
        "plan::bad_value",
        "\"x\"",
        &["needs a function"],
    );
    refused(
        "clinic |> derive(\" \", (r) => 1)",
        "plan::bad_value",
        "\" \"",
        &["no name of a column"],
    );
    refused(
        "clinic |> derive({ a: (r) => 1 }, (r) => 2)",
        "plan::bad_value",
        "(r) => 2",
        &["nothing else"],
    );
    refused("clinic |> derive({ a: (r) => q.age })", "names::unknown", "q", &[]);
    refused("clinic |> derive({ a: 3 })", "types::mismatch", "3", &["(Row) -> _"]);
    refused(
        "clinic |> drop_missing([\"age\", \"agee\"])",
        "data::no_column",
        "\"agee\"",
        &["did you mean `age`"],
    );
    refused("clinic |> drop_missing([])", "plan::bad_value", "[]", &["at least one"]);
    refused(
        "clinic |> drop_missing([\"age\", \"age\"])",
        "plan::bad_value",
        "[\"age\", \"age\"]",
        &["twice"],
    );
    refused(
        "clinic |> latest(by: \"id\", date: \"sex\")",
        "data::not_a_date",
        "\"sex\"",
        &["line 2", "2020-01-31"],
    );
    refused(
        "clinic |> latest(by: \"id\", date: \"age\")",
        "data::missing_value",
        "\"age\"",
        &["line 5", "drop_missing(\"age\")"],
    );
    refused(
        "clinic |> latest(by: \"label\", date: \"seen\")",
        "data::missing_value",
        "\"seen\"",
        &["`label` is missing in line 5"],
    );
    refused(
        "clinic |> resize(64)",
        "types::subject",
        "resize(64)",
        &["`Rows` is piped in", "join"],
    );
    refused(
        "clinic |> split(whole)",
        "types::subject",
        "split(whole)",
        &["join these rows"],
    );
    refused(
        "films ++ clinic",
        "types::operands",
        "++",
        &["a `Dataset` and a `Rows`"],
    );
    refused(
        "(films |> split(whole)) ++ films",
        "types::operands",
        "++",
        &["before the split"],
    );
}

#[test]
fn joins_that_cannot_be_made_name_the_rows() {
    let join = |rest: &str| format!("clinic |> join(rows({rest})");
    refused(
        &join("\"sites.csv\"), on: \"id\", columns: \"site\""),
        "data::unmatched",
        "\"id\"",
        &[
            "`id` `B2`",
            "line 5 of clinic.csv",
            "1 of 4",
            "unmatched: drop",
            "the nearest there is `A2`",
        ],
    );
    refused(
        &join("\"sites.csv\"), on: \"id\", unmatched: drop"),
        "data::column_twice",
        &join("\"sites.csv\"), on: \"id\", unmatched: drop")["clinic |> ".len()..],
        &["`age`", "columns: [\"site\"]"],
    );
    refused(
        &join("\"sites.csv\"), on: \"id\", columns: [\"site\", \"age\"]"),
        "data::column_twice",
        "\"age\"",
        &["derive"],
    );
    refused(
        &join("\"visits.csv\"), on: \"id\", unmatched: keep"),
        "data::key_twice",
        "\"id\"",
        &[
            "line 2 of clinic.csv",
            "line 2 of visits.csv",
            "line 3 of visits.csv",
            "latest(by: \"id\"",
        ],
    );
    refused(
        &join("\"others.csv\"), on: \"id\", unmatched: keep"),
        "data::unmatched",
        "\"id\"",
        &["4 of 4", "as they are written"],
    );
    refused(
        &join("\"sites.csv\"), on: \"patient\""),
        "data::no_column",
        "\"patient\"",
        &["its columns are"],
    );
    refused(
        &join("\"sites.csv\"), on: \"age\", columns: []"),
        "data::missing_value",
        "\"age\"",
        &["line 5 of clinic.csv"],
    );
    refused(
        &join("\"sites.csv\"), on: \"id\", unmatched: ignore"),
        "names::unknown",
        "ignore",
        &[],
    );
    refused(
        "clinic |> anti_join(clinic, on: \"id\")",
        "data::no_rows",
        "anti_join(clinic, on: \"id\")",
        &["none of 4 rows"],
    );
    refused(
        "films ++ table(\"numbers.csv\")",
        "data::mixed_column",
        "films ++ table(\"numbers.csv\")",
        &["`id` is text in films.csv and int in numbers.csv"],
    );
    refused(
        "films ++ (films |> derive(\"x\", (r) => 1))",
        "data::columns_differ",
        "films ++ (films |> derive(\"x\", (r) => 1))",
        &["`x`", "none"],
    );
    refused(
        "films ++ (table(\"more/films.csv\") |> rgb)",
        "data::prepared_differently",
        "films ++ (table(\"more/films.csv\") |> rgb)",
        &["join the tables first"],
    );
}
