//! `hub(...)`: files of the Hugging Face hub, by name, revision and digest.
//!
//! Planning opens no connection. A file is looked for in the hub's cache, whose layout all of the hub's tools share
//! (`models--OWNER--NAME/refs/REVISION`, `snapshots/COMMIT/FILE`:
//! <https://huggingface.co/docs/huggingface_hub/guides/manage-cache>); `mtl fetch` brings it there.

use super::{
    convert::FilePath,
    digest::Digest,
    eval::Evaluator,
    value::{Arguments, Outcome, Value},
};
use crate::{
    analysis::Program,
    diag::{Diagnostic, Diagnostics, codes::plan as codes},
    source::Span,
};
use std::{
    env, fmt, fs,
    path::{Component, Path, PathBuf},
    rc::Rc,
};

/// A file of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFile {
    /// Owner and name, as `timm/resnet18.a1_in1k`.
    pub repo: String,
    /// A commit, a tag or a branch.
    pub revision: String,
    /// The file in it.
    pub file: String,
    /// What it must be; none where the program does not say yet.
    pub digest: Option<Digest>,
}

impl fmt::Display for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} at {}", self.repo, self.file, self.revision)
    }
}

impl HubFile {
    /// Its place in a cache, if it is there.
    #[must_use]
    pub fn cached(&self, cache: &Path) -> Option<PathBuf> {
        let repo = cache.join(format!("models--{}", self.repo.replace('/', "--")));
        let named = fs::read_to_string(repo.join("refs").join(&self.revision)).ok();
        let commits = named.iter().map(|commit| commit.trim()).chain([self.revision.as_str()]);
        let files = commits
            .filter(|commit| is_plain(commit))
            .map(|commit| repo.join("snapshots").join(commit).join(&self.file));
        files.into_iter().find(|file| file.is_file())
    }

    /// What is wrong with its names: they become parts of paths and addresses.
    fn mistake(&self) -> Option<String> {
        let owned = self.repo.split('/').count() == 2 && self.repo.split('/').all(is_plain);
        if !owned {
            return Some(format!(
                "`{}` is no repository of the hub; write `owner/name`",
                self.repo
            ));
        }
        if !self.revision.split('/').all(is_plain) {
            return Some(format!("`{}` is no commit, tag or branch", self.revision));
        }
        let inside = Path::new(&self.file)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let file = inside && self.file.split('/').all(is_plain);
        (!file).then(|| format!("`{}` is no file of a repository", self.file))
    }
}

/// True for a part of a name that is nothing but a name.
fn is_plain(part: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !part.is_empty() && !part.starts_with('.') && part.chars().all(known)
}

/// The folder of the hub's cache: `$HF_HOME/hub`, else `~/.cache/huggingface/hub`.
#[must_use]
pub fn hub_cache() -> Option<PathBuf> {
    let home = env::var_os("HF_HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cache/huggingface")));
    home.map(|home| home.join("hub"))
}

/// The files of the hub that a checked program's outputs need, as far as it can be evaluated without them.
#[must_use]
pub fn hub_files(program: &Program) -> Vec<HubFile> {
    super::on_deep_stack(|| {
        let mut diagnostics = Diagnostics::new();
        let mut evaluator = Evaluator::new(program, &mut diagnostics);
        for (id, out) in program.outputs() {
            let _ = evaluator.item(id, out.name.span);
        }
        evaluator.hub_files
    })
}

