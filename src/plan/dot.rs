//! The whole plan in the language of Graphviz: <https://graphviz.org/doc/info/lang.html>.

use super::Plan;
use petgraph::visit::EdgeRef as _;
use std::fmt::Write as _;

/// Every stage and every edge, in the order of the plan.
#[must_use]
pub fn to_dot(plan: &Plan) -> String {
    let mut out = String::from("digraph plan {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n");
    for id in plan.order() {
        let stage = &plan.graph[id];
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "  n{} [label={:?}, tooltip=\"{}\"];",
            id.index(),
            stage.name,
            stage.work.kind()
        );
    }
    for edge in plan.graph.edge_references() {
        let label = edge.weight().output();
        let _ = writeln!(
            out,
            "  n{} -> n{} [label={label}];",
            edge.source().index(),
            edge.target().index()
        );
    }
    out.push_str("}\n");
    out
}
