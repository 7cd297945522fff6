//! The house rules: which module may use which, and who may name which library.
//!
//! The order is the one drawn in `ARCHITECTURE.md`; the test reads the sources as text, so it also sees full paths.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Modules from the bottom up. Those of one line are siblings and do not use each other, except where [`SIBLINGS`] says so.
const LINE: &[&[&str]] = &[
    &["source"],
    &["diag"],
    &["project"],
    &["syntax"],
    &["fmt", "types", "tables", "net", "weights"],
    &["builtins"],
    &["analysis"],
    &["plan", "doc"],
    &["store"],
    &["stats", "data", "nn", "train", "report"],
    &["stages"],
    &["exec"],
    &["watch"],
    &["ide"],
    &["lsp"],
    &["cli"],
];

/// Siblings of which the first may use the second.
const SIBLINGS: &[(&str, &str)] = &[("train", "nn")];

/// Libraries that only some modules may name, so that each could be replaced there.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("pest", &["syntax"]),
    ("pest_derive", &["syntax"]),
    ("miette", &["diag"]),
    ("petgraph", &["plan", "exec", "stages", "watch", "cli"]),
    ("candle_core", &["nn", "train"]),
    ("clap", &["cli"]),
    ("lsp_server", &["lsp"]),
    ("lsp_types", &["lsp"]),
    ("indicatif", &["cli"]),
    ("ctrlc", &["cli"]),
    ("askama", &["report"]),
    ("hf_hub", &["cli"]),
    ("image", &["data", "tables"]),
    ("fast_image_resize", &["data"]),
    ("toml", &["project"]),
    ("rustix", &["store", "watch"]),
    ("notify", &["watch"]),
    ("httparse", &["watch"]),
    ("console", &["watch"]),
    ("zip", &["data", "tables", "weights"]),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .expect("src is there")
        .map(|e| e.expect("readable").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with the module it belongs to.
fn files() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths
        .into_iter()
        .filter_map(|path| {
            let inside = path.strip_prefix(&root).expect("below src").to_owned();
            let module = inside
                .components()
                .next()?
                .as_os_str()
                .to_str()?
                .trim_end_matches(".rs")
                .to_owned();
            let text = fs::read_to_string(&path).expect("utf-8");
            (!matches!(module.as_str(), "lib" | "main")).then_some((module, inside, text))
        })
        .collect()
}

/// The text without comments and string contents, so that prose may speak of anything.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules named as `crate::module` or inside `crate::{...}`.
fn uses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut word = String::new();
            let mut at_start = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => at_start = true,
                    c if c.is_alphanumeric() || c == '_' => {
                        if at_start && depth == 1 {
                            word.push(c);
                        }
                        continue;
                    }
                    c if c.is_whitespace() && word.is_empty() => continue,
                    _ => {}
                }
                if !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                    at_start = c == ',';
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
}

#[test]
fn a_module_uses_only_modules_below_it() {
    let rank: BTreeMap<&str, usize> = LINE
        .iter()
        .enumerate()
        .flat_map(|(at, names)| names.iter().map(move |name| (*name, at)))
        .collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (module, path, text) in files() {
        let own = *rank
            .get(module.as_str())
            .unwrap_or_else(|| panic!("`{module}` has no place in the line"));
        for used in uses(&code(&text)) {
            let Some(&other) = rank.get(used.as_str()) else {
                continue;
            };
            seen += 1;
            let sibling = SIBLINGS.contains(&(module.as_str(), used.as_str()));
            if used != module && other >= own && !sibling {
                wrong.push(format!("{} uses crate::{used}", path.display()));
            }
        }
    }
    assert!(seen > 50, "the scan sees the uses ({seen})");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_library_is_named_only_where_it_may_be_replaced() {
    let mut wrong = Vec::new();
    for (module, path, text) in files() {
        let text = code(&text);
        for (library, modules) in LIBRARIES {
            let named = [
                format!("use {library}::"),
                format!(" {library}::"),
                format!("({library}::"),
                format!("&{library}::"),
            ];
            if !modules.contains(&module.as_str()) && named.iter().any(|n| text.contains(n.as_str())) {
                wrong.push(format!("{} names {library}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_store_reaches_file_systems_through_its_seam() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (module, path, text) in files() {
        if module != "store" || path.starts_with("store/disk") || path.ends_with("tests.rs") {
            continue;
        }
        seen += 1;
        let text = code(text.split("#[cfg(test)]").next().unwrap_or(""));
        let word = |c: char| !c.is_alphanumeric() && c != '_';
        for name in ["fs", "File", "OpenOptions", "tempfile", "rustix"] {
            if text.split(word).any(|found| found == name) {
                wrong.push(format!("{} names {name}", path.display()));
            }
        }
        for method in ["exists()", "is_file()", "is_dir()", "of_file(", "canonicalize("] {
            if text.contains(&format!(".{method}")) || text.contains(&format!("::{method}")) {
                wrong.push(format!("{} calls {method}", path.display()));
            }
        }
    }
    assert!(seen > 8, "the scan sees the store ({seen})");
    assert!(wrong.is_empty(), "`store::disk` says how: {wrong:#?}");
}

#[test]
fn files_stay_readable() {
    let long: Vec<_> = files()
        .into_iter()
        .map(|(_, path, text)| (text.lines().count(), path))
        .filter(|(lines, _)| *lines > 600)
        .collect();
    assert!(long.is_empty(), "split by meaning: {long:?}");
}

#[test]
fn the_scan_sees_groups_and_paths() {
    let text = "use crate::{net::{Graph, Op}, plan, source::Span};\nlet x = crate::store::Store::open();";
    assert_eq!(uses(text), ["net", "plan", "source", "store"]);
}
