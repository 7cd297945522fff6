//! Every builtin is called with arguments that its signature asks for, and gives what it declares.
//!
//! Arguments are made from the types of the parameters that have no default. Where a type says too little, such as which
//! column, [`EXAMPLES`] holds the call; a builtin that this file cannot call needs a line there.

use crate::{
    analysis::{Main, Program, check, load},
    builtins::{PRELUDE, Signature, SignatureParameter, signatures, std_source},
    diag::Diagnostics,
    plan::{domain::Input, eval::Evaluator, value::Value},
    source::SourceMap,
    syntax,
    tables::made,
    types::{Named, Type},
};
use std::{fmt::Write as _, fs, path::Path};

/// Calls of builtins whose signature does not say enough to call them.
const EXAMPLES: &[(&str, &str)] = &[
    ("table", "table(\"films.csv\")"),
    ("images", "images(\"photos\")"),
    ("npz", "npz(\"small.npz\")"),
    ("derive", "films |> derive(\"x\", (r) => r.label)"),
    ("join", "films |> join(rows(\"films.csv\"), on: \"image\", columns: [])"),
    (
        "anti_join",
        "films |> anti_join(rows(\"films.csv\") |> where((r) => r.part == \"test\"), on: \"image\")",
    ),
    (
        "latest",
        "films |> derive(\"n\", (r) => 1) |> latest(by: \"patient\", date: \"n\")",
    ),
    ("sometimes", "sometimes(50%, flip)"),
    ("date", "date(\"2020-01-31\")"),
    ("load", "tiny() |> load(\"tiny.safetensors\")"),
    ("by_column", "by_column(\"part\")"),
    ("split", "films |> split(kfold(2), by: \"patient\", seed: 7)"),
    ("classify", "cohort |> classify(\"label\", positive: \"ill\")"),
    ("describe", "tiny() |> describe"),
    (
        "also",
        "x |> global_avgpool |> own: linear(classes) |> also(x |> global_avgpool |> aux: linear(classes))",
    ),
    ("export_weights", "tiny() |> train(task, epochs: 1) |> export_weights"),
    ("evaluate", "tiny() |> train(task, epochs: 1) |> evaluate(task)"),
    ("report", "scores |> report"),
    ("axis", "(for a in [1, 2] { a }) |> axis(b: \"x\")"),
    (
        "transpose",
        "(for a in [1, 2], b in [3, 4] { a * b }) |> transpose([\"b\", \"a\"])",
    ),
    ("select", "sweep |> select(along: \"lr\")"),
    ("ensemble", "sweep |> ensemble(along: \"seed\")"),
    ("rank", "sweep |> rank(along: \"seed\")"),
    ("table_of", "sweep |> table_of(rows: \"lr\", part: \"val\")"),
    ("export", "sweep |> export(\"scores.csv\")"),
    ("power", "power(2, 3)"),
    ("linear", "x |> flatten |> linear(3)"),
    ("slice", "x |> slice(0, 1)"),
    ("shuffle", "x |> shuffle(3)"),
    ("concat", "concat(x, x)"),
    ("stack", "stack(x, x)"),
    ("view", "x |> view(0)"),
    (
        "views",
        "films |> views(by: [\"patient\"], view: \"view\", order: [\"CC\", \"MLO\"])",
    ),
    ("towers", "tiny() |> towers(fuse: mean)"),
    ("seq", "x |> seq(relu, |> conv(2, 1))"),
];

/// What nets are built for.
const PICTURES: Input = Input {
    shape: [3, 8, 8],
    views: 1,
};

