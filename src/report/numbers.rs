//! How numbers are written for a reader: one way for each kind, the same in page and LaTeX table.

use super::model::Interval;

/// What stands where a number is not defined.
pub const UNDEFINED: &str = "–";

/// A number that is finite, if any.
#[must_use]
pub fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// An interval with two finite ends, if any.
#[must_use]
pub fn finite_interval(interval: Option<Interval>) -> Option<Interval> {
    interval.filter(|ends| ends.iter().all(|end| end.is_finite()))
}

/// An AUC, three decimals: `0.652`.
#[must_use]
pub fn auc(value: Option<f64>) -> String {
    finite(value).map_or_else(|| UNDEFINED.to_owned(), |value| fixed(value, 3))
}

/// A difference of AUCs with its sign, three decimals and a true minus: `+0.031`, `−0.012`.
#[must_use]
pub fn difference(value: Option<f64>) -> String {
    let Some(value) = finite(value) else {
        return UNDEFINED.to_owned();
    };
    let text = fixed(value, 3);
    match text.strip_prefix('-') {
        Some(rest) => format!("−{rest}"),
        None if text == "0.000" => text,
        None => format!("+{text}"),
    }
}

/// The interval of an AUC: `0.612 to 0.688`.
#[must_use]
pub fn auc_interval(interval: Option<Interval>) -> String {
    ends(interval, auc)
}

/// The interval of a difference: `−0.012 to +0.051`.
#[must_use]
pub fn difference_interval(interval: Option<Interval>) -> String {
    ends(interval, difference)
}

fn ends(interval: Option<Interval>, write: impl Fn(Option<f64>) -> String) -> String {
    match finite_interval(interval) {
        Some([low, high]) => format!("{} to {}", write(Some(low)), write(Some(high))),
        None => UNDEFINED.to_owned(),
    }
}

/// A p value with its relation: `p = 0.03`, `p < 0.001`, `p > 0.99`.
///
/// Two decimals from 0.01 on, three below it, and three wherever two would read `0.05` and leave open on which side of
/// it the value lies.
#[must_use]
pub fn p_statement(p: Option<f64>) -> String {
    let (relation, value) = p_parts(p);
    format!("p {relation} {value}")
}

/// The same for a column of p values: `0.03`, `< 0.001`.
#[must_use]
pub fn p_cell(p: Option<f64>) -> String {
    match p_parts(p) {
        ("=", value) => value,
        (relation, value) => format!("{relation} {value}"),
    }
}

fn p_parts(p: Option<f64>) -> (&'static str, String) {
    match finite(p) {
        None => ("=", UNDEFINED.to_owned()),
        Some(p) if p < 0.001 => ("<", "0.001".to_owned()),
        Some(p) if p > 0.99 => (">", "0.99".to_owned()),
        Some(p) if p < 0.01 || (0.045..0.055).contains(&p) => ("=", fixed(p, 3)),
        Some(p) => ("=", fixed(p, 2)),
    }
}

/// A test statistic, two decimals and a true minus: `−1.96`.
#[must_use]
pub fn statistic(value: Option<f64>) -> String {
    finite(value).map_or_else(|| UNDEFINED.to_owned(), |value| fixed(value, 2).replace('-', "−"))
}

/// A count with thousands separated: `22,290`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in whole percent: `47 %`; undefined of nothing.
#[must_use]
pub fn percent(part: usize, whole: usize) -> String {
    if whole == 0 {
        return UNDEFINED.to_owned();
    }
    format!("{} %", fixed(100.0 * part as f64 / whole as f64, 0))
}

/// Fixed decimals without a negative zero.
fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn p_values_keep_the_side_of_five_percent() {
        let written =
            [0.03, 0.000_2, 0.001, 0.009_4, 0.049, 0.051, 0.05, 0.44, 0.996, 1.0].map(|p| p_statement(Some(p)));
        let expected = [
            "= 0.03", "< 0.001", "= 0.001", "= 0.009", "= 0.049", "= 0.051", "= 0.050", "= 0.44", "> 0.99", "> 0.99",
        ];
        assert_eq!(written, expected.map(|text| format!("p {text}")));
        assert_eq!(p_cell(Some(0.000_2)), "< 0.001");
        assert_eq!(p_cell(None), UNDEFINED);
    }

    #[test]
    fn numbers_that_round_to_zero_have_no_sign() {
        assert_eq!(difference(Some(-0.000_4)), "0.000");
        assert_eq!(difference(Some(-0.012_3)), "−0.012");
        assert_eq!(difference(Some(0.031)), "+0.031");
        assert_eq!(statistic(Some(-0.001)), "0.00");
    }

    #[test]
    fn what_is_not_finite_is_not_defined() {
        assert_eq!(auc(Some(f64::NAN)), UNDEFINED);
        assert_eq!(auc_interval(Some([0.5, f64::INFINITY])), UNDEFINED);
        assert_eq!(auc_interval(Some([0.5, 0.75])), "0.500 to 0.750");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(
            [0, 999, 1_000, 1_281_167].map(count),
            ["0", "999", "1,000", "1,281,167"]
        );
    }

    proptest! {
        #[test]
        fn a_written_p_value_is_on_the_side_of_the_value(p in 0.0f64..=1.0) {
            let written = p_cell(Some(p));
            if let Ok(read) = written.parse::<f64>() {
                prop_assert_eq!(read < 0.05, p < 0.05 && written != "0.050", "{} as {}", p, written);
            }
        }
    }
}
