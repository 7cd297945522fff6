//! Pages, their blocks, and the folder that their programs and commands find.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A fenced block, or a comment of hidden definitions.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The first word behind the fence, `mtl`; of a hidden comment `hidden`.
    pub(crate) language: String,
    /// The other words.
    pub(crate) words: Vec<String>,
    /// Its lines.
    pub(crate) text: String,
    /// The line of the fence, from 1.
    pub(crate) line: usize,
}

impl Block {
    pub(crate) fn is(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    /// The name of the file that it is.
    pub(crate) fn file(&self) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix("file="))
    }
}

/// A page, by its path from the repository's root.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) blocks: Vec<Block>,
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        let path = root().join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self {
            name: name.to_owned(),
            blocks: blocks(&text),
            text,
        }
    }

    /// True for pages that are made by a program, and tested with it.
    pub(crate) fn is_generated(&self) -> bool {
        self.name == "docs/errors.md" || self.name == "docs/std.md" || self.name.starts_with("docs/std/")
    }
}

const HIDDEN: &str = "<!-- mtl:";

fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let (language, words, end) = if line.starts_with(HIDDEN) {
            ("hidden".to_owned(), Vec::new(), "-->")
        } else if let Some(info) = line.trim_start().strip_prefix("```") {
            let mut words = info.split([',', ' ']).map(str::to_owned);
            (words.next().unwrap_or_default(), words.collect(), "```")
        } else {
            continue;
        };
        let body: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| line.trim() != end)
            .collect();
        found.push(Block {
            language,
            words,
            text: body.iter().map(|line| format!("{line}\n")).collect(),
            line: at + 1,
        });
    }
    found
}

/// Every page of the book, by its path from the repository's root, sorted.
pub(crate) fn names() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                let name = path.strip_prefix(root()).expect("below the root");
                found.push(name.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// All pages with programs: README and the book.
pub(crate) fn pages() -> Vec<Page> {
    let book = names().into_iter().filter(|name| name != "docs/SUMMARY.md");
    std::iter::once("README.md".to_owned())
        .chain(book)
        .map(|name| Page::read(&name))
        .collect()
}

/// A folder with what programs of the manual read: the drawn pictures of `mtl new` in `data/`, the shipped pictures
/// beside them, and the shipped programs as in a clone.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let data = folder.path().join("data");
    mtl::data::write_sample(&data).expect("the sample can be written");
    for name in ["cbis-ddsm-mass", "pneumoniamnist"] {
        link(&root().join("pipelines/data").join(name), &data.join(name));
    }
    link(&root().join("pipelines"), &folder.path().join("pipelines"));
    folder
}

fn link(to: &Path, at: &Path) {
    std::os::unix::fs::symlink(to, at).expect("a link can be made");
}

/// Writes a file of a page into its folder, and draws the pictures that a table names.
pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    let path: PathBuf = folder.join(name);
    let beside = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(beside).expect("the folder can be made");
    fs::write(&path, text).expect("the file can be written");
    if path.extension().is_some_and(|e| e == "csv") {
        for (number, name) in text
            .split([',', '\n'])
            .filter(|field| field.ends_with(".png"))
            .enumerate()
        {
            let picture = beside.join(name);
            fs::create_dir_all(picture.parent().expect("in a folder")).expect("the folder can be made");
            let shade = (number * 37 % 256) as u8;
            let drawn = image::GrayImage::from_fn(64, 64, |x, y| image::Luma([shade ^ (x * 7 + y * 13) as u8]));
            drawn.save(&picture).expect("the picture can be written");
        }
    }
}
