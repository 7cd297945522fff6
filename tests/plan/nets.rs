//! The networks of the standard library have torchvision's parameters: as many, and of the same names.

use mtl::{
    analysis::{Main, load},
    diag::Diagnostics,
    net::Graph,
    syntax::ast::ItemKind,
};
use std::{path::Path, sync::Arc};

/// The graph of a network of `std.models` for pictures of 224 x 224.
fn network(expression: &str) -> Arc<Graph> {
    network_of("", expression)
}

/// The same with networks of its own.
fn network_of(nets: &str, expression: &str) -> Arc<Graph> {
    let text = format!("import std.models {{ alexnet, resnet18, resnet34 }}\n{nets}\nlet made = {expression}\n");
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
    let graph = mtl::plan::network(&program, &binding.value, [3, 224, 224], None, &mut diagnostics);
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

/// Counts: <https://pytorch.org/vision/stable/models.html>, column "Params" of the table of classification weights.
#[test]
fn parameters_are_as_many_as_torchvisions() {
    assert_eq!(network("alexnet()").trained_values(), 61_100_840);
    assert_eq!(network("resnet18()").trained_values(), 11_689_512);
    assert_eq!(network("resnet34()").trained_values(), 21_797_672);
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
