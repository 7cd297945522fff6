//! Manifests, folders and archives as files.

use mtl::tables::{About, Cell, Images, Table, TableError, image_header};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The smallest PNG header of a picture: signature, IHDR; no data follow.
fn png_header(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([depth, colour, 0, 0, 0]);
    bytes
}

fn manifest(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.csv");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn refused(text: &str) -> TableError {
    let (_folder, path) = manifest(text);
    Table::read_csv(&path, "image").unwrap_err()
}

#[test]
fn a_manifest_is_read_with_its_kinds_lines_and_card() {
    let text = "\u{feff}image,label,age,id\r\na.png,\"benign, not recalled\",54,007\r\n\"sub/b.png\",M,,8\r\n";
    let (folder, path) = manifest(text);
    fs::write(
        folder.path().join("about.json"),
        r#"{"title": "Films", "caveats": ["One."]}"#,
    )
    .unwrap();
    let table = Table::read_csv(&path, "image").unwrap();
    assert_eq!((table.rows, &table.lines[..]), (2, &[2, 3][..]));
    assert_eq!(
        table.column("label").unwrap().cells[0],
        Cell::Text("benign, not recalled".to_owned())
    );
    assert_eq!(table.column("age").unwrap().cells, [Cell::Int(54), Cell::Missing]);
    assert_eq!(table.column("id").unwrap().cells[0], Cell::Text("007".to_owned()));
    assert_eq!(
        table.images,
        Images::Files(vec![folder.path().join("a.png"), folder.path().join("sub/b.png")])
    );
    assert_eq!(table.sample_name(1), "sub/b.png");
    let card = About {
        title: Some("Films".to_owned()),
        caveats: vec!["One.".to_owned()],
        ..About::default()
    };
    assert_eq!(table.about, card);
}

#[test]
fn a_missing_column_comes_with_the_names_there_are() {
    let TableError::NoColumn { name, existing, .. } = refused("file,label\na.png,x\n") else {
        panic!()
    };
    assert_eq!(
        (name.as_str(), existing),
        ("image", vec!["file".to_owned(), "label".to_owned()])
    );
}

#[test]
fn manifests_that_cannot_be_told_apart_are_refused_with_their_line() {
    assert!(matches!(
        refused("image,a\nx.png,1\nx.png\n"),
        TableError::RaggedRow {
            line: 3,
            expected: 2,
            found: 1,
            ..
        }
    ));
    assert!(matches!(
        refused("image,a\nx.png,1,2\n"),
        TableError::RaggedRow { line: 2, found: 3, .. }
    ));
    assert!(matches!(
        refused("image,a,a\n"),
        TableError::DuplicateName {
            first: 2,
            second: 3,
            ..
        }
    ));
    assert!(matches!(refused("image,,a\n"), TableError::EmptyName { column: 2, .. }));
    assert!(matches!(refused("image,a\n"), TableError::NoRows { .. }));
    assert!(matches!(refused(""), TableError::NoRows { .. }));
    assert!(matches!(
        refused("image,a\nx.png,1\n,2\n,3\n"),
        TableError::NoImage {
            count: 2,
            first_line: 3,
            ..
        }
    ));
    assert!(matches!(
        refused("image,a\r\n\r\n\"x\r\ny\",1\r\nx,1\r\nx\r\n"),
        TableError::RaggedRow { line: 6, .. }
    ));
    let (_folder, path) = manifest("");
    fs::write(&path, b"image,a\nx.png,\xff\n").unwrap();
    assert!(matches!(
        Table::read_csv(&path, "image"),
        Err(TableError::NotText { line: 2, .. })
    ));
}

