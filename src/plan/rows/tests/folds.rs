//! Splits by several columns, by spellings, and by site.

use super::{TABLES, folder, last};
use crate::{
    plan::{domain::part_of, value::Value},
    tables::split::Part,
};

#[test]
fn folds_of_several_columns_and_spellings() {
    let folder = folder(TABLES);
    let groups = |rest: &str| {
        let text = format!("let v = table(\"films.csv\") |> split(holdout(val: 0%, test: 50%), seed: 1, {rest})\n");
        last(folder.path(), &text, true, |e, value| match value {
            Value::Cohort(cohort) => {
                let warned: Vec<_> = e.diagnostics.iter().map(|d| d.code.id).collect();
                (cohort.assignment.groups.clone(), cohort.assignment.rows.clone(), warned)
            }
            _ => panic!("no cohort"),
        })
    };
    let (names, rows, warned) = groups("by: [\"id\", \"image\"]").expect("it can be split");
    assert_eq!((names.len(), rows), (4, vec![0, 1, 2, 3]));
    assert!(warned.is_empty(), "`id` is no name that says patient: {warned:?}");
    let (names, rows, _) = groups("by: \"id\", id_map: \"twins.csv\"").expect("it can be split");
    assert_eq!(
        (names, rows),
        (vec!["A1".to_owned(), "B1".to_owned()], vec![0, 0, 0, 1])
    );
    let told = groups("by: \"id\", id_map: \"others.csv\"").expect_err("nobody is in it");
    assert!(
        told[0].starts_with("mtl::data::unmatched at `\"others.csv\"`"),
        "{told:?}"
    );
    let told = groups("id_map: \"twins.csv\"").expect_err("no groups");
    assert!(
        told[0].contains("plan::bad_value") && told[0].contains("by: \"patient\""),
        "{told:?}"
    );
    let told = groups("by: \"id\", id_map: \"sites.csv\"").expect_err("no column");
    assert!(
        told[0].contains("data::no_column") && told[0].contains("same_as"),
        "{told:?}"
    );
}

#[test]
fn a_site_is_left_out_at_a_time() {
    let folder = folder(&[
        (
            "f.csv",
            "image,patient,site,label\n1.png,P1,2,a\n2.png,P1,2,b\n3.png,P2,10,a\n4.png,P3,10,b\n5.png,P4,9,a\n6.png,P5,9,b\n",
        ),
        ("torn.csv", "image,patient,site\n1.png,P1,2\n2.png,P1,3\n3.png,P2,3\n"),
        ("holes.csv", "image,patient,site\n1.png,P1,2\n2.png,P2,\n3.png,P2,3\n"),
        ("one.csv", "image,patient,site\n1.png,P1,2\n2.png,P2,2\n"),
    ]);
    let split = |table: &str| {
        let text =
            format!("let v = table(\"{table}\") |> split(leave_one_out(\"site\", tuning: 0%), by: \"patient\")\n");
        last(folder.path(), &text, true, |_, value| match value {
            Value::Cohort(cohort) => {
                let tested = |member: usize| {
                    let row = |row: &u32| part_of(&cohort, member, *row) == Some(Part::Test);
                    cohort.data.rows.iter().copied().filter(row).collect::<Vec<_>>()
                };
                let tested: Vec<_> = (0..cohort.assignment.members.len()).map(tested).collect();
                (tested, cohort.words.clone())
            }
            _ => panic!("no cohort"),
        })
    };
    let (tested, words) = split("f.csv").expect("it can be split");
    assert_eq!(tested, [vec![2, 3], vec![0, 1], vec![4, 5]], "by the letters");
    assert!(
        words.starts_with("one fold for each site: 10, 2, 9 by patient"),
        "{words}"
    );
    for (table, code, words) in [
        (
            "torn.csv",
            "group_in_two_parts",
            &["`P1`", "`2` (line 2 of torn.csv)", "`3` (line 3 of torn.csv)"][..],
        ),
        (
            "holes.csv",
            "missing_value",
            &["`site` is missing in line 3", "drop_missing(\"site\")"],
        ),
        ("one.csv", "bad_split", &["at least 2 folds"]),
    ] {
        let told = split(table).expect_err(table);
        assert!(
            told[0].contains(code) && words.iter().all(|word| told[0].contains(word)),
            "{told:?}"
        );
    }
}
