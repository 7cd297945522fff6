//! The commands of the pages, run.

use crate::{
    page::{Page, folder, pages, write},
    programs::changed,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A command and what the page shows of its output.
struct Shown {
    command: String,
    output: Vec<String>,
}

fn commands(text: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push(Shown {
                command: command.to_owned(),
                output: Vec::new(),
            });
        } else if let Some(last) = found.last_mut() {
            last.output.push(line.trim_end().to_owned());
        }
    }
    found
}

/// True when a line is as shown; `...` in it stands for any letters.
fn is_shown(shown: &str, line: &str) -> bool {
    let Some((head, rest)) = shown.split_once("...") else {
        return shown == line;
    };
    let Some(line) = line.strip_prefix(head) else {
        return false;
    };
    let mut starts = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    starts.any(|at| is_shown(rest, &line[at..]))
}

/// True when lines are as shown; a shown line `...` stands for any lines.
fn agrees(shown: &[String], found: &[String]) -> bool {
    match shown.split_first() {
        None => found.is_empty(),
        Some((first, rest)) if first.trim() == "..." => (0..=found.len()).any(|skip| agrees(rest, &found[skip..])),
        Some((first, rest)) => found
            .split_first()
            .is_some_and(|(line, more)| is_shown(first, line) && agrees(rest, more)),
    }
}

/// Every run of digits as one sign, and every time in one form, for output that says how long something took.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    for c in line.chars() {
        if !c.is_ascii_digit() {
            text.push(c);
        } else if !text.ends_with('0') {
            text.push('0');
        }
    }
    text.replace("0 min 0 s", "0 s").replace("0.0 s", "0 s")
}

/// Runs `mtl ARGUMENTS`; its output, what is said to people before what is asked for.
fn mtl(arguments: &str, folder: &Path) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_mtl"))
        .args(arguments.split_whitespace().map(|word| word.trim_matches('\'')))
        .current_dir(folder)
        .env_remove("MTL_STORE")
        .env("NO_COLOR", "1")
        .env("COLUMNS", "88")
        .output()
        .expect("mtl starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Runs the commands of a page; what differs, in words, and how many were run.
fn differences(page: &Page) -> (Vec<String>, usize) {
    let home = folder();
    let mut at: PathBuf = home.path().to_owned();
    let (mut wrong, mut run, mut before) = (Vec::new(), 0, String::new());
    for block in &page.blocks {
        if block.language == "mtl" && !block.is("wrong") {
            before = if block.is("continued") {
                changed(&before, &block.text)
            } else {
                block.text.clone()
            };
        }
        if let Some(name) = block.file() {
            let program = block.language == "mtl" && block.is("continued");
            write(&at, name, if program { &before } else { &block.text });
        }
        if block.language != "console" {
            continue;
        }
        for shown in commands(&block.text) {
            if let Some(folder) = shown.command.strip_prefix("cd ") {
                at.push(folder);
                continue;
            }
            if let Some(folder) = shown.command.strip_prefix("mkdir ") {
                fs::create_dir_all(at.join(folder)).expect("the folder can be made");
                continue;
            }
            let Some(arguments) = shown.command.strip_prefix("mtl ") else {
                assert!(shown.output.is_empty(), "{}: output of {}", page.name, shown.command);
                continue;
            };
            run += 1;
            let (mut wanted, mut found) = (shown.output.clone(), mtl(arguments, &at));
            let printed = found.join("\n");
            if block.is("timed") {
                for lines in [&mut wanted, &mut found] {
                    lines.iter_mut().for_each(|line| *line = without_numbers(line));
                }
            }
            if !agrees(&wanted, &found) {
                wrong.push(format!(
                    "{}:{}: $ {}\n{}\n",
                    page.name, block.line, shown.command, printed
                ));
            }
        }
    }
    (wrong, run)
}

#[test]
fn commands_print_what_is_shown() {
    let only = std::env::var("PAGE").unwrap_or_default();
    let mut wrong = Vec::new();
    let mut run = 0;
    let pages = pages();
    let with_commands = pages
        .iter()
        .filter(|page| !page.is_generated() && page.name.contains(&only));
    // README's commands build and train for minutes.
    for page in with_commands.filter(|page| page.name != "README.md") {
        let (differences, count) = differences(page);
        wrong.extend(differences);
        run += count;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(run > 5 || !only.is_empty(), "the scan sees the commands ({run})");
}

#[test]
fn three_dots_stand_for_any_lines() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(agrees(&lines("a\n...\nd"), &lines("a\nb\nc\nd")));
    assert!(agrees(&lines("..."), &[]));
    assert!(!agrees(&lines("a\n...\ne"), &lines("a\nb")));
    assert!(!agrees(&lines("a"), &lines("a\nb")));
    assert_eq!(without_numbers("12 s of 3.40"), "0 s of 0.0");
}
