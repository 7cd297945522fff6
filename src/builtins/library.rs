//! The standard library: every module of `stdlib/`, embedded in the program.

/// Declares the embedded modules: the name a program imports, and the file of that name.
macro_rules! modules {
    ($($name:literal: $path:literal,)+) => {
        /// Name and text of every module, in the order of the names.
        static MODULES: &[(&str, &str)] = &[
            $(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/stdlib/", $path)))),+
        ];
    };
}

modules! {
    "std.augment": "augment.mtl",
    "std.models": "models.mtl",
    "std.models.alexnet": "models/alexnet.mtl",
    "std.models.convnext": "models/convnext.mtl",
    "std.models.densenet": "models/densenet.mtl",
    "std.models.efficientnet": "models/efficientnet.mtl",
    "std.models.efficientnet_lite": "models/efficientnet_lite.mtl",
    "std.models.googlenet": "models/googlenet.mtl",
    "std.models.inception": "models/inception.mtl",
    "std.models.lenet": "models/lenet.mtl",
    "std.models.mobilenet": "models/mobilenet.mtl",
    "std.models.resnet": "models/resnet.mtl",
    "std.models.squeezenet": "models/squeezenet.mtl",
    "std.models.vgg": "models/vgg.mtl",
    "std.prelude": "prelude.mtl",
    "std.strategies": "strategies.mtl",
    "std.tasks": "tasks.mtl",
    "std.train": "train.mtl",
}

/// The name of the module whose names every program has without an import.
pub const PRELUDE: &str = "std.prelude";

/// Name and text of a module of the standard library: `std.models`, `std.models.alexnet`.
#[must_use]
pub fn std_source(name: &str) -> Option<(&'static str, &'static str)> {
    MODULES.iter().copied().find(|(known, _)| *known == name)
}

/// The names of all modules of the standard library, in alphabetical order.
pub fn std_modules() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("the folder exists") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                files(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_file_of_the_library_is_embedded_under_the_name_of_its_path() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib");
        let mut found = Vec::new();
        files(&root, &mut found);
        let mut names: Vec<String> = found
            .iter()
            .map(|path| {
                let relative = path.strip_prefix(&root).expect("the file lies in the folder");
                let words: Vec<_> = relative
                    .with_extension("")
                    .iter()
                    .map(|w| w.to_string_lossy().into_owned())
                    .collect();
                format!("std.{}", words.join("."))
            })
            .collect();
        names.sort();
        assert_eq!(names, std_modules().collect::<Vec<_>>());
        for (name, path) in names.iter().zip({
            found.sort_by_key(|p| p.with_extension(""));
            &found
        }) {
            let (_, text) = std_source(name).expect("the module is embedded");
            assert_eq!(
                text,
                std::fs::read_to_string(path).expect("the file can be read"),
                "{name}"
            );
        }
    }
}
