//! The networks of the standard library have torchvision's parameters: as many, and of the same names.

use mtl::{
    analysis::{Main, load},
    diag::Diagnostics,
    net::Graph,
    syntax::ast::ItemKind,
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

/// The graph of a network of `std.models` for pictures of 224 x 224.
fn network(expression: &str) -> Arc<Graph> {
    network_of("", expression)
}

/// The same with networks of its own.
fn network_of(nets: &str, expression: &str) -> Arc<Graph> {
    network_at(nets, expression, 224)
}

/// The same for pictures of another side.
fn network_at(nets: &str, expression: &str, side: usize) -> Arc<Graph> {
    let name = expression.split('(').next().unwrap_or_default();
    let import = if nets.is_empty() {
        format!("import std.models {{ {name} }}")
    } else {
        String::new()
    };
    let text = format!("{import}\n{nets}\nlet made = {expression}\n");
    let mut diagnostics = Diagnostics::new();
    let main = Main::Text {
        name: "main.mtl",
        folder: Path::new(""),
        text: &text,
    };
    let program = load(main, &mut diagnostics);
    let (_, item) = program.items(program.main).last().expect("the program has items");
    let ItemKind::Let(binding) = &item.kind else {
        panic!("the last item is a `let`")
    };
    let graph = mtl::plan::network(&program, &binding.value, [3, side, side], None, &mut diagnostics);
    let found: Vec<_> = diagnostics.iter().map(|d| d.message.clone()).collect();
    graph.unwrap_or_else(|| panic!("{found:?}"))
}

fn names(graph: &Graph) -> Vec<&str> {
    graph
        .parameters
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect()
}

/// What a network of torchvision holds.
#[derive(Deserialize)]
struct Reference {
    parameters: usize,
    tensors: usize,
    blake3: String,
}

#[derive(Deserialize)]
struct References {
    networks: BTreeMap<String, Reference>,
}

/// All networks of `std.models` but `lenet` have the names and shapes of torchvision's, whose digests stand in the file.
#[test]
fn names_and_shapes_are_torchvisions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/nets/torchvision.json");
    let text = std::fs::read_to_string(path).expect("the references can be read");
    let references: References = serde_json::from_str(&text).expect("the references are JSON");
    assert_eq!(references.networks.len(), 36);
    let mut others = Vec::new();
    for (name, expected) in &references.networks {
        let graph = network(&format!("{name}()"));
        assert_eq!(graph.trained_values(), expected.parameters, "{name}");
        assert_eq!(graph.parameters.len(), expected.tensors, "{name}");
        let lines = graph.parameters.iter().map(|p| format!("{} {:?}\n", p.name, p.shape));
        let lines: BTreeSet<_> = lines.collect();
        let listing: String = lines.into_iter().collect();
        if blake3::hash(listing.as_bytes()).to_hex().as_str() != expected.blake3 {
            others.push(name);
        }
    }
    assert_eq!(
        others, [""; 0],
        "their names or shapes differ; compare with `state_dict()`"
    );
}

/// Trained values with auxiliary heads as torchvision 0.27.1 counts them (`aux_logits=True`), and the names of the heads.
#[test]
fn auxiliary_heads_are_torchvisions() {
    let branch = |scope: &str| {
        let conv = [
            "conv.weight",
            "bn.weight",
            "bn.bias",
            "bn.running_mean",
            "bn.running_var",
        ];
        conv.map(|name| format!("{scope}.{name}")).to_vec()
    };
    let linear = |scope: &str| ["weight", "bias"].map(|name| format!("{scope}.{name}")).to_vec();
    let google = ["aux1", "aux2"].map(|aux| {
        let parts = [
            branch(&format!("{aux}.conv")),
            linear(&format!("{aux}.fc1")),
            linear(&format!("{aux}.fc2")),
        ];
        parts.concat()
    });
    let inception = [
        branch("AuxLogits.conv0"),
        branch("AuxLogits.conv1"),
        linear("AuxLogits.fc"),
    ];
    for (name, side, values, heads) in [
        ("googlenet", 224, 13_004_888, google.concat()),
        ("inception_v3", 299, 27_161_264, inception.concat()),
    ] {
        let graph = network_at("", &format!("{name}(auxiliary: true)"), side);
        assert_eq!(graph.trained_values(), values, "{name}");
        let own: BTreeSet<_> = heads.iter().map(String::as_str).collect();
        let found: BTreeSet<_> = names(&graph)
            .into_iter()
            .filter(|name| name.to_lowercase().starts_with("aux"))
            .collect();
        assert_eq!(found, own);
    }
}

