//! Planning beside the editor's questions: they do not wait for it, and what is out of date is not shown.

use super::client::{Client, STUDY};
use serde_json::{Value, json};

/// The hint on the stages of the output, when it is there.
fn stages(client: &mut Client) -> Option<String> {
    let hints = client
        .in_file("textDocument/inlayHint", "study.mtl")
        .expect("an answer");
    let labels = hints.as_array().expect("a list").iter();
    let mut labels = labels.map(|hint| hint["label"].as_str().expect("a text").to_owned());
    labels.find(|label| label.contains(" stages"))
}

/// The same once it is there.
fn stages_at_last(client: &mut Client) -> String {
    for _ in 0..6_000 {
        if let Some(found) = stages(client) {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the program is never planned");
}

/// A manifest of so many patients, each with one picture.
fn manifest(patients: usize) -> String {
    (0..patients).fold("image,patient,severity,site\n".to_owned(), |text, i| {
        text + &format!("{i}.png,p{i},{},a\n", ["M", "B"][i % 2])
    })
}

fn save(client: &mut Client) {
    let document = json!({ "uri": client.uri("study.mtl") });
    client.tell("textDocument/didSave", json!({ "textDocument": document }));
}

/// The same with the pictures.
fn pictures(client: &Client, patients: usize) {
    client.write("data/manifest.csv", &manifest(patients));
    for i in 0..patients {
        let shade = u8::try_from(i).expect("few patients");
        let picture = image::GrayImage::from_pixel(64, 64, image::Luma([shade]));
        picture
            .save(client.path(&format!("data/{i}.png")))
            .expect("it can be written");
    }
}

#[test]
fn questions_do_not_wait_for_a_plan() {
    let mut client = Client::start();
    // Planning looks for each of its pictures, and finds none.
    client.write("data/manifest.csv", &manifest(300_000));
    client.open("study.mtl");
    // The plan was asked for before these are.
    let hover = client.at("textDocument/hover", "study.mtl", STUDY, "let les|ions");
    assert!(hover.expect("an answer").to_string().contains("Task"));
    let found = client.at("textDocument/completion", "study.mtl", STUDY, "let one = sco|res");
    let found = found.expect("an answer");
    assert!(found["items"].as_array().is_some_and(|items| !items.is_empty()));
    let planned = |found: &[Value]| found.iter().any(|d| d["code"] == "mtl::data::missing_images");
    let told = client
        .published
        .get("lab/films.mtl")
        .map(|told| told["diagnostics"].clone());
    assert!(
        !told.is_some_and(|told| planned(told.as_array().expect("a list"))),
        "they were answered first"
    );
    client.until("lab/films.mtl", planned);
    // A server ends without waiting for a plan.
    save(&mut client);
    assert_eq!(client.end(), 0);
}

#[test]
fn a_plan_of_what_was_changed_meanwhile_is_not_shown() {
    let mut client = Client::start();
    pictures(&client, 40);
    client.open("study.mtl");
    let wrong = STUDY.replace("malignant: [\"M\"]", "malignant: [\"N\"]");
    for text in [&wrong, STUDY, &wrong] {
        client.change("study.mtl", text);
        save(&mut client);
    }
    let has_no_label = |found: &[Value]| found.iter().any(|d| d["code"] == "mtl::data::no_label");
    client.until("study.mtl", has_no_label);
    assert_eq!(stages(&mut client), None);
    client.change("study.mtl", STUDY);
    save(&mut client);
    let found = stages_at_last(&mut client);
    client.until("study.mtl", |found| !has_no_label(found));
    // Changed and not saved: nothing is known until it is.
    let version = client.change("study.mtl", &STUDY.replace("epochs: int = 3", "epochs: int = 4"));
    client.wait_for("study.mtl", version);
    assert_eq!(stages(&mut client), None);
    save(&mut client);
    assert_eq!(stages_at_last(&mut client), found);
    assert_eq!(client.end(), 0);
}

#[test]
fn hints_tell_what_is_stored_where_something_is() {
    let mut client = Client::start();
    pictures(&client, 40);
    client.open("study.mtl");
    let found = stages_at_last(&mut client);
    let all: usize = found
        .trim()
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a number");
    assert_eq!(found, format!(" {all} stages"));
    assert!(!client.path(".mtl").exists(), "an editor makes no store");
    std::fs::create_dir(client.path(".mtl")).expect("a folder");
    save(&mut client);
    let mut found = stages_at_last(&mut client);
    while !found.contains("cached") {
        found = stages_at_last(&mut client);
    }
    assert_eq!(found, format!(" {all} stages, 0 cached, {all} to run"));
    assert_eq!(client.end(), 0);
}
