//! The card of a network: its layers, stages and parameters for pictures of one size.

use super::{
    cost,
    domain::{Input, Net},
    eval::Evaluator,
    stage::{Card, CardTable, CardValue},
    value::{Arguments, Outcome, Value},
};
use crate::{
    diag::codes::plan as codes,
    net::{Graph, NodeId, Parameter, ParameterRole},
    source::Span,
};

impl<'p> Evaluator<'p, '_> {
    /// What a network is made of.
    pub(super) fn net_card(&mut self, net: &Net<'p>, arguments: &Arguments<'p>, span: Span) -> Outcome<Card> {
        let [height, width] = self.sides(arguments, "size")?;
        if let (true, Some(slot)) = (height * width == 0, arguments.slot("size")) {
            let message = format!("{} is no size of a picture", slot.value.display());
            return self.error(&codes::BAD_VALUE, message, slot.span);
        }
        let channels = self.count(arguments, "channels")? as usize;
        let views = self.count(arguments, "views")? as usize;
        let classes = match arguments.value("classes") {
            Value::None => None,
            _ => Some(self.count(arguments, "classes")? as usize),
        };
        // Built anew, so that the place of every layer is heard of.
        self.networks.places = Some(Vec::new());
        let pictures = Input {
            shape: [channels, height, width],
            views,
        };
        let graph = self.build(net, pictures, classes, span);
        let places = self.networks.places.take().unwrap_or_default();
        let graph = graph?;
        let sources = self.sources(&graph, &places);
        let stages = match graph.stage_of_each() {
            Ok(stages) => stages,
            Err(error) => return self.select_error(&error, span),
        };
        let stages: Vec<CardValue> = stages.into_iter().map(|stage| stage_name(&graph, stage)).collect();
        let mut about: Vec<String> = net.item.doc.iter().map(|doc| doc.replace('\n', " ")).collect();
        let of = if views == 1 {
            format!("pictures of {}", graph.input_shape())
        } else {
            format!("samples of {views} pictures of [{channels}, {height}, {width}]")
        };
        about.push(format!("Shapes are [channels, height, width], for {of}."));
        let count = |value: usize, name: &str| (CardValue::count(value), name.to_owned());
        Ok(Card {
            kind: "Network".to_owned(),
            name: net.display(),
            program: self.program_name(),
            about,
            facts: vec![
                count(graph.trained_values(), "trained parameters"),
                count(graph.nodes.len() - 1, "layers"),
                count(graph.stages.len(), "coarse stages"),
                count(graph.classes(), "outputs"),
                (
                    CardValue::Count(cost::forward(&graph) as u64),
                    if views == 1 {
                        "operations a picture"
                    } else {
                        "operations a sample"
                    }
                    .to_owned(),
                ),
            ],
            tables: vec![
                stage_table(&graph, &stages),
                layer_table(&graph, &stages, &sources),
                parameter_table(&graph, &stages),
            ],
        })
    }

    /// Where each node's layer is written: `mobilenet_v2.mtl:14`. What a layer makes beside its last node is its own.
    fn sources(&self, graph: &Graph, places: &[(NodeId, Span)]) -> Vec<String> {
        let mut sources = vec![String::new(); graph.nodes.len()];
        let mut next = 1;
        for (NodeId(last), span) in places {
            let file = self.program.sources.file(span.file);
            let name = file.name().rsplit(['/', '\\']).next().unwrap_or_default();
            let line = file.position(span.start as usize).line;
            for source in sources.iter_mut().take(last + 1).skip(next) {
                *source = format!("{name}:{line}");
            }
            next = next.max(last + 1);
        }
        sources
    }
}

fn stage_name(graph: &Graph, stage: Option<usize>) -> CardValue {
    match stage {
        None => CardValue::text("head"),
        Some(stage) => graph.stages.get(stage).map_or(CardValue::None, CardValue::text),
    }
}

