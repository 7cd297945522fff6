//! `table.tex`: AUCs, differences and p values as a table for a paper (`booktabs`).

use super::model::{CellResult, Comparison, Interval, Study};
use super::{numbers, words};
use std::fmt::Write as _;

/// The file's text.
pub(super) fn render(study: &Study) -> String {
    let compared = !study.comparisons.is_empty();
    let mut text = format!(
        "% {}, computed by MTL {}. Needs \\usepackage{{booktabs}}.\n",
        comment(&study.program),
        comment(&study.environment.version)
    );
    let columns = if compared { "llll" } else { "l" };
    let axes = "l".repeat(study.axes.len().max(1));
    let _ = write!(
        text,
        "\\begin{{table}}\n  \\centering\n  \\caption{{{}}}\n  \\label{{tab:{}}}\n  \\begin{{tabular}}{{{axes}{columns}}}\n    \
         \\toprule\n    {} \\\\\n    \\midrule\n",
        escape(&caption(study)),
        label(&study.name),
        header(study, compared),
    );
    for (place, cell) in study.cells.iter().enumerate() {
        let comparison = study.comparisons.iter().find(|comparison| comparison.arm == place);
        let is_baseline = study.comparisons.iter().any(|comparison| comparison.baseline == place);
        let mut row = coordinate(study, cell);
        row.push(with_interval(
            &numbers::auc(cell.auc),
            numbers::auc_interval(cell.auc_ci),
            cell.auc_ci,
        ));
        if compared {
            row.extend(difference(comparison, is_baseline));
        }
        let _ = writeln!(text, "    {} \\\\", row.join(" & "));
    }
    text.push_str("    \\bottomrule\n  \\end{tabular}\n\\end{table}\n");
    text
}

fn header(study: &Study, compared: bool) -> String {
    let mut header: Vec<String> = study.axes.iter().map(|axis| escape(&axis.name)).collect();
    if header.is_empty() {
        header.push("Study".to_owned());
    }
    header.push("AUC (95\\,\\% interval)".to_owned());
    if compared {
        header.extend(["Difference (95\\,\\% interval)", "$p$", "$p$ adjusted"].map(str::to_owned));
    }
    header.join(" & ")
}

/// What the numbers are, so that the table can be read alone.
fn caption(study: &Study) -> String {
    let mut estimands: Vec<&str> = Vec::new();
    for cell in &study.cells {
        if !estimands.contains(&cell.estimand.as_str()) {
            estimands.push(&cell.estimand);
        }
    }
    let mut caption = format!(
        "{}, {}. {}",
        study.name,
        words::testing(&study.cells),
        estimands.join(" ")
    );
    if let Some(comparison) = study.comparisons.iter().find(|comparison| !comparison.test.is_empty()) {
        let correction = words::adjustment(study.adjust, &words::families(study));
        let _ = write!(
            caption,
            " Differences from the baseline: {}, two-sided, {correction}.",
            comparison.test
        );
    }
    caption
}

fn coordinate(study: &Study, cell: &CellResult) -> Vec<String> {
    if cell.coordinate.is_empty() {
        return vec![escape(&study.name)];
    }
    cell.coordinate.iter().map(|label| escape(label)).collect()
}

fn difference(comparison: Option<&Comparison>, is_baseline: bool) -> [String; 3] {
    match comparison {
        Some(comparison) => [
            with_interval(
                &numbers::difference(comparison.delta),
                numbers::difference_interval(comparison.delta_ci),
                comparison.delta_ci,
            ),
            math(&numbers::p_cell(comparison.p)),
            math(&numbers::p_cell(comparison.p_adjusted)),
        ],
        None if is_baseline => ["baseline".to_owned(), String::new(), String::new()],
        None => Default::default(),
    }
}

fn with_interval(value: &str, interval: String, ends: Option<Interval>) -> String {
    match numbers::finite_interval(ends) {
        Some(_) => format!(
            "{} ({})",
            math(value),
            interval.split(" to ").map(math).collect::<Vec<_>>().join(" to ")
        ),
        None => math(value),
    }
}

/// A number in math mode, where it has a sign or a relation.
fn math(number: &str) -> String {
    if number == numbers::UNDEFINED {
        return "--".to_owned();
    }
    if number.starts_with(['+', '−', '<', '>']) {
        return format!("${}$", number.replace('−', "-"));
    }
    number.to_owned()
}

/// Text with LaTeX's special characters escaped.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// One line of text for behind a `%`.
pub(super) fn comment(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// A name for `\label`: letters, digits and minus.
pub(super) fn label(name: &str) -> String {
    name.chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_cell() {
        assert_eq!(
            escape("50% & a_b\\x{}~^"),
            "50\\% \\& a\\_b\\textbackslash{}x\\{\\}\\textasciitilde{}\\textasciicircum{}"
        );
        assert_eq!(comment("a\nb"), "a b");
        assert_eq!(label("two words"), "two-words");
    }

    #[test]
    fn signs_and_relations_are_mathematics() {
        assert_eq!(math("−0.012"), "$-0.012$");
        assert_eq!(math("< 0.001"), "$< 0.001$");
        assert_eq!(math("0.652"), "0.652");
    }
}
