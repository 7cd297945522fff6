//! AUCs on tuning parts, cell by cell, as the scores of their folds come in.

use crate::plan::{
    Plan, looks,
    stage::{Design, Work},
};
use indexmap::IndexMap;
use petgraph::graph::NodeIndex;
use serde::Serialize;

/// The cells of an output on their tuning parts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Matrix {
    /// Name of the output.
    pub output: String,
    /// Names of the axes; the last one stands in the columns where there are several.
    pub axes: Vec<String>,
    /// Labels of the rows.
    pub rows: Vec<String>,
    /// Labels of the columns; a single empty one where there is one axis or none.
    pub columns: Vec<String>,
    /// Row by row; none where the grid has no cell.
    pub cells: Vec<Option<MatrixCell>>,
}

/// A cell on its tuning parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MatrixCell {
    /// The mean over the models that have scored and whose tuning part has every class; none before the first has.
    pub auc: Option<f64>,
    /// Models that have scored.
    pub known: usize,
    /// Models that will; 0 where there is no tuning part.
    pub of: usize,
}

/// Where a value of a matrix comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The output, by place among those of the plan.
    pub output: usize,
    /// The cell.
    pub cell: usize,
    /// The model.
    pub member: usize,
}

/// What an output judges; none of what judges nothing.
pub(super) fn design(plan: &Plan, output: usize) -> Option<&Design> {
    let node = *plan.outputs.get_index(output)?.1;
    looks::design(&plan.graph[node].work)
}

/// The models that each stage of scores speaks for.
pub(super) fn places(plan: &Plan) -> IndexMap<NodeIndex, Vec<Place>> {
    let names: IndexMap<&str, NodeIndex> = plan
        .order()
        .filter(|node| matches!(plan.graph[*node].work, Work::Score(_)))
        .map(|node| (plan.graph[node].name.as_str(), node))
        .collect();
    let mut places: IndexMap<NodeIndex, Vec<Place>> = IndexMap::new();
    for output in 0..plan.outputs.len() {
        let Some(design) = design(plan, output) else { continue };
        for (cell, of) in design.cells.iter().enumerate() {
            for (member, model) in of.members.iter().enumerate().filter(|(_, one)| !one.tuning.is_empty()) {
                model.scoring.each_model(&mut |scores, _| {
                    let stage = design.scores.get(scores).and_then(|name| names.get(name.as_str()));
                    if let Some(stage) = stage {
                        places.entry(*stage).or_default().push(Place { output, cell, member });
                    }
                });
            }
        }
    }
    places
}

/// Names of the stages whose scores speak for a model.
pub(super) fn stages_of(plan: &Plan, place: Place) -> Vec<String> {
    let mut names = Vec::new();
    let Some(design) = design(plan, place.output) else {
        return names;
    };
    let member = &design.cells[place.cell].members[place.member];
    member
        .scoring
        .each_model(&mut |scores, _| names.extend(design.scores.get(scores).cloned()));
    names
}

/// The AUC of a model on its tuning part; none where that part lacks a class.
pub(super) type Values = IndexMap<Place, Option<f64>>;

/// The matrices of a plan, with the values that are known.
pub(super) fn matrices(plan: &Plan, values: &Values) -> Vec<Matrix> {
    let outputs = plan.outputs.keys().enumerate();
    outputs
        .filter_map(|(output, name)| Some(matrix(name, design(plan, output)?, output, values)))
        .collect()
}

fn matrix(name: &str, design: &Design, output: usize, values: &Values) -> Matrix {
    let axes: Vec<String> = design.axes.iter().map(|axis| axis.name.clone()).collect();
    let split = if axes.len() > 1 { axes.len() - 1 } else { axes.len() };
    let labels = |cell: &[String]| {
        (
            cell[..split.min(cell.len())].join(" / "),
            cell[split.min(cell.len())..].join(" / "),
        )
    };
    let (mut rows, mut columns): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let place = |list: &mut Vec<String>, label: String| {
        list.iter().position(|known| *known == label).unwrap_or_else(|| {
            list.push(label);
            list.len() - 1
        })
    };
    let spots: Vec<(usize, usize)> = design
        .cells
        .iter()
        .map(|cell| {
            let (row, column) = labels(&cell.coordinate);
            (place(&mut rows, row), place(&mut columns, column))
        })
        .collect();
    let mut cells = vec![None; rows.len() * columns.len()];
    for (cell, (row, column)) in spots.into_iter().enumerate() {
        cells[row * columns.len() + column] = Some(of_cell(
            design,
            Place {
                output,
                cell,
                member: 0,
            },
            values,
        ));
    }
    Matrix {
        output: name.to_owned(),
        axes,
        rows,
        columns,
        cells,
    }
}

fn of_cell(design: &Design, at: Place, values: &Values) -> MatrixCell {
    let members = design.cells[at.cell].members.iter().enumerate();
    let tuned: Vec<usize> = members
        .filter(|(_, member)| !member.tuning.is_empty())
        .map(|(place, _)| place)
        .collect();
    let known: Vec<Option<f64>> = tuned
        .iter()
        .filter_map(|&member| values.get(&Place { member, ..at }).copied())
        .collect();
    let aucs: Vec<f64> = known.iter().copied().flatten().collect();
    MatrixCell {
        auc: (!aucs.is_empty()).then(|| aucs.iter().sum::<f64>() / aucs.len() as f64),
        known: known.len(),
        of: tuned.len(),
    }
}
