//! Small data made by rule, and programs run over it.

use mtl::{
    analysis::{Main, Program, check, load},
    diag::Diagnostics,
    plan::{
        Options, Plan,
        stage::{Report, Work},
    },
};
use std::{fmt::Write as _, fs, path::Path, sync::OnceLock};

pub(crate) const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/plan");

pub(crate) fn picture(path: &Path, width: u32, height: u32, shade: u8) {
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("the folder can be made");
    let image = image::GrayImage::from_fn(width, height, |x, y| image::Luma([shade ^ (x * 7 + y * 13) as u8]));
    image.save(path).expect("the picture can be written");
}

/// A manifest of 72 patients with 84 films: `label` benign (36 patients) or malignant (24) or other (12), `density` 1
/// to 4, every sixth patient with a second film; and smaller tables beside it.
pub(crate) fn data(root: &Path) {
    let mut films = String::from("image,patient,label,density,age,part\n");
    let mut second = String::from("image,patient,label\n");
    for patient in 0..72_u32 {
        let label = ["malignant", "benign", "benign", "malignant", "benign", "other"][(patient % 6) as usize];
        let age = if patient == 5 {
            String::new()
        } else {
            (40 + patient % 30).to_string()
        };
        let part = ["train", "train", "val", "test"][(patient / 6 % 4) as usize];
        for film in 0..1 + u32::from(patient % 6 == 1) {
            let image = format!("p{patient:02}_{film}.png");
            picture(
                &root.join("data/films").join(&image),
                16,
                16,
                (patient * 3 + film) as u8,
            );
            let _ = writeln!(
                films,
                "{image},P{patient:02},{label},{},{age},{part}",
                patient / 6 % 4 + 1
            );
        }
        if patient % 3 == 0 {
            let image = format!("q{patient:02}.png");
            picture(&root.join("data/second").join(&image), 16, 16, (patient * 5 + 1) as u8);
            let number = if patient % 2 == 0 { patient } else { patient + 500 };
            let _ = writeln!(
                second,
                "{image},P{number:02},{}",
                if patient % 4 < 2 { "ill" } else { "well" }
            );
        }
    }
    fs::write(root.join("data/films/manifest.csv"), films).expect("the manifest can be written");
    fs::write(root.join("data/second/manifest.csv"), second).expect("the manifest can be written");
    let about = r#"{"title": "Small films", "caveats": ["Made by a test."]}"#;
    fs::write(root.join("data/films/about.json"), about).expect("the card can be written");
    breasts(&root.join("data/breasts"));
    for class in ["cat", "dog"] {
        for number in 0..24 {
            picture(
                &root.join(format!("data/squares/{class}/{number}.png")),
                20,
                20,
                number as u8,
            );
        }
        for number in 0..12 {
            picture(
                &root.join(format!("data/photos/{class}/{number}.png")),
                20 + number,
                20,
                number as u8,
            );
        }
    }
    let mut missing = String::from("image,label\n");
    for row in 0..8 {
        let name = if row < 6 {
            format!("films/p{row:02}_0.png")
        } else {
            format!("none{row}.png")
        };
        let _ = writeln!(missing, "{name},{}", ["a", "b"][row % 2]);
    }
    fs::write(root.join("data/missing.csv"), missing).expect("the manifest can be written");
    weights(&root.join("data/tiny.safetensors"));
    for name in ["tiny.pth", "checkpoint.pth", "unsafe.pth"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/reference/weights")
            .join(name);
        fs::copy(from, root.join("data").join(name)).expect("the weights can be copied");
    }
}

/// A manifest of 72 patients: of every third both breasts, of every fifth no oblique view. `label` and `grade` are of the
/// patient; `reading` is `label` but in one view of one breast.
fn breasts(folder: &Path) {
    let mut rows = String::from("image,patient,side,view,label,reading,grade\n");
    for patient in 0..72_u32 {
        let label = ["malignant", "benign"][(patient % 2) as usize];
        for side in ["LEFT", "RIGHT"] {
            for view in ["CC", "MLO"] {
                if side == "RIGHT" && patient % 3 != 0 || view == "MLO" && patient % 5 == 0 {
                    continue;
                }
                let image = format!("b{patient:02}_{side}_{view}.png");
                let shade = patient * 3 + u32::from(side == "LEFT") + 2 * u32::from(view == "CC");
                picture(&folder.join(&image), 16, 16, shade as u8);
                let torn = (patient, side, view) == (3, "LEFT", "MLO");
                let reading = if torn { "malignant" } else { label };
                let _ = writeln!(
                    rows,
                    "{image},P{patient:02},{side},{view},{label},{reading},{}",
                    patient % 3 + 1
                );
            }
        }
    }
    fs::write(folder.join("manifest.csv"), rows).expect("the manifest can be written");
}