/// The coarse stages and the head with their trained values. A network that names no stages is one row.
fn stage_table(graph: &Graph, stages: &[CardValue]) -> CardTable {
    let mut sums: Vec<(CardValue, usize, usize)> = Vec::new();
    for (parameter, stage) in graph.parameters.iter().zip(stages).filter(|(p, _)| p.role.is_trained()) {
        let place = sums.iter().position(|(known, ..)| known == stage).unwrap_or_else(|| {
            sums.push((stage.clone(), 0, 0));
            sums.len() - 1
        });
        sums[place].1 += 1;
        sums[place].2 += parameter.len();
    }
    let rows = sums
        .into_iter()
        .map(|(stage, tensors, values)| vec![stage, CardValue::count(tensors), CardValue::count(values)]);
    CardTable {
        name: "stages".to_owned(),
        note: "What `freeze: stages(n)` holds is the first n rows; `head` is what a new task replaces.".to_owned(),
        columns: ["stage", "tensors", "parameters"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

fn layer_table(graph: &Graph, stages: &[CardValue], sources: &[String]) -> CardTable {
    let trains_only = beside(graph);
    let rows = graph.nodes.iter().enumerate().skip(1).map(|(place, node)| {
        let first = node.op.parameters().next();
        let scope = first.map_or(CardValue::None, |id| {
            let name = &graph.parameter(id).name;
            CardValue::text(name.rsplit_once('.').map_or("", |(scope, _)| scope))
        });
        let values: usize = node
            .op
            .parameters()
            .map(|id| graph.parameter(id))
            .filter(|parameter| parameter.role.is_trained())
            .map(Parameter::len)
            .sum();
        let inputs: Vec<_> = node.inputs.iter().map(|input| input.0.to_string()).collect();
        let mut words = node.op.words();
        if trains_only[place] {
            words += " (training alone)";
        }
        vec![
            CardValue::count(place),
            CardValue::text(words),
            CardValue::text(inputs.join(", ")),
            CardValue::text(node.shape.to_string()),
            first.map_or(CardValue::None, |_| CardValue::count(values)),
            scope,
            first.map_or(CardValue::None, |id| stages[id.0].clone()),
            CardValue::text(&sources[place]),
        ]
    });
    CardTable {
        name: "layers".to_owned(),
        note: "`from` are the layers whose outputs a layer takes; 0 is the picture.".to_owned(),
        columns: [
            "layer",
            "what",
            "from",
            "output",
            "parameters",
            "scope",
            "stage",
            "source",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: rows.collect(),
    }
}

fn parameter_table(graph: &Graph, stages: &[CardValue]) -> CardTable {
    let rows = graph.parameters.iter().zip(stages).map(|(parameter, stage)| {
        let role = match parameter.role {
            ParameterRole::Weight => "weight",
            ParameterRole::Bias => "bias",
            ParameterRole::Affine => "scale or shift",
            ParameterRole::Statistic => "statistic",
        };
        vec![
            CardValue::text(&parameter.name),
            CardValue::text(format!("{:?}", parameter.shape)),
            CardValue::text(role),
            CardValue::count(parameter.len()),
            stage.clone(),
        ]
    });
    CardTable {
        name: "parameters".to_owned(),
        note: "Names and shapes as in a weight file. Statistics are not trained: they follow the batches.".to_owned(),
        columns: ["name", "shape", "role", "values", "stage"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// The nodes that only auxiliary outputs rest on.
fn beside(graph: &Graph) -> Vec<bool> {
    let rests = |roots: &[NodeId]| {
        let mut needed = vec![false; graph.nodes.len()];
        roots.iter().for_each(|root| needed[root.0] = true);
        for place in (0..needed.len()).rev().filter(|&place| place > 0) {
            if needed[place] {
                graph.nodes[place]
                    .inputs
                    .iter()
                    .for_each(|input| needed[input.0] = true);
            }
        }
        needed
    };
    let own = rests(&[graph.output]);
    let auxiliary = rests(&graph.auxiliary.iter().map(|one| one.output).collect::<Vec<_>>());
    own.into_iter()
        .zip(auxiliary)
        .map(|(own, other)| other && !own)
        .collect()
}