/// Every network of `std.models` can be trained from any of its stages, for pictures of 224 and a few classes.
#[test]
fn stages_name_parameters_of_every_network() {
    let names = mtl::builtins::std_source("std.models").expect("the module exists").1;
    let imported = names.split('{').skip(1).filter_map(|part| part.split_once('}'));
    let names = imported.flat_map(|(names, _)| names.split(',').map(str::trim));
    let mut count = 0;
    for name in names {
        let graph = network(&format!("{name}(classes: 3)"));
        assert!(graph.stages.len() >= 4, "{name}");
        for stages in 1..graph.stages.len() {
            let (fewer, more) = (graph.first_stages(stages - 1), graph.first_stages(stages));
            let (fewer, more) = (fewer.expect("they exist"), more.expect("they exist"));
            assert!(fewer.len() < more.len(), "{name}: stage {stages} adds nothing");
            assert!(
                more.iter().all(|id| !graph.is_head(*id)),
                "{name}: stage {stages} holds the head"
            );
        }
        count += 1;
    }
    assert_eq!(count, 38);
}

/// `torchvision.models.alexnet().state_dict().keys()`
#[test]
fn alexnet_has_torchvisions_names() {
    let layers = ["features.0", "features.3", "features.6", "features.8", "features.10"];
    let layers = layers
        .into_iter()
        .chain(["classifier.1", "classifier.4", "classifier.6"]);
    let expected: Vec<_> = layers
        .flat_map(|layer| ["weight", "bias"].map(|p| format!("{layer}.{p}")))
        .collect();
    let graph = network("alexnet()");
    assert_eq!(names(&graph), expected);
    assert_eq!(graph.head.as_deref(), Some("classifier.6"));
    assert_eq!(graph.stages.len(), 7);
}

/// `torchvision.models.resnet18().state_dict().keys()`, without the counters `num_batches_tracked`.
#[test]
fn resnet18_has_torchvisions_names() {
    let norm = |name: &str| ["weight", "bias", "running_mean", "running_var"].map(|p| format!("{name}.{p}"));
    let mut expected = vec!["conv1.weight".to_owned()];
    expected.extend(norm("bn1"));
    for layer in 1..=4 {
        for block in 0..2 {
            let at = format!("layer{layer}.{block}");
            for part in 1..=2 {
                expected.push(format!("{at}.conv{part}.weight"));
                expected.extend(norm(&format!("{at}.bn{part}")));
            }
            if layer > 1 && block == 0 {
                expected.push(format!("{at}.downsample.0.weight"));
                expected.extend(norm(&format!("{at}.downsample.1")));
            }
        }
    }
    expected.extend(["fc.weight".to_owned(), "fc.bias".to_owned()]);
    let graph = network("resnet18()");
    assert_eq!(names(&graph), expected);
    assert_eq!(graph.first_stages(1).map(|ids| ids.len()), Ok(5));
}

#[test]
fn classes_decide_the_head_alone() {
    let (two, thousand) = (network("resnet18(classes: 2)"), network("resnet18()"));
    assert_eq!(two.classes(), 2);
    let differing: Vec<_> = two
        .parameters
        .iter()
        .zip(&thousand.parameters)
        .filter(|(a, b)| a != b)
        .collect();
    assert!(!differing.is_empty() && differing.iter().all(|(a, _)| a.name.starts_with("fc.")));
    assert_eq!(thousand.trained_values() - two.trained_values(), 998 * 513);
}