/// What the calls are made of: rows, a task, a net.
const START: &str = "\
net tiny(classes: int = 2) { x |> conv1: conv(4, 3) |> relu |> global_avgpool |> fc: linear(classes) }
let films = table(\"films.csv\") |> rgb
let cohort = films |> split(kfold(2), by: \"patient\", stratify: \"label\", seed: 7)
let task = cohort |> classify(\"label\", positive: \"ill\")
let scores = tiny() |> train(task, epochs: 1) |> evaluate(task)
let tuned = films |> split(kfold(2, tuning: 50%), by: \"patient\", stratify: \"label\", seed: 7)
  |> classify(\"label\", positive: \"ill\")
let sweep = for lr in [1e-3, 1e-4], seed in [1, 2] {
  tiny() |> train(tuned, epochs: 1, lr: lr, seed: seed) |> evaluate(tuned)
}
";

/// Sixteen pictures of eight patients as a table, as folders and as an archive; weights of `tiny`.
fn data(root: &Path) {
    let mut rows = String::from("image,patient,label,part,view\n");
    for row in 0..16_u8 {
        let (patient, label) = (row / 2, ["ill", "well"][usize::from(row / 2 % 2)]);
        let part = ["train", "train", "train", "test"][usize::from(row / 4)];
        for path in [
            root.join(format!("{row}.png")),
            root.join(format!("photos/{label}/{row}.png")),
        ] {
            made::picture(&path, row);
        }
        let view = ["CC", "MLO"][usize::from(row % 2)];
        let _ = writeln!(rows, "{row}.png,P{patient},{label},{part},{view}");
    }
    fs::write(root.join("films.csv"), rows).expect("a table can be written");
    made::archive(&root.join("small.npz"));
    let zeros = [0_u8; 4 * 4 * 27];
    let shapes: [(&str, &[usize]); 4] = [
        ("conv1.weight", &[4, 3, 3, 3]),
        ("conv1.bias", &[4]),
        ("fc.weight", &[2, 4]),
        ("fc.bias", &[2]),
    ];
    let tensors = shapes.map(|(name, shape)| {
        let bytes = &zeros[..4 * shape.iter().product::<usize>()];
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes);
        (name, view.expect("the shape fits its bytes"))
    });
    let bytes = safetensors::serialize(tensors, None).expect("weights can be written");
    fs::write(root.join("tiny.safetensors"), bytes).expect("weights can be written");
}

/// A value of a type, as a program writes it.
fn written(ty: &Type) -> Option<String> {
    Some(match ty {
        Type::Named(named) => match named {
            Named::Int | Named::Size => "2",
            Named::Float | Named::Numbers | Named::Rates => "0.5",
            Named::Bool => "true",
            Named::Text | Named::Label => "\"label\"",
            Named::Path => "\"films.csv\"",
            Named::WeightFile => "\"tiny.safetensors\"",
            Named::Duration => "1min",
            Named::Date => "date(\"2020-01-31\")",
            Named::Columns => "\"label\"",
            Named::Dataset | Named::Rows => "films",
            Named::Cohort => "cohort",
            Named::Task => "task",
            Named::Net | Named::Model => "tiny()",
            Named::Scores => "scores",
            Named::Tensor => "x",
            Named::Range => "0.5..1.5",
            Named::Side => "left",
            Named::Freeze => "stages(0)",
            Named::Normalization => "imagenet",
            Named::Folding => "kfold(2)",
            _ => return None,
        }
        .to_owned(),
        Type::Generic(generic) if matches!(generic.letter, 'D' | 'R') => "films".to_owned(),
        Type::Generic(generic) if generic.letter == 'S' => "scores".to_owned(),
        Type::Generic(_) => "2".to_owned(),
        Type::None | Type::Optional(_) => "none".to_owned(),
        Type::List(of) => format!("[{}]", written(of)?),
        Type::Map(of) => format!("{{ a: {} }}", written(of)?),
        Type::Grid(grid) => {
            let cell = written(&grid.cell)?;
            format!("(for a in [1, 2] {{ if a == 1 {{ {cell} }} else {{ {cell} }} }})")
        }
        Type::Step(subject, result) if subject == result => "identity".to_owned(),
        Type::Function(function) => match (function.parameters.as_slice(), &function.result) {
            ([_], Type::Named(Named::Bool)) => "(_r) => true".to_owned(),
            _ => return None,
        },
        _ => return None,
    })
}

/// A call of a builtin, with what has no default.
fn call(signature: &Signature) -> Option<String> {
    if let Some((_, call)) = EXAMPLES.iter().find(|(name, _)| *name == signature.name) {
        return Some((*call).to_owned());
    }
    let needed = |p: &&SignatureParameter| p.default.is_none() && !p.variadic;
    let arguments = signature.parameters.iter().filter(needed).map(|p| written(&p.ty));
    let arguments = arguments.collect::<Option<Vec<_>>>()?.join(", ");
    let call = format!("{}({arguments})", signature.name);
    Some(match &signature.subject {
        Some((_, subject)) => format!("{} |> {call}", written(subject)?),
        None => call,
    })
}

/// True when a value is of a declared type.
fn is_of(value: &Value<'_>, ty: &Type) -> bool {
    match ty {
        Type::Named(Named::Float) => matches!(value, Value::Int(_) | Value::Float(_)),
        Type::Named(named) => value.type_name() == named.name(),
        Type::Generic(generic) if matches!(generic.letter, 'D' | 'R') => {
            matches!(value, Value::Dataset(_) | Value::Cohort(_) | Value::Task(_))
        }
        Type::Generic(generic) if generic.letter == 'N' => matches!(value, Value::Int(_) | Value::Float(_)),
        Type::Generic(_) => true,
        Type::Optional(of) => matches!(value, Value::None) || is_of(value, of),
        Type::List(of) => matches!(value, Value::List(list) if list.iter().all(|value| is_of(value, of))),
        Type::Map(of) => matches!(value, Value::Record(record) if record.values().all(|value| is_of(value, of))),
        Type::Record(fields) => matches!(value, Value::Record(record)
            if fields.iter().all(|(key, ty)| record.get(key.as_str()).is_some_and(|value| is_of(value, ty)))),
        Type::Grid(grid) => {
            matches!(value, Value::Grid(found) if found.cells.iter().all(|cell| is_of(cell, &grid.cell)))
        }
        Type::Step(..) => matches!(value, Value::Step(_)),
        Type::Function(_) => matches!(value, Value::Function(_)),
        Type::Unknown | Type::None | Type::Variable(_) => false,
    }
}

fn loaded(root: &Path, text: &str) -> (Program, Vec<String>) {
    let mut found = Diagnostics::new();
    let main = Main::Text {
        name: "main.mtl",
        folder: root,
        text,
    };
    let program = load(main, &mut found);
    check(&program, &mut found);
    let errors = found.iter().filter(|d| d.severity == crate::diag::Severity::Error);
    let errors = errors.map(|d| d.message.clone()).collect();
    (program, errors)
}

/// What is wrong with a call; none when it gives a value of the declared type.
fn mistake(root: &Path, signature: &Signature, call: &str) -> Option<String> {
    let of_tensors = |ty: &Type| matches!(ty, Type::Named(Named::Tensor));
    let subject = signature.subject.as_ref().map(|(_, ty)| ty);
    let in_net = subject
        .into_iter()
        .chain(signature.parameters.iter().map(|p| &p.ty))
        .any(of_tensors);
    let last = if signature.name == "also" {
        // It stands at the end of a net, so its call is the whole of one.
        format!("net probe(classes: int = 2) {{ {call} }}\nlet v = probe()\n")
    } else if in_net {
        // What the builtin gives goes through a layer where it is a tensor, and into a width where it is a number.
        let end = match &signature.result {
            Type::Named(Named::Int) => "x |> conv(made, 1) |> relu",
            _ => "made |> relu",
        };
        format!(
            "net probe(classes: int = 2) {{\n  let made = {call}\n  let used = {end}\n  concat(x, x) |> global_avgpool |> fc: linear(classes)\n}}\nlet v = probe()\n"
        )
    } else {
        format!("let v = {call}\n")
    };
    let (program, errors) = loaded(root, &format!("{START}{last}"));
    if let Some(first) = errors.first() {
        return Some(first.clone());
    }
    let mut found = Diagnostics::new();
    let mut evaluator = Evaluator::new(&program, &mut found);
    let (id, item) = program.items(program.main).last()?;
    let value = evaluator.item(id, item.span);
    let right = match &value {
        Ok(Value::Net(net)) if in_net => evaluator.graph(net, PICTURES, Some(2), item.span).is_ok(),
        Ok(value) => !in_net && is_of(value, &signature.result),
        Err(_) => false,
    };
    let shown = value.map_or_else(|_| "nothing".to_owned(), |value| value.type_name().to_owned());
    let said: Vec<_> = found.iter().map(|d| d.message.clone()).collect();
    (!right).then(|| format!("declared {}, gives {shown}: {}", signature.result, said.join("; ")))
}

#[test]
fn every_builtin_takes_and_gives_what_its_signature_says() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    data(folder.path());
    let (_, text) = std_source(PRELUDE).expect("the prelude is embedded");
    let file = SourceMap::new().add(PRELUDE, None, text);
    let mut diagnostics = Diagnostics::new();
    let declared = signatures(&syntax::parse(file, text, &mut diagnostics), &mut diagnostics);
    assert!(declared.len() > 40, "{}", declared.len());
    let mut wrong = Vec::new();
    // What `hub` gives lies in a cache outside of the test; `tests/weights.rs` has one.
    for (name, signature) in declared.iter().filter(|(name, _)| *name != "hub") {
        let mistake = match call(signature) {
            Some(call) => mistake(folder.path(), signature, &call).map(|m| format!("`{call}`: {m}")),
            None => Some("its arguments cannot be made; add a call to EXAMPLES".to_owned()),
        };
        wrong.extend(mistake.map(|mistake| format!("{name}: {mistake}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unknown: Vec<_> = EXAMPLES
        .iter()
        .filter(|(name, _)| !declared.contains_key(*name))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
