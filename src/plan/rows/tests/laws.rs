//! Laws that hold for all tables.

use super::{data, folder, last, rows};
use crate::{
    plan::{
        domain::{Task, part_of},
        value::Value,
    },
    tables::split::Part,
};
use proptest::prelude::*;
use std::{collections::BTreeSet, fmt::Write as _, rc::Rc};

/// A table of films: patients of some sites, seen on some days, some ages missing.
fn films(rows: &[(u8, u8, bool)]) -> String {
    let mut text = String::from("image,patient,label,age,day\n");
    for (at, (patient, label, aged)) in rows.iter().enumerate() {
        let age = if *aged {
            (40 + at % 30).to_string()
        } else {
            String::new()
        };
        let label = ["a", "b"][usize::from(label % 2)];
        let _ = writeln!(text, "{at}.png,P{patient},{label},{age},2020-01-{:02}", 1 + at % 28);
    }
    text
}

/// Steps that select rows or add columns, whatever the kind of rows.
const STEPS: [&str; 7] = [
    "where((r) => r.day > date(\"2020-01-05\"))",
    "drop_missing(\"age\")",
    "derive(\"band\", (r) => if r.age == none { none } else { bin(r.age, [50, 60]) })",
    "derive(\"patient\", (r) => \"all\")",
    "join(other, on: \"patient\", unmatched: drop, columns: [])",
    "anti_join(other, on: \"image\")",
    "latest(by: [\"label\", \"day\"], date: \"day\")",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// `join` that drops what is unmatched and `anti_join` part the rows between them, in order; what is joined is what
    /// the other table has for the key.
    #[test]
    fn join_and_anti_join_part_the_rows(
        own in prop::collection::vec(0u8..20, 1..40),
        others in prop::collection::btree_set(0u8..20, 1..20),
    ) {
        let own_text: String = own.iter().enumerate().map(|(at, key)| format!("{at},K{key}\n")).collect();
        let other_text: String = others.iter().map(|key| format!("K{key},{}\n", u32::from(*key) * 3)).collect();
        let folder = folder(&[("own.csv", &format!("n,key\n{own_text}")), ("other.csv", &format!("key,value\n{other_text}"))]);
        let run = |step: &str, columns: &[&str]| {
            let text = format!("let other = rows(\"other.csv\")\nlet v = rows(\"own.csv\") |> {step}\n");
            let found = last(folder.path(), &text, true, |e, value| rows(&data(e, &value), columns));
            // A side without a row is refused as such.
            found.or_else(|told| if told[0].contains("no_rows") || told[0].contains("unmatched") { Ok(Vec::new()) } else { Err(told) })
        };
        let joined = run("join(other, on: \"key\", unmatched: drop)", &["n", "key", "value"]).expect("joined");
        let alone = run("anti_join(other, on: \"key\")", &["n", "key"]).expect("the others");
        let expected = |has: bool| own.iter().enumerate().filter(move |(_, key)| others.contains(key) == has);
        prop_assert_eq!(joined, expected.clone()(true).map(|(n, key)| format!("{n} K{key} {}", u32::from(*key) * 3)).collect::<Vec<_>>());
        prop_assert_eq!(alone, expected(false).map(|(n, key)| format!("{n} K{key}")).collect::<Vec<_>>());
    }

    /// `++` gives the rows of both in order, whatever was selected before.
    #[test]
    fn joined_rows_are_those_of_both(a in 1usize..30, b in 1usize..30, from in 0usize..30) {
        let table = |name: &str, count: usize| {
            (0..count).map(|n| format!("{name}{n}.png,{n}\n")).fold("image,n\n".to_owned(), |text, row| text + &row)
        };
        let folder = folder(&[("a.csv", &table("a", a)), ("b.csv", &table("b", b))]);
        let text = format!("let v = (table(\"a.csv\") |> where((r) => r.n >= {})) ++ table(\"b.csv\")\n", from % a);
        let found = last(folder.path(), &text, true, |e, value| rows(&data(e, &value), &["image", "n"])).expect("joined");
        let all = |name: &'static str, from: usize, to: usize| (from..to).map(move |n| format!("{name}{n}.png {n}"));
        prop_assert_eq!(found, all("a", from % a, a).chain(all("b", 0, b)).collect::<Vec<_>>());
    }

    /// Whatever is done to rows before and after a split: no group is in two parts of a member, and a row that is left
    /// has the part that the split gave it.
    #[test]
    fn no_step_moves_a_row_to_another_part(
        films_of in prop::collection::vec((0u8..25, 0u8..2, any::<bool>()), 60..120),
        before in prop::collection::vec(0..STEPS.len(), 0..3),
        after in prop::collection::vec(0..STEPS.len(), 1..5),
        classify_first: bool,
    ) {
        let folder = folder(&[("films.csv", &films(&films_of)), ("other.csv", &films(&films_of[..10]))]);
        let pipe = |steps: &[usize]| steps.iter().map(|step| format!(" |> {}", STEPS[*step])).collect::<String>();
        // A patient is a patient until the split; afterwards the column may say what it likes.
        let before: Vec<_> = before.into_iter().filter(|step| !STEPS[*step].contains("\"all\"")).collect();
        let classify = " |> classify(\"label\", { a: [\"a\"], b: [\"b\"] })";
        let (first, second) = if classify_first { (classify, "") } else { ("", classify) };
        let text = format!(
            "let other = rows(\"other.csv\") |> derive(\"patient\", (r) => r.patient) |> latest(by: \"patient\", date: \"day\")\n\
             let cohort = table(\"films.csv\"){} |> split(kfold(3), by: \"patient\", stratify: \"label\", seed: 7)\n\
             let v = {{ cohort: cohort, task: cohort{first}{}{second} }}\n",
            pipe(&before), pipe(&after),
        );
        let found = last(folder.path(), &text, false, |e, value| {
            let Value::Record(record) = value else { panic!("no record") };
            let (Value::Cohort(cohort), Value::Task(task)) = (&record["cohort"], &record["task"]) else { panic!("other kinds") };
            let (cohort, task): (_, &Rc<Task>) = (Rc::clone(cohort), task);
            let parts = e.parts(task);
            let patients = cohort.data.table.table.column("patient").expect("a column").cells.clone();
            for (member, of) in parts.members.iter().enumerate() {
                let mut seen: [BTreeSet<String>; 3] = Default::default();
                for &(row, _) in task.samples.iter() {
                    let part = part_of(&task.cohort, member, row).expect("the row was split");
                    assert_eq!(Some(part), part_of(&cohort, member, row));
                    let place = match part { Part::Training => 0, Part::Tuning => 1, Part::Test => 2 };
                    seen[place].insert(patients[row as usize].to_string());
                }
                let shared = (0..3).flat_map(|a| (0..a).map(move |b| (a, b))).any(|(a, b)| seen[a].intersection(&seen[b]).next().is_some());
                assert!(!shared, "member {member}: {seen:?}");
                let learnt: BTreeSet<u32> = of.seen.training.groups.iter().copied().collect();
                let tested = of.judged.test_places.iter().map(|&at| parts.groups[at as usize]);
                assert!(tested.clone().all(|group| !learnt.contains(&group)));
            }
        });
        // Some sequences leave nothing, or too little of a class, and say so.
        if let Err(told) = found {
            let fine = ["data::no_rows", "data::class_vanishes", "data::unmatched", "data::too_few_groups"];
            prop_assert!(told.iter().all(|d| d.starts_with("mtl::lint") || fine.iter().any(|code| d.contains(code))), "{:?}", told);
        }
    }
}