#[test]
fn a_card_with_an_unknown_entry_is_refused() {
    let (folder, path) = manifest("image\na.png\n");
    fs::write(folder.path().join("about.json"), r#"{"licence": "CC BY 3.0"}"#).unwrap();
    let error = Table::read_csv(&path, "image").unwrap_err();
    assert!(
        matches!(&error, TableError::BadCard { reason, .. } if reason.contains("licence")),
        "{error}"
    );
}

#[test]
fn class_folders_are_read_in_order_and_other_files_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "b/2.PNG",
        "b/1.jpg",
        "a/deep/3.jpeg",
        "a/notes.txt",
        "a/.hidden.png",
        ".git/x.png",
        "read.me",
    ] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let table = Table::read_folders(folder.path()).unwrap();
    let text = |name: &str| {
        table
            .column(name)
            .unwrap()
            .cells
            .iter()
            .map(Cell::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(text("image"), ["a/deep/3.jpeg", "b/1.jpg", "b/2.PNG"]);
    assert_eq!(text("label"), ["a", "b", "b"]);
    assert_eq!((table.ignored, table.sample_name(2).as_str()), (4, "b/2.PNG"));

    fs::create_dir(folder.path().join("c")).unwrap();
    let error = Table::read_folders(folder.path()).unwrap_err();
    assert!(
        matches!(&error, TableError::EmptyClass { class, .. } if class == "c"),
        "{error}"
    );
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        Table::read_folders(empty.path()),
        Err(TableError::NoClassFolder { .. })
    ));
}

#[test]
fn headers_of_all_pictures_are_read_and_missing_ones_are_counted() {
    let text: String = (0..20).fold("image\n".to_owned(), |text, i| text + &format!("{i}.png\n"));
    let (folder, path) = manifest(&text);
    for i in (0..20).filter(|i| i % 2 == 0) {
        fs::write(folder.path().join(format!("{i}.png")), png_header(30 + i, 20, 16, 4)).unwrap();
    }
    let table = Table::read_csv(&path, "image").unwrap();
    let headers = table.headers(&[4, 0]).unwrap();
    assert_eq!(headers.iter().map(|header| header.width).collect::<Vec<_>>(), [34, 30]);
    assert_eq!((headers[0].height, headers[0].channels, headers[0].bits), (20, 1, 16));
    let everything: Vec<_> = (0..20).collect();
    let TableError::MissingImages { count, of, first, .. } = table.headers(&everything).unwrap_err() else {
        panic!()
    };
    assert_eq!((count, of, first.len()), (10, 20, 5));
    assert_eq!(
        (first[0].row, first[0].line, first[0].path.clone()),
        (1, Some(3), folder.path().join("1.png"))
    );
}

#[test]
fn pictures_of_kinds_that_are_not_read_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.png");
    let refused = |bytes: &[u8], word: &str| {
        fs::write(&path, bytes).unwrap();
        let error = image_header(&path).unwrap_err();
        assert!(
            matches!(&error, TableError::BadImage { reason, .. } if reason.contains(word)),
            "{error}"
        );
    };
    let frame = |marker: u8, precision: u8, components: u8| {
        [0xff, 0xd8, 0xff, marker, 0, 11, precision, 0, 5, 0, 7, components]
    };
    refused(b"GIF89a", "neither");
    refused(b"", "ends");
    refused(&png_header(3, 3, 8, 2)[..20], "ends");
    refused(&png_header(0, 3, 8, 2), "no size");
    refused(&frame(0xc1, 12, 1), "12 bits");
    refused(&frame(0xc3, 8, 1), "lossless");
    refused(&frame(0xc0, 8, 2), "2 components");
    refused(&[0xff, 0xd8, 0xff, 0xd9], "without a frame");
    fs::write(&path, frame(0xc2, 8, 3)).unwrap();
    let header = image_header(&path).unwrap();
    assert_eq!(
        (header.height, header.width, header.channels, header.bits),
        (5, 7, 3, 8)
    );
}

/// Writes an archive of `(name, header, values)`.
fn archive(path: &Path, arrays: &[(&str, &str, &[u8])]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, header, values) in arrays {
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(b"\x93NUMPY\x01\0").unwrap();
        zip.write_all(&u16::try_from(header.len()).unwrap().to_le_bytes())
            .unwrap();
        zip.write_all(header.as_bytes()).unwrap();
        zip.write_all(values).unwrap();
    }
    zip.finish().unwrap();
}

fn array_header(kind: &str, order: &str, shape: &str) -> String {
    format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': ({shape}), }}\n")
}

