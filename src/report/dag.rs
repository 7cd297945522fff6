//! The pipeline as a drawing: layers from left to right, after Sugiyama, Tagawa & Toda 1981 (layering by longest path,
//! edges through placeholders, order by barycentres) of the transitive reduction.

use super::chart::svg::{Anchor, Clip, Svg, number};
use super::words;
use crate::plan::stage::Dag;
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const COLUMN_GAP: f64 = 44.0;
const ROW_GAP: f64 = 14.0;
/// Of a box with its name in one line, and in two.
const BOX_HEIGHTS: (f64, f64) = (44.0, 60.0);
const BOX_WIDTHS: (f64, f64) = (132.0, 196.0);
const MARGIN: f64 = 2.0;
/// Sweeps over all layers; the order has settled long before on graphs of this size.
const SWEEPS: usize = 8;

/// The drawing; nothing for an empty graph.
pub(super) fn draw(dag: &Dag, id: &str) -> Option<String> {
    let depth = depths(dag);
    let columns = *depth.iter().max()? as f64 + 1.0;
    let width = ((WIDTH - COLUMN_GAP * (columns - 1.0)) / columns).clamp(BOX_WIDTHS.0, BOX_WIDTHS.1);
    let clip = Clip {
        width: width - 24.0,
        size: 12.5,
    };
    let lines: Vec<Vec<&str>> = dag.nodes.iter().map(|(name, _, _)| name_lines(name, clip)).collect();
    let heights = lines
        .iter()
        .map(|lines| if lines.len() > 1 { BOX_HEIGHTS.1 } else { BOX_HEIGHTS.0 });
    let layout = Layout::of(&direct_edges(dag), &depth, heights);
    let left = |layer: usize| MARGIN + layer as f64 * (width + COLUMN_GAP);
    let total = columns * width + COLUMN_GAP * (columns - 1.0) + 2.0 * MARGIN;
    let names: Vec<String> = dag
        .nodes
        .iter()
        .map(|(name, _, count)| format!("{name} ({count})"))
        .collect();
    let description = format!("Groups of stages and what follows from what: {}", words::list(&names));
    let mut svg = Svg::new(
        total.max(WIDTH),
        layout.height,
        id,
        "The pipeline of this study",
        &description,
    );
    for chain in &layout.chains {
        svg.path("flow", &curve(&layout, chain, width, left));
    }
    for (((_, kind, count), lines), spot) in dag.nodes.iter().zip(&lines).zip(&layout.spots) {
        let (x, y) = (left(spot.layer), spot.y - spot.height / 2.0);
        svg.rectangle("stage", (x, y), (width, spot.height), 4.0);
        svg.rectangle(&format!("kind {}", class(kind)), (x, y), (5.0, spot.height), 2.0);
        for (line, text) in lines.iter().enumerate() {
            svg.clipped_text(
                "name",
                (x + 14.0, y + 18.0 + 16.0 * line as f64),
                Anchor::Start,
                text,
                clip,
            );
        }
        let note = format!("{kind}, {}", words::counted(*count as usize, "stage"));
        svg.text("note", (x + 14.0, y + spot.height - 9.0), Anchor::Start, &note);
    }
    Some(svg.finish())
}

/// A name in one line where it fits, else broken after its last `/`.
fn name_lines(name: &str, clip: Clip) -> Vec<&str> {
    match name.rfind('/') {
        Some(slash) if !clip.fits(name) && slash + 1 < name.len() => vec![&name[..=slash], &name[slash + 1..]],
        _ => vec![name],
    }
}

/// The edges that no longer way implies, each once.
fn direct_edges(dag: &Dag) -> Vec<(usize, usize)> {
    let mut edges: Vec<(usize, usize)> = dag
        .edges
        .iter()
        .map(|&(from, to)| (from as usize, to as usize))
        .collect();
    edges.sort_unstable();
    edges.dedup();
    let reaches = reachable(dag.nodes.len(), &edges);
    let implied = |&(from, to): &(usize, usize)| {
        let onwards = edges
            .iter()
            .filter(|edge| edge.0 == from && edge.1 != to && edge.1 != from);
        onwards.into_iter().any(|&(_, next)| reaches[next][to])
    };
    edges.iter().copied().filter(|edge| !implied(edge)).collect()
}

/// Which node is reached from which, in one step or more.
fn reachable(count: usize, edges: &[(usize, usize)]) -> Vec<Vec<bool>> {
    let mut reaches = vec![vec![false; count]; count];
    for (start, reached) in reaches.iter_mut().enumerate() {
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            for &(_, next) in edges.iter().filter(|edge| edge.0 == node) {
                if !reached[next] {
                    reached[next] = true;
                    open.push(next);
                }
            }
        }
    }
    reaches
}

