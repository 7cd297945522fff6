use super::*;
use crate::source::SourceMap;
use std::fs;

/// The settings of a text, with `code: message | help` of each mistake and the text that it points at.
fn read(text: &str) -> (Project, Vec<String>) {
    let (mut sources, mut diagnostics) = (SourceMap::new(), Diagnostics::new());
    let file = sources.add(FILE, None, text);
    let project = read::project(Path::new("/lab/mtl.toml"), text, file, &mut diagnostics);
    let told = diagnostics.sorted().into_iter().map(|d| {
        let place = d.span().map_or("", |span| sources.text(span));
        format!(
            "{}: {} | {} | {place}",
            d.code.name(),
            d.message,
            d.help.as_deref().unwrap_or("")
        )
    });
    (project, told.collect())
}

#[test]
fn settings_are_read() {
    let (project, told) = read(
        "[store]\npath = \"../results\"\nfront = \"own\"\ntrail = \"1.5GB\"\nquota = \"200GB\"\nlink = \"hard\"\n\n[run]\nthreads = 0x8\njobs = 2\nkeep_going = true\nsave_every = \"2min\"\n",
    );
    assert_eq!(told, [""; 0]);
    assert_eq!(project.store.path, Some(PathBuf::from("/lab/../results")));
    assert_eq!(project.store.front, Some(PathBuf::from("/lab/own")));
    assert_eq!(project.store.trail, Some(1_500_000_000));
    assert_eq!(project.store.quota, Some(200_000_000_000));
    assert_eq!(project.store.links, Some(true));
    let wanted = RunSettings {
        threads: Some(8),
        jobs: Some(2),
        keep_going: Some(true),
        save_every: Some(Duration::from_secs(120)),
    };
    assert_eq!(project.run, wanted);
    assert_eq!(read("").1, [""; 0], "an empty file sets nothing");
}

#[test]
fn what_is_no_setting_is_refused_where_it_stands_and_the_rest_is_kept() {
    let (project, told) = read("[stor]\npath = \"a\"\n[run]\nthread = 3\npath = \"x\"\nkeep_going = true\n");
    let wanted = [
        "unknown_setting: `mtl.toml` has no table `stor` | did you mean `store`? | stor",
        "unknown_setting: `[run]` has no setting `thread` | did you mean `threads`? | thread",
        "unknown_setting: `[run]` has no setting `path` | `path` belongs below `[store]` | path",
    ];
    assert_eq!(told, wanted);
    assert_eq!(project.run.keep_going, Some(true));
    let outside = read("threads = 3\n").1;
    assert_eq!(
        outside,
        ["unknown_setting: `mtl.toml` has no table `threads` | write `threads` below `[run]` | threads"]
    );
}

#[test]
fn values_of_another_kind_are_refused_with_what_to_write() {
    let told = read("[run]\nthreads = 0\nkeep_going = \"yes\"\nsave_every = 30\n[store]\npath = \"\"\n").1;
    let wanted = [
        "bad_setting: `run.threads` is not a number from 1 to 1024 | write a number from 1 to 1024 | 0",
        "bad_setting: `run.keep_going` is not true or false | write true or false | \"yes\"",
        "bad_setting: `run.save_every` is not a time, as \"30s\" or \"5min\" | write a time, as \"30s\" or \"5min\" | 30",
        "bad_setting: `store.path` is not a folder, as \"../store\" | write a folder, as \"../store\" | \"\"",
    ];
    assert_eq!(told, wanted);
    assert!(read("store = 3\n").1[0].starts_with("bad_setting: `store` is a table of settings"));
}

#[test]
fn what_is_no_toml_is_reported_and_never_a_panic() {
    for text in [
        "[run",
        "a = = 2",
        "[run]\nthreads = 1\nthreads = 2\n",
        "\u{0}",
        "[[run]]\n",
        "x = '''",
        "[run]\r\nthreads = \"\\q\"",
    ] {
        let told = read(text).1;
        assert!(!told.is_empty(), "{text:?}");
    }
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(!read(&deep).1.is_empty());
}

#[test]
fn every_setting_is_taken() {
    for (table, key) in read::SETTINGS {
        let told = read(&format!("[{table}]\n{key} = 1979-05-27\n")).1;
        assert!(told[0].starts_with("bad_setting"), "{table}.{key}: {told:?}");
    }
}

#[test]
fn the_nearest_file_above_a_program_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep = folder.path().join("a/b");
    fs::create_dir_all(&deep).expect("folders");
    fs::write(folder.path().join(FILE), "[run]\nthreads = 2\n").expect("written");
    let find = || {
        let (mut sources, mut diagnostics) = (SourceMap::new(), Diagnostics::new());
        let project = find(
            &deep.join("x.mtl"),
            &|path| fs::read_to_string(path),
            &mut sources,
            &mut diagnostics,
        );
        (project, diagnostics)
    };
    assert_eq!(find().0.run.threads, Some(2));
    fs::write(folder.path().join("a/mtl.toml"), "").expect("written");
    assert_eq!(find().0.run.threads, None, "the nearer one is the project's");
    fs::write(deep.join(FILE), [0xff, 0xfe]).expect("written");
    assert!(find().1.has_errors(), "no text");
}

#[test]
fn times_and_sizes_are_read_and_others_refused() {
    assert_eq!(units::time("90s"), Some(Duration::from_secs(90)));
    assert_eq!(units::time("14d"), Some(Duration::from_secs(14 * 86_400)));
    assert_eq!(units::time("0"), Some(Duration::ZERO));
    assert_eq!(units::size("20 GB"), Some(20_000_000_000));
    assert_eq!(units::size("1.5kB"), Some(1500));
    assert_eq!(units::size("7B"), Some(7));
    for text in ["", "min", "3", "-1s", "NaNs", "infd", "1e400s", "5 minutes"] {
        assert_eq!(units::time(text), None, "{text}");
    }
    for text in ["", "GB", "3", "-1kB", "NaNB", "infGB", "20gb", "99999999TB"] {
        assert_eq!(units::size(text), None, "{text}");
    }
}
