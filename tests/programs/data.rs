//! The data that the programs name: the shipped mammograms under the names of their columns, and small tables beside.

use crate::common::{chest, mammograms};
use mtl::{
    analysis::{Main, load},
    diag::Diagnostics,
    net::Graph,
    syntax::ast::ItemKind,
};
use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::Path,
    sync::Arc,
};

/// Writes everything into the folder of the programs.
pub(crate) fn write(root: &Path) {
    let shipped = mammograms();
    let folder = shipped.parent().expect("a manifest lies in a folder");
    make(&root.join("data"));
    symlink(folder, root.join("data/cbis-ddsm-mass")).expect("a link can be made");
    study(&root.join("data"));
    cbis(&root.join("more/data/cbis"), folder);
    table(&root.join("more/data/nih"), "label", &["no_finding", "pneumonia"], 60);
    fs::copy(chest(), root.join("more/data/pneumonia.npz")).expect("the archive can be copied");
    make(&root.join("more/weights"));
    for name in ["alexnet", "resnet18", "resnet34", "resnet50", "vgg16"] {
        weights(name, &root.join(format!("more/weights/{name}.safetensors")));
    }
}

fn make(folder: &Path) {
    fs::create_dir_all(folder).expect("the folder can be made");
}

/// The cohorts of `study.mtl`.
fn study(data: &Path) {
    for class in ["ant", "bee", "wasp"] {
        for number in 0..20 {
            picture(&data.join(format!("imagenet/{class}/{number}.png")), number);
        }
    }
    table(&data.join("chest"), "finding", &["no_finding", "pneumonia"], 60);
    table(&data.join("film"), "pathology", &["benign", "malignant"], 60);
    table(&data.join("density"), "density", &["A", "B", "C", "D"], 80);
    let mut rows = String::from("image,patient,side,view,finding\n");
    let findings = ["malignant", "recalled-benign", "negative"];
    for patient in 0..120_u32 {
        for (side, view) in [("left", "CC"), ("left", "MLO"), ("right", "CC"), ("right", "MLO")] {
            // Some breasts were seen from one side only.
            if view == "CC" && patient % 7 == 3 {
                continue;
            }
            let image = format!("p{patient:03}_{side}_{view}.png");
            picture(&data.join("target").join(&image), patient);
            let _ = writeln!(
                rows,
                "{image},P{patient:03},{side},{view},{}",
                findings[(patient % 3) as usize]
            );
        }
    }
    fs::write(data.join("target/manifest.csv"), rows).expect("the manifest can be written");
}

/// A table of one picture per patient, its labels in turn. No patient is in two tables.
fn table(folder: &Path, column: &str, labels: &[&str], patients: u32) {
    let mut rows = format!("image,patient,{column}\n");
    for patient in 0..patients {
        let image = format!("p{patient:03}.png");
        picture(&folder.join(&image), patient);
        let _ = writeln!(
            rows,
            "{image},{column}{patient},{}",
            labels[patient as usize % labels.len()]
        );
    }
    fs::write(folder.join("manifest.csv"), rows).expect("the manifest can be written");
}

/// The shipped mammograms with two columns more.
fn cbis(folder: &Path, shipped: &Path) {
    make(folder);
    symlink(shipped.join("images"), folder.join("images")).expect("a link can be made");
    let text = fs::read_to_string(shipped.join("manifest.csv")).expect("the manifest can be read");
    let mut lines = text.lines();
    let head = lines.next().expect("a header");
    let density = head
        .split(',')
        .position(|name| name == "breast_density")
        .expect("its column");
    let mut rows = format!("{head},density,quality\n");
    for (line, number) in lines.zip(0_u32..) {
        let density = line.split(',').nth(density).expect("a value");
        let quality = if number % 50 == 7 { "reject" } else { "good" };
        let _ = writeln!(rows, "{line},{density},{quality}");
    }
    fs::write(folder.join("manifest.csv"), rows).expect("the manifest can be written");
}

fn picture(path: &Path, shade: u32) {
    make(path.parent().expect("a file lies in a folder"));
    let image = image::GrayImage::from_fn(48, 64, |x, y| image::Luma([(shade * 3 + x * 7 + y * 13) as u8]));
    image.save(path).expect("the picture can be written");
}

/// A weight file for a network of `std.models`, of zeros that take no room on the disk.
fn weights(name: &str, path: &Path) {
    let graph = graph(name);
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for parameter in &graph.parameters {
        let start = end;
        end += 4 * parameter.len();
        let entry = serde_json::json!({ "dtype": "F32", "shape": parameter.shape, "data_offsets": [start, end] });
        header.insert(parameter.name.clone(), entry);
    }
    let header = serde_json::to_vec(&header).expect("an object can be written");
    let mut file = File::create(path).expect("the file can be made");
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("writable");
    file.write_all(&header).expect("writable");
    file.set_len((8 + header.len() + end) as u64).expect("writable");
}

fn graph(name: &str) -> Arc<Graph> {
    let text = format!("import std.models {{ {name} }}\nlet made = {name}()\n");
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
    graph.expect("the network can be made")
}
