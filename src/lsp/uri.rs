//! Files and their URIs; modules of the standard library as files that every editor can open.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use lsp_types::Uri;

use crate::{builtins, ide::FileKey};

/// Where the modules of the standard library are laid down for editors, which open files and nothing else: in the user's
/// folder for caches, by version.
#[must_use]
pub fn library_folder() -> PathBuf {
    let of = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = of("XDG_CACHE_HOME")
        .or_else(|| of("LOCALAPPDATA"))
        .or_else(|| of("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(env::temp_dir);
    cache.join("mtl").join(env!("CARGO_PKG_VERSION")).join("std")
}

/// The path of a URI; another scheme than `file`, such as that of a text that was never saved, gives a path that is the
/// URI itself.
pub(super) fn to_path(uri: &Uri) -> PathBuf {
    let Some(rest) = uri.0.strip_prefix("file://") else {
        return PathBuf::from(&uri.0);
    };
    // What stands before the path is a host, which only network drives have.
    let path = rest.find('/').map_or(rest, |at| &rest[at..]);
    let path = decoded(path);
    let drive = |text: &str| text.as_bytes().get(2) == Some(&b':') && text.as_bytes()[1].is_ascii_alphabetic();
    match path.strip_prefix('/') {
        Some(inner) if drive(&path) => PathBuf::from(inner),
        _ => PathBuf::from(path),
    }
}

/// The URI of a path.
pub(super) fn of_path(path: &Path) -> Uri {
    let text = path.to_string_lossy().replace('\\', "/");
    if !path.is_absolute() && text.contains(':') {
        return Uri(text);
    }
    let slash = if text.starts_with('/') { "" } else { "/" };
    Uri(format!("file://{slash}{}", encoded(&text)))
}

/// Percent-encoding of all but the unreserved characters and `/` (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The file of a module of the standard library: `models/resnet.mtl` of `std.models.resnet`.
fn library_path(folder: &Path, name: &str) -> PathBuf {
    let words = name.strip_prefix("std.").unwrap_or(name);
    folder.join(format!("{}.mtl", words.replace('.', "/")))
}

/// What a path stands for: a file, or a module of the standard library that was laid down.
pub(super) fn key_of(folder: &Path, path: &Path) -> FileKey {
    let module = builtins::std_modules().find(|name| library_path(folder, name) == path);
    module.map_or_else(|| FileKey::Path(path.to_owned()), FileKey::Std)
}

/// The path of a file; a module of the standard library is laid down where it is not yet, or not as it is.
pub(super) fn path_of(folder: &Path, key: &FileKey) -> io::Result<PathBuf> {
    let name = match key {
        FileKey::Path(path) => return Ok(path.clone()),
        FileKey::Std(name) => name,
    };
    let path = library_path(folder, name);
    let text = builtins::std_source(name).map_or("", |(_, text)| text);
    if fs::read_to_string(&path).is_ok_and(|known| known == text) {
        return Ok(path);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&path, text)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_from_their_uris() {
        for path in ["/home/ä b/study.mtl", "/a/100%/x#y?.mtl"] {
            assert_eq!(to_path(&of_path(Path::new(path))), Path::new(path), "{path}");
        }
        assert_eq!(of_path(Path::new("/a b.mtl")).0, "file:///a%20b.mtl");
        assert_eq!(to_path(&Uri("file:///c%3A/x.mtl".to_owned())), Path::new("c:/x.mtl"));
        let unsaved = Uri("untitled:Untitled-1".to_owned());
        assert_eq!(of_path(&to_path(&unsaved)), unsaved);
        assert_eq!(to_path(&Uri("file:///a%zz%".to_owned())), Path::new("/a%zz%"));
    }

    #[test]
    fn modules_of_the_library_have_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in builtins::std_modules() {
            let path = path_of(folder.path(), &FileKey::Std(name)).expect("it can be written");
            assert!(path.is_file());
            assert_eq!(key_of(folder.path(), &path), FileKey::Std(name));
        }
    }
}
