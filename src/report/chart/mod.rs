//! Charts as SVG for a page: drawn by hand, so that the same numbers give the same bytes everywhere.
//!
//! Colours and line widths are classes of the page's style sheet. Hues are those of Okabe & Ito 2008 ("Color Universal
//! Design"), which stay apart under the common colour vision deficiencies; wherever colour tells things apart, dashes do
//! so too.

pub(super) mod forest;
pub(super) mod learning;
pub(super) mod roc;
pub(super) mod scale;
pub(super) mod svg;

/// Number of distinct line styles in the page's style sheet; further series repeat them.
pub(super) const STYLES: usize = 6;
