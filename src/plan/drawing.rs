//! The summary of a plan as a picture: layers from left to right, one box per group of like stages.

use super::stage::Dag;
use std::fmt::Write as _;

const BOX_HEIGHT: u32 = 44;
const GAP: u32 = 18;
const COLUMN_GAP: u32 = 56;
const MARGIN: u32 = 12;
/// Width of a letter of the label's font, generously.
const LETTER: u32 = 8;

/// A box in the picture.
struct Place {
    x: u32,
    y: u32,
    width: u32,
}

/// The picture as SVG text: every node with its count, every edge an arrow; colours follow the kind of stage and are
/// taken from the page's text colour where it has one.
#[must_use]
pub fn svg(dag: &Dag) -> String {
    let (places, width, height) = layout(dag);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\" role=\"img\" aria-label=\"stages and what feeds what\">\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#777\"/></marker></defs>\n"
    );
    for &(from, to) in &dag.edges {
        if let (Some(a), Some(b)) = (places.get(from as usize), places.get(to as usize)) {
            let (x1, y1) = (a.x + a.width, a.y + BOX_HEIGHT / 2);
            let (x2, y2) = (b.x, b.y + BOX_HEIGHT / 2);
            let bend = COLUMN_GAP / 2;
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "<path d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#777\" marker-end=\"url(#arrow)\"/>",
                x1 + bend,
                x2.saturating_sub(bend)
            );
        }
    }
    for ((label, kind, count), place) in dag.nodes.iter().zip(&places) {
        let Place { x, y, width } = place;
        let words = if *count == 1 {
            kind.clone()
        } else {
            format!("{kind}, {count} stages")
        };
        let _ = writeln!(
            out,
            "<g><title>{label}: {words}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX_HEIGHT}\" rx=\"6\" \
             fill=\"{}\" stroke=\"#555\"/><text x=\"{tx}\" y=\"{}\" fill=\"#111\">{label}</text>\
             <text x=\"{tx}\" y=\"{}\" fill=\"#444\" font-size=\"11\">{words}</text></g>",
            colour(kind),
            y + 18,
            y + 35,
            label = escape(label),
            tx = x + 8
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Light fills that keep black text readable.
fn colour(kind: &str) -> &'static str {
    match kind {
        "prepare" | "load" => "#e3edf7",
        "train" => "#fdeccd",
        "score" => "#e0f2e4",
        _ => "#eee6f5",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A node stands one column right of the rightmost node that feeds it; nodes of a column keep their order.
fn layout(dag: &Dag) -> (Vec<Place>, u32, u32) {
    let mut column = vec![0_usize; dag.nodes.len()];
    // Edges go from earlier nodes to later ones, so one pass in the order of the later ends is enough.
    let mut edges = dag.edges.clone();
    edges.sort_by_key(|(_, to)| *to);
    for (from, to) in edges {
        let (from, to) = (from as usize, to as usize);
        if from < to && to < column.len() {
            column[to] = column[to].max(column[from] + 1);
        }
    }
    let columns = column.iter().max().map_or(0, |last| last + 1);
    let widths: Vec<u32> = (0..columns)
        .map(|c| {
            let labels = dag.nodes.iter().zip(&column).filter(|(_, at)| **at == c);
            let longest = labels
                .map(|((label, kind, _), _)| label.chars().count().max(kind.len() + 11))
                .max();
            u32::try_from(longest.unwrap_or(0))
                .unwrap_or(u32::MAX)
                .saturating_mul(LETTER)
                .saturating_add(16)
        })
        .collect();
    let lefts: Vec<u32> = (0..columns)
        .map(|c| MARGIN + widths[..c].iter().map(|width| width + COLUMN_GAP).sum::<u32>())
        .collect();
    let mut filled = vec![0_u32; columns];
    let places: Vec<_> = column
        .iter()
        .map(|&c| {
            let y = MARGIN + filled[c] * (BOX_HEIGHT + GAP);
            filled[c] += 1;
            Place {
                x: lefts[c],
                y,
                width: widths[c],
            }
        })
        .collect();
    let width = places.iter().map(|place| place.x + place.width).max().unwrap_or(0) + MARGIN;
    let height = places.iter().map(|place| place.y + BOX_HEIGHT).max().unwrap_or(0) + MARGIN;
    (places, width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dag() -> Dag {
        let node = |name: &str, kind: &str, count| (name.to_owned(), kind.to_owned(), count);
        Dag {
            nodes: vec![
                node("prepare films", "prepare", 1),
                node("pretrain <density>", "train", 3),
                node("finetune malignancy", "train", 6),
                node("report study", "report", 1),
            ],
            edges: vec![(0, 1), (0, 2), (1, 2), (2, 3)],
        }
    }

    #[test]
    fn every_node_stands_right_of_what_feeds_it() {
        let dag = dag();
        let (places, width, height) = layout(&dag);
        for (from, to) in &dag.edges {
            let (a, b) = (&places[*from as usize], &places[*to as usize]);
            assert!(a.x + a.width < b.x, "{from} before {to}");
        }
        assert!(
            places
                .iter()
                .all(|p| p.x + p.width < width && p.y + BOX_HEIGHT < height)
        );
    }

    #[test]
    fn names_are_escaped_and_counted() {
        let svg = svg(&dag());
        assert!(svg.contains("pretrain &lt;density&gt;: train, 3 stages"));
        assert!(!svg.contains("<density>"));
        assert_eq!(svg.matches("<rect").count(), 4);
        assert_eq!(svg.matches("marker-end").count(), 4);
    }
}
