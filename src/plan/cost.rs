//! What a stage will cost, roughly: floating-point operations from the graph and the number of samples.
//!
//! The estimate orders ready stages and fills progress bars; nothing that reaches a result depends on it.

use super::stage::{Contrast, Pictures, Prepare, Train, Work};
use crate::net::{Graph, NodeId};

/// Operations to decode and resample one value of a picture.
const PER_PREPARED_VALUE: f64 = 50.0;

/// Floating-point operations of a stage.
#[must_use]
pub fn operations(work: &Work) -> f64 {
    match work {
        Work::Prepare(prepare) => prepared(prepare),
        Work::Load(load) => load.graph.trained_values() as f64,
        Work::Train(train) => training(train),
        Work::Contrast(contrast) => Contrast::VIEWS as f64 * training(&contrast.training),
        Work::Score(score) => {
            forward(&score.graph) * ((score.test.len() + score.tuning.len()) / score.views.max(1) as usize) as f64
        }
        Work::Compare(design) => design.cells.len() as f64 * 1e8,
        Work::ExportWeights(export) => export.files.len() as f64 * 1e7,
        Work::Describe(card) => card.tables.iter().map(|table| table.rows.len() as f64 * 1e4).sum(),
        Work::Report(report) => report.design.cells.len() as f64 * 1e8,
        Work::Extract(extract) => extract.design.cells.len() as f64 * 1e8,
    }
}

/// Values that a stage stores: of weights, pictures and scores; one for what is small whatever it is about.
#[must_use]
pub fn values(work: &Work) -> f64 {
    let weights = |graph: &Graph| graph.parameters.iter().map(crate::net::Parameter::len).sum::<usize>() as f64;
    match work {
        Work::Prepare(prepare) => prepared(prepare) / PER_PREPARED_VALUE,
        Work::Load(load) => weights(&load.graph),
        Work::Train(train) => weights(&train.graph),
        Work::Contrast(contrast) => weights(&contrast.training.graph),
        Work::Score(score) => (score.test.len() + score.tuning.len()) as f64 * score.graph.classes() as f64,
        Work::Report(report) => report.design.cells.len() as f64,
        Work::Extract(extract) => extract.design.cells.len() as f64,
        Work::Compare(_) | Work::ExportWeights(_) | Work::Describe(_) => 1.0,
    }
}

fn prepared(prepare: &Prepare) -> f64 {
    let pictures = match &prepare.pictures {
        Pictures::Files(paths) => paths.len(),
        Pictures::Npz { rows, .. } => rows.len(),
    };
    pictures as f64 * prepare.shape.iter().product::<usize>() as f64 * PER_PREPARED_VALUE
}

/// A forward pass for every picture seen, and a backward pass of twice its cost as far down as something trains; the
/// tuning part has a forward pass per epoch.
fn training(train: &Train) -> f64 {
    let trains = |node: usize| {
        let mut parameters = train.graph.nodes[node].op.parameters();
        parameters.any(|id| train.rates.get(id.0).is_some_and(|rate| *rate > 0.0))
    };
    let lowest = (0..train.graph.nodes.len()).find(|&node| trains(node)).unwrap_or(0);
    let backward: f64 = (lowest..train.graph.nodes.len())
        .map(|node| of_node(&train.graph, NodeId(node)))
        .sum();
    let watched = train.tuning.count() as f64 * f64::from(train.epochs);
    train.samples_seen() as f64 * (forward(&train.graph) + 2.0 * backward) + watched * forward(&train.graph)
}

/// Operations of one sample's forward pass; a multiplication with its addition counts two.
#[must_use]
pub fn forward(graph: &Graph) -> f64 {
    (0..graph.nodes.len()).map(|node| of_node(graph, NodeId(node))).sum()
}

fn of_node(graph: &Graph, id: NodeId) -> f64 {
    let node = graph.node(id);
    let input = node.inputs.first().map_or(0, |input| graph.node(*input).shape.len());
    let weight = node.op.parameters().next();
    // Values of a weight per entry of its first dimension.
    let taps = weight.map_or(0, |weight| graph.parameter(weight).shape[1..].iter().product());
    node.op.operations(input, node.shape.len(), taps)
}
