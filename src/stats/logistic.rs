//! Ridge logistic regression on a few columns: the trivial baseline a network has to beat.
//!
//! Penalised likelihood of le Cessie & van Houwelingen 1992 (Appl. Statist. 41:191) by Newton's method (iteratively
//! reweighted least squares) with step halving. Minimises `sum of log loss + ridge/2 * |coefficients|^2` over columns
//! standardised by the training rows, the intercept not penalised: scikit-learn's `LogisticRegression(C=1/ridge)` behind a
//! `StandardScaler`. Deterministic: a strictly convex problem, a zero start, sums in row order.

use super::error::{StatsError, check_finite, check_labels, check_length, check_parameter};

const MAX_ITERATIONS: usize = 100;
/// Half the squared Newton decrement: the distance to the minimum of the objective in natural log units.
const TOLERANCE: f64 = 1e-12;

/// A fitted model.
#[derive(Clone, Debug, PartialEq)]
pub struct Logistic {
    /// Log odds at the training means.
    pub intercept: f64,
    /// Log odds for one training standard deviation of each column.
    pub coefficients: Vec<f64>,
    /// Mean of each column over the training rows.
    pub means: Vec<f64>,
    /// Standard deviation (denominator n) of each column over the training rows, 1 for a constant column.
    pub deviations: Vec<f64>,
}

/// Fits `y` (0 or 1) on `x`, row-major `[rows, columns]`, with penalty `ridge > 0`.
///
/// # Errors
/// Lengths that differ, no column, a label other than 0 or 1, a value that is not finite, a class without a row, `ridge`
/// not positive and finite, [`StatsError::NotConverged`].
pub fn fit(x: &[f64], columns: usize, y: &[u32], ridge: f64) -> Result<Logistic, StatsError> {
    check_parameter("ridge", ridge, ridge > 0.0 && ridge.is_finite(), "positive and finite")?;
    check_parameter("number of columns", columns as f64, columns > 0, "at least 1")?;
    check_length("x", y.len() * columns, x.len())?;
    check_labels(y, 2)?;
    check_finite("x", x, columns)?;
    if let Some(class) = (0..2).find(|class| !y.contains(class)) {
        return Err(StatsError::MissingClass { class });
    }
    let mut model = standardise(x, columns, y.len());
    let design = model.design(x);
    let mut beta = vec![0.0; columns + 1];
    let mut value = objective(&design, y, &beta, ridge);
    for _ in 0..MAX_ITERATIONS {
        let (gradient, hessian) = derivatives(&design, y, &beta, ridge);
        let step = solve(hessian, &gradient).ok_or(NOT_CONVERGED)?;
        let decrement: f64 = step.iter().zip(&gradient).map(|(s, g)| s * g).sum();
        let mut length = 1.0;
        let (next, next_value) = loop {
            let next: Vec<f64> = beta.iter().zip(&step).map(|(b, s)| b - length * s).collect();
            let next_value = objective(&design, y, &next, ridge);
            // Close to the minimum rounding hides the decrease, so the last step is taken as it is.
            if next_value <= value - 0.25 * length * decrement || 0.5 * decrement <= TOLERANCE || length < 1e-10 {
                break (next, next_value);
            }
            length *= 0.5;
        };
        (beta, value) = (next, next_value);
        if 0.5 * decrement <= TOLERANCE {
            (model.intercept, model.coefficients) = (beta[0], beta[1..].to_vec());
            return Ok(model);
        }
    }
    Err(NOT_CONVERGED)
}

const NOT_CONVERGED: StatsError = StatsError::NotConverged {
    what: "logistic regression",
    iterations: MAX_ITERATIONS,
};

impl Logistic {
    /// The probability of class 1 for each row of `x`, row-major `[rows, columns]` with the columns of the fit.
    ///
    /// # Errors
    /// A length that is no multiple of the number of columns, a value that is not finite.
    pub fn predict(&self, x: &[f64]) -> Result<Vec<f64>, StatsError> {
        let columns = self.coefficients.len();
        let rows = x.len() / columns;
        check_length("x", rows * columns, x.len())?;
        check_finite("x", x, columns)?;
        let log_odds = |row: &[f64]| {
            let products = row[1..].iter().zip(&self.coefficients).map(|(x, b)| x * b);
            self.intercept + products.sum::<f64>()
        };
        Ok(self
            .design(x)
            .chunks_exact(columns + 1)
            .map(|row| logistic(log_odds(row)))
            .collect())
    }

    /// A column of ones and the standardised columns, `[rows, columns + 1]`.
    fn design(&self, x: &[f64]) -> Vec<f64> {
        let columns = self.means.len();
        let mut design = Vec::with_capacity(x.len() + x.len() / columns);
        for row in x.chunks_exact(columns) {
            design.push(1.0);
            let scale = self.means.iter().zip(&self.deviations);
            design.extend(row.iter().zip(scale).map(|(x, (mean, sd))| (x - mean) / sd));
        }
        design
    }
}

/// A model without effects that knows the columns' means and standard deviations.
fn standardise(x: &[f64], columns: usize, rows: usize) -> Logistic {
    let rows = rows as f64;
    let column = |at: usize| x.iter().skip(at).step_by(columns);
    let means: Vec<f64> = (0..columns).map(|at| column(at).sum::<f64>() / rows).collect();
    let deviation = |at: usize| {
        let sd = (column(at).map(|x| (x - means[at]) * (x - means[at])).sum::<f64>() / rows).sqrt();
        // Rounding of the mean leaves a constant column a tiny spread.
        if sd <= 1e-12 * means[at].abs() || sd == 0.0 {
            1.0
        } else {
            sd
        }
    };
    let deviations = (0..columns).map(deviation).collect();
    Logistic {
        intercept: 0.0,
        coefficients: vec![0.0; columns],
        means,
        deviations,
    }
}

fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Sum of log losses plus the penalty.
fn objective(design: &[f64], y: &[u32], beta: &[f64], ridge: f64) -> f64 {
    let losses = design.chunks_exact(beta.len()).zip(y).map(|(row, &label)| {
        let log_odds = dot(row, beta);
        // log(1 + exp(l)) - y l, without overflow.
        log_odds.max(0.0) + (-log_odds.abs()).exp().ln_1p() - f64::from(label) * log_odds
    });
    losses.sum::<f64>() + 0.5 * ridge * dot(&beta[1..], &beta[1..])
}

/// Gradient and Hessian (row-major) of the objective.
fn derivatives(design: &[f64], y: &[u32], beta: &[f64], ridge: f64) -> (Vec<f64>, Vec<f64>) {
    let width = beta.len();
    let penalised = |at: usize| if at == 0 { 0.0 } else { ridge };
    let mut gradient: Vec<f64> = beta.iter().enumerate().map(|(at, b)| penalised(at) * b).collect();
    let mut hessian = vec![0.0; width * width];
    (0..width).for_each(|at| hessian[at * (width + 1)] = penalised(at));
    for (row, &label) in design.chunks_exact(width).zip(y) {
        let probability = logistic(dot(row, beta));
        let weight = probability * (1.0 - probability);
        for (i, a) in row.iter().enumerate() {
            gradient[i] += a * (probability - f64::from(label));
            for (j, b) in row.iter().enumerate() {
                hessian[i * width + j] += weight * a * b;
            }
        }
    }
    (gradient, hessian)
}

/// Solves a symmetric positive definite system by Cholesky's method; `None` when it is not positive definite.
fn solve(mut matrix: Vec<f64>, right: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    let mut solution = right.to_vec();
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| matrix[i * n + k] * matrix[j * n + k]).sum();
            let rest = matrix[i * n + j] - known;
            if i != j {
                matrix[i * n + j] = rest / matrix[j * n + j];
            } else if rest > 0.0 {
                matrix[i * n + i] = rest.sqrt();
            } else {
                return None;
            }
        }
        let known: f64 = (0..i).map(|k| matrix[i * n + k] * solution[k]).sum();
        solution[i] = (solution[i] - known) / matrix[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| matrix[k * n + i] * solution[k]).sum();
        solution[i] = (solution[i] - known) / matrix[i * n + i];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight rows of two columns; the classes overlap.
    const X: [f64; 16] = [
        1.0, 20.0, 2.0, 50.0, 3.0, 10.0, 4.0, 40.0, 5.0, 30.0, 6.0, 60.0, 7.0, 25.0, 8.0, 45.0,
    ];
    const Y: [u32; 8] = [0, 0, 1, 0, 1, 1, 1, 0];

    #[test]
    fn agrees_with_a_high_precision_solution() {
        // Newton's method on the same objective in mpmath 1.3 with 40 digits, ridge 1.
        let model = fit(&X, 2, &Y, 1.0).unwrap();
        let expected = [-0.002_830_904_206_1, 0.551_045_182_029_6, -0.451_789_019_511_7];
        for (found, expected) in [model.intercept, model.coefficients[0], model.coefficients[1]]
            .iter()
            .zip(expected)
        {
            assert!((found - expected).abs() < 1e-10, "{found} {expected}");
        }
        let first = model.predict(&X).unwrap()[0];
        assert!((first - 0.39879188321215426).abs() < 1e-10, "{first}");
    }

    #[test]
    fn separated_classes_and_a_constant_column_still_have_a_solution() {
        let x: Vec<f64> = (0..20).flat_map(|row| [f64::from(row), 0.1]).collect();
        let y: Vec<u32> = (0..20).map(|row| u32::from(row >= 10)).collect();
        let model = fit(&x, 2, &y, 1e-3).unwrap();
        assert!(model.coefficients[0].is_finite() && model.coefficients[0] > 1.0);
        assert!(
            model.coefficients[1].abs() < 1e-9,
            "a constant column says nothing: {}",
            model.coefficients[1]
        );
        let scores = model.predict(&x).unwrap();
        assert_eq!(crate::stats::roc::auc(&y, &scores).unwrap(), 1.0);
        // The unit of a column does not matter.
        let rescaled: Vec<f64> = x.iter().map(|x| 1000.0 * x - 3.0).collect();
        let other = fit(&rescaled, 2, &y, 1e-3).unwrap().predict(&rescaled).unwrap();
        assert!(scores.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn unusable_input_is_refused() {
        assert_eq!(
            fit(&[1.0, 2.0], 1, &[1, 1], 1.0).unwrap_err(),
            StatsError::MissingClass { class: 0 }
        );
        assert!(matches!(
            fit(&X, 2, &Y, 0.0),
            Err(StatsError::InvalidParameter { name: "ridge", .. })
        ));
        assert!(matches!(fit(&X, 3, &Y, 1.0), Err(StatsError::LengthMismatch { .. })));
        assert!(matches!(fit(&[], 0, &Y, 1.0), Err(StatsError::InvalidParameter { .. })));
        assert!(matches!(
            fit(&[1.0, f64::NAN], 1, &[0, 1], 1.0),
            Err(StatsError::NotFinite { row: 1, .. })
        ));
        let model = fit(&X, 2, &Y, 1.0).unwrap();
        assert!(matches!(model.predict(&X[..3]), Err(StatsError::LengthMismatch { .. })));
    }
}