/// A kind's class in the style sheet.
fn class(kind: &str) -> String {
    format!(
        "kind-{}",
        kind.chars().filter(char::is_ascii_alphanumeric).collect::<String>()
    )
}

/// A smooth line through the places of a chain, horizontal at each of them.
fn curve(layout: &Layout, chain: &[usize], width: f64, left: impl Fn(usize) -> f64) -> String {
    let mut data = String::new();
    for (step, pair) in chain.windows(2).enumerate() {
        let [from, to] = [&layout.spots[pair[0]], &layout.spots[pair[1]]];
        let (start, end) = (left(from.layer) + width, left(to.layer));
        let middle = (start + end) / 2.0;
        let [x1, y1, xm, x2, y2] = [start, from.y, middle, end, to.y].map(number);
        let lead = if step == 0 {
            format!("M{x1} {y1}")
        } else {
            format!("L{x1} {y1}")
        };
        let _ = write!(data, "{lead}C{xm} {y1} {xm} {y2} {x2} {y2}");
    }
    data
}

/// Where a node, or a placeholder of an edge, stands.
#[derive(Debug)]
struct Spot {
    layer: usize,
    y: f64,
    height: f64,
    before: Vec<usize>,
    after: Vec<usize>,
}

/// A graph in layers.
#[derive(Debug)]
struct Layout {
    /// The nodes by place, then the placeholders.
    spots: Vec<Spot>,
    /// Spots from top to bottom.
    layers: Vec<Vec<usize>>,
    /// Each edge as the spots that it passes.
    chains: Vec<Vec<usize>>,
    height: f64,
}

impl Layout {
    /// Nodes by depth and height of their boxes.
    fn of(edges: &[(usize, usize)], depth: &[usize], heights: impl Iterator<Item = f64>) -> Self {
        let columns = depth.iter().max().map_or(0, |deepest| deepest + 1);
        let spot = |layer, height| Spot {
            layer,
            y: 0.0,
            height,
            before: Vec::new(),
            after: Vec::new(),
        };
        let mut layout = Self {
            spots: depth
                .iter()
                .zip(heights)
                .map(|(&layer, height)| spot(layer, height))
                .collect(),
            layers: vec![Vec::new(); columns],
            chains: Vec::new(),
            height: 0.0,
        };
        for (node, &layer) in depth.iter().enumerate() {
            layout.layers[layer].push(node);
        }
        for &(from, to) in edges {
            let mut chain = vec![from];
            for layer in depth[from] + 1..depth[to] {
                layout.layers[layer].push(layout.spots.len());
                chain.push(layout.spots.len());
                layout.spots.push(spot(layer, 0.0));
            }
            chain.push(to);
            for pair in chain.windows(2) {
                layout.spots[pair[0]].after.push(pair[1]);
                layout.spots[pair[1]].before.push(pair[0]);
            }
            layout.chains.push(chain);
        }
        layout.stack();
        for sweep in 0..SWEEPS {
            layout.order(sweep % 2 == 0);
            layout.stack();
        }
        layout.settle();
        layout
    }

    /// Orders every layer by the mean height of the neighbours before (or after) each spot.
    fn order(&mut self, forwards: bool) {
        let columns: Vec<usize> = if forwards {
            (0..self.layers.len()).collect()
        } else {
            (0..self.layers.len()).rev().collect()
        };
        for column in columns {
            let mut layer = std::mem::take(&mut self.layers[column]);
            layer.sort_by(|&one, &other| self.pull(one, forwards).total_cmp(&self.pull(other, forwards)));
            self.layers[column] = layer;
            self.stack_layer(column);
        }
    }

    /// The mean height of the neighbours on one side; a spot without any stays where it is.
    fn pull(&self, spot: usize, forwards: bool) -> f64 {
        let spot = &self.spots[spot];
        let neighbours = if forwards { &spot.before } else { &spot.after };
        if neighbours.is_empty() {
            return spot.y;
        }
        neighbours.iter().map(|&neighbour| self.spots[neighbour].y).sum::<f64>() / neighbours.len() as f64
    }

    fn stack(&mut self) {
        (0..self.layers.len()).for_each(|column| self.stack_layer(column));
    }

    /// Puts a layer's spots one below the other, centred on 0.
    fn stack_layer(&mut self, column: usize) {
        let total: f64 = self.layers[column]
            .iter()
            .map(|&spot| self.spots[spot].height + ROW_GAP)
            .sum();
        let mut y = -total / 2.0;
        for &spot in &self.layers[column] {
            y += (self.spots[spot].height + ROW_GAP) / 2.0;
            self.spots[spot].y = y;
            y += (self.spots[spot].height + ROW_GAP) / 2.0;
        }
    }

