//! `mtl cache gc`, `verify` and `why`, as their users meet them.

mod common;

use common::{Workbench, two_folds};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt};

fn list<'v>(value: &'v Value, name: &str) -> &'v Vec<Value> {
    value[name].as_array().expect("a list")
}

#[test]
fn what_no_run_needs_any_more_goes_and_the_last_run_stays_whole() {
    let bench = Workbench::new(&two_folds(1));
    let (all, _) = bench.run(&[]).done();
    bench.run(&["--set", "epochs=2"]).done();

    // Without limits nothing goes that anything names.
    let plan = bench.json(&["cache", "gc", "--plan"]);
    assert_eq!(plan["schema"], "mtl.cache_gc/1");
    assert!(list(&plan, "goes").is_empty() && plan["collected"].is_null(), "{plan}");
    assert!(!list(&plan, "stays").is_empty());

    // By age: everything is older than no time, but for the last run.
    let plan = bench.json(&["cache", "gc", "--older-than", "0", "--plan"]);
    let going = list(&plan, "goes");
    let kind = |kind: &str| going.iter().filter(|it| it["item"].get(kind).is_some()).count();
    assert_eq!(
        kind("result") as u64,
        all - 1,
        "all but the pictures, which both runs used: {plan}"
    );
    assert_eq!(kind("list"), 1, "the list of the first run");
    assert!(going.iter().all(|it| it["why"] == "old"));
    assert!(plan["after"].as_u64() < plan["before"].as_u64());
    let before = bench.json(&["cache", "size"])["size"].clone();
    let collected = bench.json(&["cache", "gc", "--older-than", "0"]);
    assert_eq!(collected["collected"]["results"].as_u64(), Some(all - 1), "{collected}");
    assert_eq!(collected["after"], plan["after"]);
    let after = bench.json(&["cache", "size"])["size"].clone();
    assert!(after["objects"]["bytes"].as_u64() < before["objects"]["bytes"].as_u64());

    // The last run needs nothing anew; the first has to compute, and history tells of both.
    assert_eq!(bench.run(&["--set", "epochs=2"]).done().0, 0);
    assert_eq!(list(&bench.json(&["runs"]), "runs").len(), 3);
    assert!(bench.json(&["show", "last~2"])["list"].is_null());
    let again = bench.run(&[]);
    assert_eq!(again.done().0, all - 1);

    // By size, even the last runs may go when they are not to be kept.
    let kept = bench.mtl(&["cache", "gc", "--to", "0"]);
    let told = String::from_utf8_lossy(&kept.stderr);
    assert!(told.contains("note: ") && told.contains("--runs 0"), "{told}");
    assert_eq!(bench.run(&[]).done().0, 0);
    let named = bench.mtl(&["cache", "gc", "--to", "0", "--runs", "0", "--keep", "study.mtl"]);
    assert!(named.status.success());
    assert_eq!(bench.run(&[]).done().0, 0, "it was named");
    assert!(bench.mtl(&["cache", "gc", "--to", "0", "--runs", "0"]).status.success());
    assert_eq!(bench.json(&["cache", "size"])["size"]["objects"]["files"], 0);
    assert_eq!(bench.run(&[]).done().0, all);

    let unknown = bench.mtl(&["cache", "gc", "--keep", "other.mtl"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn damage_is_found_set_aside_and_told_with_whose_it_is() {
    let bench = Workbench::new(&two_folds(1));
    let run = bench.run(&[]);
    run.done();
    let sound = bench.json(&["cache", "verify"]);
    assert_eq!(sound["schema"], "mtl.cache_verify/1");
    assert!(list(&sound["verified"], "damaged").is_empty());
    assert!(sound["verified"]["files"].as_u64() > Some(5));

    let models = run.digests("model");
    let (stage, digest) = models.iter().next().expect("a model");
    let object = bench.path(".mtl/objects").join(&digest[..2]).join(&digest[2..]);
    fs::set_permissions(&object, fs::Permissions::from_mode(0o644)).expect("ours");
    let mut bytes = fs::read(&object).expect("there");
    bytes[100] ^= 1;
    fs::write(&object, bytes).expect("written");
    let output = bench.mtl(&["cache", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains(&format!("damaged  {digest}")) && told.contains(stage.as_str()),
        "{told}"
    );
    assert!(!object.exists());
    let missing = bench.mtl(&["cache", "verify"]);
    assert!(
        String::from_utf8_lossy(&missing.stdout).contains("missing  "),
        "it is still told"
    );
    fs::remove_dir_all(bench.path("out")).expect("there");
    bench.run(&[]);
    bench.run(&["--force"]).done();
    assert!(bench.mtl(&["cache", "verify"]).status.success());
}

#[test]
fn a_stored_thing_tells_where_it_is_from_and_who_needs_it() {
    let bench = Workbench::new(&two_folds(1));
    let run = bench.run(&[]);
    run.done();
    let models = run.digests("model");
    let (stage, digest) = models.iter().next().expect("a model");
    let why = bench.json(&["cache", "why", &digest[..12]]);
    assert_eq!(why["schema"], "mtl.cache_why/1");
    let [origin] = list(&why, "origins").as_slice() else {
        panic!("one result has it: {why}");
    };
    assert_eq!(origin["stage"], *stage.as_str());
    assert_eq!(origin["kind"], "train");
    assert!(origin["made"]["seconds"].is_number());
    assert_eq!(list(origin, "takes")[0]["stage"], "prepare pictures", "{origin}");
    assert_eq!(
        list(origin, "needed_by").len(),
        2,
        "its scores, and the report its history: {origin}"
    );
    assert_eq!(list(origin, "runs")[0]["computed"], true);

    // A file of an output, whatever it is called, and one in the store.
    let page = bench.json(&["cache", "why", "out/study/report.html"]);
    assert_eq!(list(&page, "origins")[0]["kind"], "report");
    assert_eq!(list(&list(&page, "origins")[0]["runs"][0], "outputs")[0], "study");
    let place = format!(".mtl/objects/{}/{}", &digest[..2], &digest[2..]);
    let by_place = bench.json(&["cache", "why", &place]);
    assert_eq!(by_place, why);
    let text = bench.mtl(&["cache", "why", &digest[..12]]);
    let text = String::from_utf8_lossy(&text.stdout);
    assert!(text.contains("computed it") && text.contains("needed   by"), "{text}");

    // What went is still known to the history, for as long as the list of a run that had it is.
    let key = origin["key"].as_str().expect("a key").to_owned();
    for (word, code) in [("0000000000000000", 2), ("no word", 2), ("study", 2), (&key[..8], 0)] {
        assert_eq!(bench.mtl(&["cache", "why", word]).status.code(), Some(code), "{word}");
    }
}

#[test]
fn a_quota_is_kept_by_what_is_oldest_or_the_run_says_so() {
    let bench = Workbench::new(&two_folds(1));
    let quota = |size: String| bench.write("mtl.toml", &format!("[store]\ntrail = \"0\"\nquota = \"{size}\"\n"));
    let used = || {
        let plan = bench.json(&["cache", "gc", "--plan"]);
        plan["before"].as_u64().expect("a size")
    };
    quota("1GB".to_owned());
    bench.run(&[]).done();
    let one = used();
    quota("1kB".to_owned());
    assert_eq!(bench.run(&[]).done().0, 0, "what is known costs nothing");
    // What is there is of the last run that was done, and may not go.
    let full = bench.run(&["--set", "epochs=2"]);
    assert_eq!(full.code, Some(1));
    let failed = full.events.iter().find(|event| event["event"] == "stage_failed");
    let failed = failed.expect("it is said");
    let (message, help) = (failed["message"].to_string(), failed["help"].to_string());
    assert!(
        message.contains("its quota is 1 kB") && help.contains("mtl.toml"),
        "{failed}"
    );

    // With room for two runs and a half, later ones take the place of the first ones.
    quota("1GB".to_owned());
    assert_eq!(bench.run(&[]).done().0, 0, "nothing of it went");
    bench.run(&["--set", "epochs=2"]).done();
    let more = used() - one;
    let limit = one + more + more / 2;
    quota(format!("{limit}B"));
    for epochs in ["epochs=3", "epochs=4"] {
        let run = bench.run(&["--set", epochs]);
        run.done();
        assert!(used() <= limit, "{epochs}");
        let told = run.events.iter().any(|event| event["event"] == "noticed");
        assert!(told, "what goes is told");
        assert_eq!(bench.run(&["--set", epochs]).done().0, 0);
    }
    assert!(bench.run(&[]).done().0 > 0, "the first run's went");
}

#[test]
fn outputs_are_linked_when_that_is_asked_for_and_damage_through_a_link_is_mended() {
    let bench = Workbench::new(&two_folds(1));
    bench.write("mtl.toml", "[store]\nlink = \"hard\"\n");
    bench.run(&[]).done();
    let page = bench.path("out/study/report.html");
    let links = |path: &std::path::Path| std::os::unix::fs::MetadataExt::nlink(&fs::metadata(path).expect("there"));
    assert!(links(&page) > 1);
    let whole = fs::read(&page).expect("there");
    fs::set_permissions(&page, fs::Permissions::from_mode(0o644)).expect("ours");
    fs::write(&page, "scribble").expect("written");
    assert_eq!(bench.run(&[]).done().0, 1, "the report is made again");
    assert_eq!(fs::read(&page).expect("there"), whole);
    bench.write("mtl.toml", "");
    bench.run(&[]).done();
    assert_eq!(links(&page), 1, "a copy, as nothing else is asked for");
    assert_eq!(fs::read(&page).expect("there"), whole);
}

#[test]
fn a_store_in_front_takes_what_is_new_and_leaves_the_one_behind_alone() {
    let lab = Workbench::new(&two_folds(1));
    let (all, _) = lab.run(&[]).done();
    let shared = lab.path(".mtl");
    let bench = Workbench::new(&two_folds(1));
    let settings = format!("[store]\npath = \"{}\"\nfront = \"own\"\n", shared.display());
    bench.write("mtl.toml", &settings);
    let count = |folder: &std::path::Path| {
        let mut folders = vec![folder.to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("there") {
                let path = entry.expect("listed").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push((path.clone(), fs::metadata(&path).expect("there").len()));
                }
            }
        }
        files.sort();
        files
    };
    let before = count(&shared);
    let (ran, reused) = bench.run(&[]).done();
    assert!(
        reused >= all - 1 && ran <= 1,
        "all but the report, which tells of looks: {ran} {reused}"
    );
    assert!(bench.path("out/study/report.html").is_file());
    let looks = bench.json(&["looks"]);
    assert!(list(&looks, "entries").len() > 1, "looks behind count: {looks}");
    let (ran, reused) = bench.run(&["--set", "epochs=2"]).done();
    assert!(ran > 1 && reused >= 1, "the pictures are known");
    assert_eq!(bench.run(&["--set", "epochs=2"]).done().0, 0);
    assert_eq!(count(&shared), before);
    assert!(bench.path("own/VERSION").is_file() && !bench.path(".mtl").exists());
    assert_eq!(list(&bench.json(&["runs"]), "runs").len(), 4, "the lab's run and three");
}