#[test]
fn an_alexnet_costs_what_its_paper_says() {
    // 0.71 G multiplications and additions: the same table of torchvision, column "GFLOPS".
    let operations = mtl::plan::cost::forward(&network("alexnet()"));
    assert!((operations / 2.0 / 0.714e9 - 1.0).abs() < 0.02, "{operations}");
}

#[test]
fn labels_and_numbers_make_the_names_and_nothing_else_does() {
    let nets = "
net pair(width: int) { x |> a: conv(width, 1) |> (b: conv(width, 1)) }
net unlabelled(width: int) { x |> conv(width, 1) }
net all(classes: int = 2, widths: [int] = [3, 5]) {
  let parts = for width in widths { |> deep: conv(width, 1) }
  let y = x |> unlabelled(4)
  y |> inner: pair(6)
    |> body: seq(...parts, relu, |> repeat i in 0..2 { \"r{i}\": pair(2) }, |> repeat i in [] { conv(1, 1) }, conv(4, 1))
    |> if length(widths) == 2 { last: unlabelled(4) }
    |> if length(widths) == 3 { never: unlabelled(4) }
    |> global_avgpool |> linear(classes)
}";
    let layers = [
        "",
        "inner.a",
        "inner.b",
        "body.0.deep",
        "body.1.deep",
        "body.3.r0.a",
        "body.3.r0.b",
        "body.3.r1.a",
        "body.3.r1.b",
        "body.5",
        "last",
    ];
    let nets = nets.replace("|> linear(classes)", "|> head: linear(classes)");
    let layers = layers.into_iter().chain(["head"]);
    let expected: Vec<_> = layers
        .flat_map(|layer| {
            ["weight", "bias"].map(|p| {
                if layer.is_empty() {
                    p.to_owned()
                } else {
                    format!("{layer}.{p}")
                }
            })
        })
        .collect();
    let graph = network_of(&nets, "all()");
    assert_eq!(names(&graph), expected);
    assert_eq!(graph.head.as_deref(), Some("head"));
}

/// `shared` is one set of parameters, named where it is made; torch names a module after the attribute that holds it.
#[test]
fn a_shared_piece_is_named_where_it_is_made() {
    let nets = r#"
net encoder(width: int) { x |> conv1: conv(width, 3, pad: 1, bias: false) |> bn1: batchnorm |> relu }
net twice(width: int) {
  let enc = shared("encoder", encoder(width))
  concat(x |> slice(0, 1) |> a: enc, x |> slice(1, 2) |> b: enc)
}
net two(classes: int = 2) {
  let parts = for i in [0, 1] { x |> slice(i, i + 2) |> "branch{i}": twice(4) }
  stack(...parts) |> global_avgpool |> fc: linear(classes)
}
net summed(classes: int = 2) {
  let enc = shared("encoder", |> conv(4, 3, pad: 1))
  sum([x |> enc, x |> relu |> enc, x |> tanh |> enc]) |> global_avgpool |> fc: linear(classes)
}
"#;
    let layer = [
        "conv1.weight",
        "bn1.weight",
        "bn1.bias",
        "bn1.running_mean",
        "bn1.running_var",
    ];
    let branches = ["branch0", "branch1"].map(|branch| layer.map(|name| format!("{branch}.encoder.{name}")));
    let mut expected: Vec<_> = branches.concat();
    expected.extend(["fc.weight", "fc.bias"].map(str::to_owned));
    assert_eq!(names(&network_of(nets, "two()")), expected);
    let graph = network_of(nets, "summed()");
    assert_eq!(
        names(&graph),
        ["encoder.weight", "encoder.bias", "fc.weight", "fc.bias"]
    );
    let convolutions = graph.nodes.iter().filter(|node| node.op.name() == "conv").count();
    assert_eq!(convolutions, 3);
}