    /// Moves spots towards the middle of their neighbours as far as their layer has room, then the whole into view.
    fn settle(&mut self) {
        for sweep in 0..SWEEPS {
            for column in 0..self.layers.len() {
                self.settle_layer(column, sweep % 2 == 0);
            }
        }
        let top = self
            .spots
            .iter()
            .map(|spot| spot.y - spot.height / 2.0)
            .fold(f64::MAX, f64::min);
        for spot in &mut self.spots {
            spot.y += MARGIN - top;
        }
        self.height = self
            .spots
            .iter()
            .map(|spot| spot.y + spot.height / 2.0)
            .fold(0.0, f64::max)
            + MARGIN;
    }

    fn settle_layer(&mut self, column: usize, forwards: bool) {
        let layer = self.layers[column].clone();
        let wanted: Vec<f64> = layer.iter().map(|&spot| self.pull(spot, forwards)).collect();
        let mut placed: Vec<f64> = Vec::with_capacity(layer.len());
        for (place, &spot) in layer.iter().enumerate() {
            let floor = match place.checked_sub(1) {
                Some(above) => {
                    placed[above] + (self.spots[layer[above]].height + self.spots[spot].height) / 2.0 + ROW_GAP
                }
                None => f64::MIN,
            };
            placed.push(wanted[place].max(floor));
        }
        // Pushing apart moved spots down alone; half of it goes back up, so that the layer stays centred.
        let moved: f64 = placed.iter().zip(&wanted).map(|(placed, wanted)| placed - wanted).sum();
        let shift = if layer.is_empty() {
            0.0
        } else {
            moved / layer.len() as f64
        };
        for (&spot, y) in layer.iter().zip(placed) {
            self.spots[spot].y = y - shift;
        }
    }
}

/// A node's layer: the longest way to it, but a node without predecessors stands just before its nearest successor.
fn depths(dag: &Dag) -> Vec<usize> {
    let count = dag.nodes.len();
    let mut depth = vec![0usize; count];
    // A plan has no cycle; the bound keeps a malformed one from running for ever.
    for _ in 0..count {
        for &(from, to) in &dag.edges {
            let least = (depth[from as usize] + 1).min(count.saturating_sub(1));
            depth[to as usize] = depth[to as usize].max(least);
        }
    }
    for node in 0..count {
        if dag.edges.iter().all(|&(_, to)| to as usize != node) {
            let successors = dag
                .edges
                .iter()
                .filter(|edge| edge.0 as usize == node)
                .map(|edge| depth[edge.1 as usize]);
            depth[node] = successors.min().map_or(0, |nearest| nearest.saturating_sub(1));
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dag(nodes: &[&str], edges: &[(u32, u32)]) -> Dag {
        Dag {
            nodes: nodes
                .iter()
                .map(|&name| (name.to_owned(), "train".to_owned(), 1))
                .collect(),
            edges: edges.to_vec(),
        }
    }

    #[test]
    fn layers_follow_the_longest_way_and_sources_stand_by_their_use() {
        let dag = dag(
            &["prepare", "pretrain", "finetune", "load", "report"],
            &[(0, 1), (1, 2), (0, 2), (3, 2), (2, 4)],
        );
        assert_eq!(depths(&dag), [0, 1, 2, 1, 3]);
    }

    #[test]
    fn boxes_of_a_layer_never_overlap() {
        let edges: Vec<(u32, u32)> = (1..8).flat_map(|arm| [(0, arm), (arm, 8)]).chain([(0, 8)]).collect();
        let dag = dag(&["a", "b", "c", "d", "e", "f", "g", "h", "i"], &edges);
        let edges: Vec<(usize, usize)> = edges.iter().map(|&(from, to)| (from as usize, to as usize)).collect();
        let layout = Layout::of(&edges, &depths(&dag), std::iter::repeat(44.0));
        for layer in &layout.layers {
            for pair in layer.windows(2) {
                let [above, below] = [&layout.spots[pair[0]], &layout.spots[pair[1]]];
                assert!(below.y - above.y >= (above.height + below.height) / 2.0 + ROW_GAP - 1e-9);
            }
        }
        assert!(layout.spots.iter().all(|spot| spot.y >= 0.0 && spot.y <= layout.height));
    }

    #[test]
    fn an_edge_that_a_longer_way_implies_is_left_out() {
        let dag = dag(
            &["films", "train", "score", "report"],
            &[(0, 1), (1, 2), (0, 2), (2, 3), (1, 3), (0, 1)],
        );
        assert_eq!(direct_edges(&dag), [(0, 1), (1, 2), (2, 3)]);
    }

    #[test]
    fn an_empty_plan_has_no_drawing_and_a_cycle_ends() {
        assert!(draw(&Dag::default(), "x").is_none());
        assert!(draw(&dag(&["a", "b"], &[(0, 1), (1, 0)]), "x").is_some());
    }
}