impl<'p> Evaluator<'p, '_> {
    /// Carries out `hub`; none for another builtin.
    pub(super) fn hub_builtin(
        &mut self,
        name: &str,
        arguments: &Arguments<'p>,
        span: Span,
    ) -> Option<Outcome<Value<'p>>> {
        (name == "hub").then(|| self.hub(arguments, span))
    }

    fn hub(&mut self, arguments: &Arguments<'p>, span: Span) -> Outcome<Value<'p>> {
        let text = |name: &str| arguments.value(name).as_text().map(|text| text.to_string());
        let digest = match text("digest").map(|text| text.parse::<Digest>()) {
            None => None,
            Some(Ok(digest)) => Some(digest),
            Some(Err(error)) => {
                let place = arguments.slot("digest").map_or(span, |slot| slot.span);
                return self.error(&codes::BAD_VALUE, error.to_string(), place);
            }
        };
        let file = HubFile {
            repo: text("repo").unwrap_or_default(),
            revision: text("revision").unwrap_or_default(),
            file: text("file").unwrap_or_default(),
            digest,
        };
        if let Some(mistake) = file.mistake() {
            return self.error(&codes::BAD_VALUE, mistake, span);
        }
        if !self.hub_files.contains(&file) {
            self.hub_files.push(file.clone());
        }
        let Some(path) = hub_cache().and_then(|cache| file.cached(&cache)) else {
            let diagnostic =
                Diagnostic::error(&codes::HUB_FILE, format!("{file} is not in the hub's cache")).at(span, "");
            return self.fail(diagnostic.help(how_to_fetch(&file)));
        };
        let Some(digest) = digest else {
            let help = match Digest::of_file(&path) {
                Ok(digest) => format!("the file that is there has `digest: \"{digest}\"`"),
                Err(error) => format!("{}: {error}", path.display()),
            };
            let message = format!("{file} may change: a digest says which file is meant");
            return self.fail(Diagnostic::error(&codes::HUB_FILE, message).at(span, "").help(help));
        };
        let shown = format!("{file}");
        Ok(Value::WeightFile(Rc::new(WeightSource {
            path: FilePath { full: path, shown },
            hub: Some((file, digest)),
        })))
    }
}

/// What brings a file into the cache, with this program or without.
fn how_to_fetch(file: &HubFile) -> String {
    let HubFile {
        repo, revision, file, ..
    } = file;
    let elsewhere = format!("`huggingface-cli download {repo} {file} --revision {revision}`");
    if cfg!(feature = "hub") {
        format!("`mtl fetch` with this program brings it there, or {elsewhere}")
    } else {
        format!(
            "{elsewhere} brings it there, or `mtl fetch` of an MTL built with `--features hub`; this one opens no connections"
        )
    }
}

/// Where weights come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WeightSource {
    pub(super) path: FilePath,
    /// The file of the hub that it is, and what it must be.
    pub(super) hub: Option<(HubFile, Digest)>,
}

impl WeightSource {
    /// A file on this machine.
    pub(super) fn of(path: FilePath) -> Self {
        Self { path, hub: None }
    }

    /// As the language writes it.
    pub(super) fn display(&self) -> String {
        match &self.hub {
            None => format!("{:?}", self.path.shown),
            Some((file, digest)) => format!(
                "hub({:?}, {:?}, {:?}, digest: \"{digest}\")",
                file.repo, file.revision, file.file
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(repo: &str, revision: &str, file: &str) -> HubFile {
        HubFile {
            repo: repo.to_owned(),
            revision: revision.to_owned(),
            file: file.to_owned(),
            digest: None,
        }
    }

    #[test]
    fn names_lead_nowhere_else() {
        assert_eq!(
            file("timm/resnet18.a1_in1k", "main", "model.safetensors").mistake(),
            None
        );
        assert_eq!(file("a/b", "refs/pr/1", "sub/w.pth").mistake(), None);
        for wrong in [
            file("resnet18", "main", "w"),
            file("a/b/c", "main", "w"),
            file("../b", "main", "w"),
            file("a/..", "main", "w"),
            file("a/b", "..", "w"),
            file("a/b", "", "w"),
            file("a/b", "x?y", "w"),
            file("a/b", "main", "/etc/passwd"),
            file("a/b", "main", "../w"),
            file("a/b", "main", "a\\b"),
            file("a/b", "main", ""),
        ] {
            assert!(wrong.mistake().is_some(), "{wrong}");
        }
    }

    #[test]
    fn a_file_is_found_by_branch_and_by_commit() {
        let cache = tempfile::tempdir().expect("a folder can be made");
        let repo = cache.path().join("models--a--b");
        fs::create_dir_all(repo.join("refs")).expect("the folder can be made");
        fs::create_dir_all(repo.join("snapshots/abc")).expect("the folder can be made");
        fs::write(repo.join("refs/main"), "abc\n").expect("the file can be written");
        fs::write(repo.join("snapshots/abc/w.pth"), "w").expect("the file can be written");
        let place = Some(repo.join("snapshots/abc/w.pth"));
        assert_eq!(file("a/b", "main", "w.pth").cached(cache.path()), place);
        assert_eq!(file("a/b", "abc", "w.pth").cached(cache.path()), place);
        assert_eq!(file("a/b", "v1", "w.pth").cached(cache.path()), None);
        // What a ref says is not trusted either.
        fs::write(repo.join("refs/main"), "../../elsewhere").expect("the file can be written");
        assert_eq!(file("a/b", "main", "w.pth").cached(cache.path()), None);
    }
}
