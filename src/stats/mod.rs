//! Statistics on slices: ROC curves, the variance of an AUC, tests between arms, multiplicity.
//!
//! | module | what | source |
//! | --- | --- | --- |
//! | [`roc`] | ROC points, AUC, operating points, the average of several curves | Fawcett 2006 |
//! | [`interval`] | plain and logit intervals, the paired z test | Pepe 2003, section 5.2 |
//! | [`delong`] | variance of an AUC, independent cases | DeLong 1988; Sun & Xu 2014 |
//! | [`clustered`] | variance of an AUC, several cases a patient | Obuchowski 1997 |
//! | [`crossval`] | the fold-averaged AUC and its difference between arms | LeDell 2015; Obuchowski 1997 within folds |
//! | [`multiclass`] | Hand-Till and one-vs-rest AUC | Hand & Till 2001 |
//! | [`resampled`] | the corrected resampled t test | Nadeau & Bengio 2003 |
//! | [`replicates`] | several runs of one recipe: spread, variance of the mean | |
//! | [`ranking`] | probability of being best, the AUC of the best corrected for its choice | Tsamardinos 2018 |
//! | [`multiplicity`] | Holm, Benjamini-Hochberg, Bonferroni | Holm 1979; Benjamini & Hochberg 1995 |
//! | [`power`] | standard error and least detectable difference before any result | Hanley & McNeil 1982, 1983 |
//! | [`logistic`] | ridge logistic regression, the trivial baseline | le Cessie & van Houwelingen 1992 |
//! | [`special`] | normal and Student t distributions | Cody 1969; Wichura 1988 |
//!
//! # Conventions
//! - A higher score means class 1; the direction is never flipped. Tied scores count one half.
//! - Scores are `f64`; two scores are tied only when they are equal as read.
//! - Not defined is `None` (variance of one case, logit interval at an AUC of 0 or 1); a number is never NaN.
//! - Counts are integers until the last division, and sums of floats run in the order of cluster numbers, so the order
//!   of the rows does not change a bit of the result.

mod error;
mod influence;
mod placements;

pub mod special;
pub mod interval;
pub mod roc;
pub mod delong;
pub mod clustered;
pub mod multiclass;
pub mod crossval;
pub mod resampled;
pub mod ranking;
pub mod replicates;
pub mod multiplicity;
pub mod power;
pub mod logistic;

pub use error::{MAX_CASES, StatsError};