/// Weights of the net `tiny` of the case `loaded`, for three classes, with a counter as torch writes it.
pub(crate) fn weights(path: &Path) {
    let shapes: [(&str, &[usize]); 7] = [
        ("conv1.weight", &[4, 3, 3, 3]),
        ("conv1.bias", &[4]),
        ("conv2.weight", &[8, 4, 3, 3]),
        ("conv2.bias", &[8]),
        ("fc.weight", &[3, 8]),
        ("fc.bias", &[3]),
        ("bn.num_batches_tracked", &[1]),
    ];
    let zeros = vec![0_u8; 4 * 8 * 4 * 3 * 3];
    let tensors = shapes.map(|(name, shape)| {
        let bytes = &zeros[..4 * shape.iter().product::<usize>()];
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes);
        (name, view.expect("the shape fits its bytes"))
    });
    let bytes = safetensors::serialize(tensors, None).expect("the weights can be written");
    fs::write(path, bytes).expect("the weights can be written");
}

pub(crate) struct Outcome {
    pub(crate) program: Program,
    pub(crate) plan: Option<Plan>,
    pub(crate) diagnostics: Diagnostics,
}

/// Loads and plans a program. Right programs are `checked` before, as the command line does; wrong ones are not where
/// the planner's own refusal is to be seen.
pub(crate) fn run(main: Main<'_>, checked: bool) -> Outcome {
    run_for(main, checked, &Options::default())
}

fn run_for(main: Main<'_>, checked: bool, options: &Options) -> Outcome {
    let mut diagnostics = Diagnostics::new();
    let program = load(main, &mut diagnostics);
    if checked {
        check(&program, &mut diagnostics);
    }
    let plan = (!diagnostics.has_errors())
        .then(|| mtl::plan::plan(&program, options, &mut diagnostics))
        .flatten();
    Outcome {
        program,
        plan,
        diagnostics,
    }
}

/// The small data, made once for all programs that lie in no folder of their own.
pub(crate) fn shared() -> &'static Path {
    static SHARED: OnceLock<tempfile::TempDir> = OnceLock::new();
    SHARED.get_or_init(folder).path()
}

/// A folder with the small data.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    data(folder.path());
    folder
}

fn run_text(text: &str, checked: bool, options: &Options) -> Outcome {
    let main = Main::Text {
        name: "main.mtl",
        folder: shared(),
        text,
    };
    run_for(main, checked, options)
}

/// The plan of a right program.
pub(crate) fn planned(text: &str) -> Plan {
    planned_for(text, &[])
}

/// The plan of some outputs of a right program.
pub(crate) fn planned_for(text: &str, outputs: &[&str]) -> Plan {
    let options = Options {
        outputs: outputs.iter().map(ToString::to_string).collect(),
    };
    let outcome = run_text(text, true, &options);
    let found = crate::cases::shown(&outcome, Path::new(""));
    outcome.plan.unwrap_or_else(|| panic!("no plan:\n{found}"))
}

/// Code and message of everything that was found.
pub(crate) fn mistakes(text: &str) -> Vec<String> {
    let outcome = run_text(text, false, &Options::default());
    let words = |d: &mtl::diag::Diagnostic| {
        let help = d.help.as_ref().map(|help| format!(" | {help}")).unwrap_or_default();
        format!("{}: {}{help}", d.code.id, d.message)
    };
    outcome.diagnostics.sorted().into_iter().map(words).collect()
}

pub(crate) fn golden_program(case: &str) -> String {
    fs::read_to_string(Path::new(GOLDEN).join(case).join("main.mtl")).expect("the case has a program")
}

pub(crate) fn report(plan: &Plan, output: &str) -> Report {
    match &plan.graph[plan.outputs[output]].work {
        Work::Report(report) => (**report).clone(),
        other => panic!("the output is a {}", other.kind()),
    }
}