#[test]
fn an_archive_is_read_part_by_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let (pictures, labels) = (
        array_header("|u1", "False", "2, 3, 4, 3"),
        array_header("|u1", "False", "2, 1"),
    );
    archive(
        &path,
        &[
            ("test_images", &pictures, &[0; 72]),
            ("test_labels", &labels, &[1, 0]),
            ("train_images", &array_header("|u1", "False", "1, 3, 4, 3"), &[0; 36]),
            ("train_labels", &array_header("|u1", "False", "1,"), &[7]),
        ],
    );
    let table = Table::read_npz(&path).unwrap();
    let text = |name: &str| {
        table
            .column(name)
            .unwrap()
            .cells
            .iter()
            .map(Cell::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(text("split"), ["train", "test", "test"]);
    assert_eq!(text("label"), ["7", "1", "0"]);
    assert_eq!(text("index"), ["0", "0", "1"]);
    assert_eq!(table.sample_name(2), "test_images/1");
    let header = table.headers(&[2]).unwrap()[0];
    assert_eq!(
        (header.height, header.width, header.channels, header.bits),
        (3, 4, 3, 8)
    );
}

#[test]
fn archives_of_other_kinds_are_refused_with_the_array() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let refused = |pictures: &str, labels: &str, word: &str| {
        archive(
            &path,
            &[("train_images", pictures, &[0; 24]), ("train_labels", labels, &[0; 2])],
        );
        let error = Table::read_npz(&path).unwrap_err();
        assert!(
            matches!(&error, TableError::BadArchive { reason, .. } if reason.contains(word)),
            "{error}"
        );
    };
    let (pictures, labels) = (
        array_header("|u1", "False", "2, 3, 4"),
        array_header("|u1", "False", "2, 1"),
    );
    refused(&array_header("<f4", "False", "2, 3, 4"), &labels, "<f4");
    refused(&array_header("|u1", "True", "2, 3, 4"), &labels, "fortran");
    refused(&array_header("|u1", "False", "2, 12"), &labels, "[2, 12]");
    refused(&array_header("|u1", "False", "2, 3, x"), &labels, "extent");
    refused("{}", &labels, "descr");
    refused(&pictures, &array_header("|u1", "False", "2, 14"), "one label");
    refused(&pictures, &array_header("|u1", "False", "3, 1"), "3 labels for 2");
    refused(
        &array_header("|u1", "False", "9, 3, 4"),
        &array_header("|u1", "False", "9"),
        "ends after 2 of 9",
    );
    archive(&path, &[("train_images", &pictures, &[0; 24])]);
    assert!(
        matches!(Table::read_npz(&path), Err(TableError::BadArchive { array: Some(name), .. }) if name == "train_labels")
    );
    archive(&path, &[("x", &pictures, &[0; 24])]);
    assert!(matches!(
        Table::read_npz(&path),
        Err(TableError::BadArchive { array: None, .. })
    ));
    fs::write(&path, "no archive").unwrap();
    assert!(matches!(
        Table::read_npz(&path),
        Err(TableError::BadArchive { array: None, .. })
    ));
}

/// The counts that the README files of `pipelines/data` state.
#[test]
fn the_shipped_data_are_whole() {
    let shipped = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/data").join(name);
    let count = |table: &Table, column: &str, value: &str| {
        let cells = &table.column(column).unwrap().cells;
        cells.iter().filter(|cell| cell.to_string() == value).count()
    };
    let films = Table::read_csv(&shipped("cbis-ddsm-mass/manifest.csv"), "image").unwrap();
    let labels = ["malignant", "benign", "benign_without_callback"].map(|label| count(&films, "label", label));
    assert_eq!((films.rows, labels), (1592, [747, 726, 119]));
    assert_eq!(
        ["1", "2", "3", "4"].map(|density| count(&films, "breast_density", density)),
        [290, 716, 435, 151]
    );
    let patients = films.column("patient").unwrap().cells.iter().map(Cell::to_string);
    assert_eq!(patients.collect::<std::collections::BTreeSet<_>>().len(), 892);
    let headers = films.headers(&(0..films.rows).collect::<Vec<_>>()).unwrap();
    assert!(
        headers
            .iter()
            .all(|header| (header.height, header.width, header.channels, header.bits) == (128, 128, 1, 8))
    );
    assert_eq!(films.about.caveats.len(), 3);

    let chests = Table::read_npz(&shipped("pneumoniamnist/pneumoniamnist.npz")).unwrap();
    assert_eq!(
        ["train", "val", "test"].map(|part| count(&chests, "split", part)),
        [3882, 524, 624]
    );
    assert_eq!(["0", "1"].map(|label| count(&chests, "label", label)), [757, 4273]);
    assert_eq!(chests.headers(&[0]).unwrap()[0].width, 28);
    assert_eq!(chests.about.license.as_deref(), Some("CC BY 4.0"));
}
