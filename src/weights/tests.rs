//! Files of PyTorch read to the bit, and hostile ones refused.

use super::*;
use std::io::Write;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Files that PyTorch wrote, and what is in them: `tests/reference/weights/make.py`, torch 2.15.0.
fn reference(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/weights");
    std::fs::read(Path::new(folder).join(name)).expect("the reference is there")
}

fn open(bytes: &[u8]) -> Result<WeightFile, WeightFileError> {
    WeightFile::from_bytes(bytes.to_vec(), None)
}

/// The words of the error of a file, when it is opened or when its values are read.
fn refused(bytes: &[u8]) -> String {
    match open(bytes).and_then(|mut file| read_all(&mut file)) {
        Ok(()) => panic!("the file was read"),
        Err(error) => error.to_string(),
    }
}

fn read_all(file: &mut WeightFile) -> Result<(), WeightFileError> {
    let floats = file.entries().iter().filter(|(_, entry)| entry.dtype.is_float());
    let names: Vec<String> = floats.map(|(name, _)| name.clone()).collect();
    names.iter().try_for_each(|name| file.values(name).map(drop))
}

#[test]
fn files_of_pytorch_are_read_to_the_bit() {
    let expected: serde_json::Value = serde_json::from_slice(&reference("expected.json")).expect("it is JSON");
    let tensors = expected["tensors"].as_object().expect("it has tensors");
    for (name, format) in [("zip.pth", Format::Zip), ("legacy.pth", Format::Legacy)] {
        let mut file = open(&reference(name)).expect("it is sound");
        assert_eq!(file.format(), format);
        assert_eq!(file.entries().len(), tensors.len() + 1);
        assert_eq!(file.entries()["bn.num_batches_tracked"].dtype, Dtype::Other("int64"));
        for (tensor, expected) in tensors {
            let entry = &file.entries()[tensor];
            assert_eq!(entry.dtype.name(), expected["dtype"], "{tensor}");
            assert_eq!(serde_json::json!(entry.shape), expected["shape"], "{tensor}");
            let values = file.values(tensor).expect("it holds floats");
            let bits: Vec<i32> = values.iter().map(|value| value.to_bits().cast_signed()).collect();
            assert_eq!(serde_json::json!(bits), expected["float32_bits"], "{tensor} of {name}");
        }
    }
}

#[test]
fn weights_within_a_checkpoint_are_named() {
    let error = open(&reference("checkpoint.pth"))
        .err()
        .expect("they are not at the top");
    assert_eq!(error.to_string(), "holds no weights at its top");
    assert_eq!(
        error.help().as_deref(),
        Some("write `within: \"state_dict\"` (6 tensors)")
    );
    let file = WeightFile::from_bytes(reference("checkpoint.pth"), Some("state_dict")).expect("it is sound");
    assert!(file.entries().contains_key("module.conv1.weight"));
    let error = WeightFile::from_bytes(reference("checkpoint.pth"), Some("model"))
        .err()
        .expect("no such entry");
    assert!(error.help().is_some_and(|help| help.contains("state_dict")));
}

/// Values of the definition of IEEE 754 binary16, and of bfloat16 as the upper half of binary32.
#[test]
fn halves_are_exact() {
    let cases: [(u16, f32); 8] = [
        (0x0000, 0.0),
        (0x8000, -0.0),
        (0x3c00, 1.0),
        (0xc100, -2.5),
        (0x0001, 2.0_f32.powi(-24)),
        (0x03ff, 1023.0 * 2.0_f32.powi(-24)),
        (0x0400, 2.0_f32.powi(-14)),
        (0x7bff, 65504.0),
    ];
    let read = |dtype: &str| -> Vec<f32> {
        let header = format!(r#"{{"a":{{"dtype":"{dtype}","shape":[8],"data_offsets":[0,16]}}}}"#);
        let mut file = safetensors_file(&header, 0);
        file.extend(cases.iter().flat_map(|(bits, _)| bits.to_le_bytes()));
        open(&file).and_then(|mut file| file.values("a")).expect("it is sound")
    };
    for (&(bits, value), read) in cases.iter().zip(read("F16")) {
        assert_eq!(read.to_bits(), value.to_bits(), "{bits:#06x}: {read}");
    }
    for (&(bits, _), read) in cases.iter().zip(read("BF16")) {
        assert_eq!(read.to_bits(), u32::from(bits) << 16, "{bits:#06x}: {read}");
    }
}

/// A file of the legacy format around the opcodes of its object.
fn legacy(object: &[u8]) -> Vec<u8> {
    let parts: [&[u8]; 6] = [
        &legacy::BEGINNING,
        b".\x80\x02M\xe9\x03.\x80\x02}.\x80\x02",
        object,
        b".\x80\x02]",
        b".",
        b"",
    ];
    parts.concat()
}

/// An archive of named parts; `deflate` compresses all.
fn archive(parts: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(*name, options).expect("the archive can be written");
        zip.write_all(bytes).expect("the archive can be written");
    }
    zip.finish().expect("the archive can be written").into_inner()
}

fn stored(parts: &[(&str, &[u8])]) -> Vec<u8> {
    archive(parts, CompressionMethod::Stored)
}

/// A tensor `w` of float32: `count` values in storage `0`, with this offset, extent and stride.
fn vector(count: u8, offset: u8, extent: [u8; 4], stride: u8) -> Vec<u8> {
    let mut pickle = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((".to_vec();
    pickle.extend(b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK");
    pickle.push(count);
    pickle.extend(b"tQK");
    pickle.push(offset);
    pickle.push(b'J');
    pickle.extend(extent);
    pickle.extend(b"\x85K");
    pickle.push(stride);
    pickle.extend(b"\x85\x89}tRs.");
    pickle
}

fn with_vector(pickle: &[u8], values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    stored(&[("a/data.pkl", pickle), ("a/data/0", &bytes)])
}

#[test]
fn nothing_but_tensors_is_asked_for() {
    let system = b"cos\nsystem\n(X\x04\x00\x00\x00truetR";
    let stacked = b"\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R";
    let inst = b"(X\x04\x00\x00\x00trueios\nsystem\n";
    let object = b"cbuiltins\nobject\n)\x81";
    assert!(refused(&legacy(system)).contains("`os.system`; nothing of it was executed"));
    assert!(refused(&legacy(stacked)).contains("`builtins.eval`"));
    assert!(refused(&legacy(object)).contains("`builtins.object`"));
    assert!(refused(&legacy(inst)).contains("opcode 0x69"));
    assert!(
        refused(&legacy(b"\x82\x01")).contains("opcode 0x82"),
        "a registered extension"
    );
    assert!(refused(&legacy(b"ctorch\nload\n")).contains("`torch.load`"));
    assert!(
        refused(&legacy(b"ctorch\x07\nFloatStorage\n")).contains("`torch.FloatStorage`"),
        "signs are not printed"
    );
    let steering = b"}X\x04\x00\x00\x00\x1b[2JK\x01s";
    assert!(
        refused(&legacy(steering)).contains("holds no weights"),
        "a name that steers a terminal"
    );
    assert!(refused(&reference("unsafe.pth")).contains("system`"));
    let archived = stored(&[("a/data.pkl", &[&b"\x80\x02"[..], system, b"."].concat())]);
    assert!(refused(&archived).contains("`os.system`"));
}

#[test]
fn pickles_are_bounded() {
    // Texts that are announced and not there take no memory.
    assert!(refused(&legacy(b"X\xff\xff\xff\xff")).contains("more than"));
    assert!(refused(&legacy(b"X\xff\xff\xff\x00")).contains("too early"));
    assert!(refused(&legacy(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff")).contains("more than"));
    let steps = usize::try_from(pickle::MOST_STEPS).expect("it is small");
    assert!(refused(&legacy(&vec![b'N'; steps])).contains("steps"));
    // One list of a hundred thousand items, copied again and again.
    let item = b"K\x01".repeat(100_000);
    let again = b"ctorch\nSize\nh\x00\x85R".repeat(1000);
    let copies = [&b"]q\x00("[..], &item, b"e", &again].concat();
    assert!(refused(&legacy(&copies)).contains("steps"));
    // Depth, cycles and the memo: nothing recurs, and nothing is as large as a number in the file.
    let deep = [b")".to_vec(), vec![0x85; steps / 2]].concat();
    assert!(refused(&legacy(&deep)).contains("something else than a dict"));
    let own = b"}q\x00X\x01\x00\x00\x00wh\x00s";
    assert!(refused(&legacy(own)).contains("holds no weights"));
    assert!(refused(&legacy(b"}r\xff\xff\xff\xff")).contains("holds no weights"));
    assert!(refused(&legacy(b"h\x07")).contains("never remembered"));
    for short in [
        &b"t"[..],
        b"(u",
        b"R",
        b"b",
        b"Q",
        b"}s",
        b"(K\x01u",
        b"e",
        b"0",
        b"}(0",
    ] {
        refused(&legacy(short));
    }
}

#[test]
fn tensors_stay_within_their_storages() {
    let four = [1.0, 2.0, 3.0, 4.0];
    let mut file = open(&with_vector(&vector(4, 1, [2, 0, 0, 0], 2), &four)).expect("it is sound");
    assert_eq!(file.values("w").expect("it is sound"), [2.0, 4.0]);
    let beyond = [
        vector(4, 1, [4, 0, 0, 0], 1),
        vector(4, 4, [1, 0, 0, 0], 1),
        vector(4, 0, [0, 0, 0, 0x7f], 0x7f),
    ];
    for pickle in beyond {
        assert!(refused(&with_vector(&pickle, &four)).contains("beyond its storage"));
    }
    assert!(refused(&with_vector(&vector(4, 0, [0xff; 4], 1), &four)).contains("counts -1"));
    assert!(refused(&with_vector(&vector(4, 0, [0, 0, 0, 0x7f], 0), &four)).contains("too often"));
    assert!(refused(&with_vector(&vector(5, 0, [4, 0, 0, 0], 1), &four)).contains("16 bytes"));
    assert!(refused(&stored(&[("a/data.pkl", &vector(4, 0, [4, 0, 0, 0], 1))])).contains("no `a/data/0`"));
}

#[test]
fn values_are_finite_numbers() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let file = with_vector(&vector(2, 0, [2, 0, 0, 0], 1), &[1.0, value]);
        assert!(refused(&file).contains("in `w`: a network with such a weight computes nothing"));
    }
    let mut file = open(&reference("zip.pth")).expect("it is sound");
    let error = file.values("bn.num_batches_tracked").expect_err("it is no float");
    assert!(error.to_string().contains("holds int64"));
    assert!(file.values("nothing").is_err());
}

#[test]
fn archives_are_those_of_torch_save() {
    let (pickle, numbers) = (vector(1, 0, [1, 0, 0, 0], 1), 1.0_f32.to_le_bytes());
    let named = |name: &str| {
        refused(&stored(&[
            ("a/data.pkl", &pickle),
            ("a/data/0", &numbers),
            (name, b"x"),
        ]))
    };
    for name in [
        "../evil",
        "a/../../evil",
        "/etc/passwd",
        "a\\b",
        "b/other",
        "a//b",
        "plain",
        "a/c:d",
    ] {
        assert!(named(name).contains("no name that `torch.save` gives"), "{name}");
    }
    assert!(named("a/code/net.py").contains("TorchScript"));
    assert!(named("a/byteorder").contains("byte order"));
    let small = archive(
        &[("a/data.pkl", &pickle), ("a/data/0", &numbers)],
        CompressionMethod::Deflated,
    );
    assert!(refused(&small).contains("compressed"));
    assert!(refused(&stored(&[("a/other", b"x")])).contains("no `a/data.pkl`"));
    // Two names of one length become one: the directory then holds it twice.
    let mut twice = stored(&[("a/data.pkl", &pickle), ("a/data/0", &numbers), ("a/data/1", &numbers)]);
    let places: Vec<usize> = twice
        .windows(8)
        .enumerate()
        .filter(|(_, w)| *w == b"a/data/1")
        .map(|(at, _)| at)
        .collect();
    places.into_iter().for_each(|at| twice[at + 7] = b'0');
    assert!(refused(&twice).contains("directory twice"));
    let whole = stored(&[("a/data.pkl", &pickle), ("a/data/0", &numbers)]);
    assert!(refused(&[&whole[..], b"more"].concat()).contains("no end"));
    let end = whole.len() - 22;
    let many = [&whole[..end + 10], &[0xff, 0xfe], &whole[end + 12..]].concat();
    assert!(refused(&many).contains("something else than entries"));
    let large = [&whole[..end + 12], &[0xfe; 4], &whole[end + 16..]].concat();
    assert!(refused(&large).contains("directory of more than"));
    // Two entries of the directory that are one file.
    let offset = |at: usize| at + 42;
    let mut entries = whole
        .windows(4)
        .enumerate()
        .filter(|(_, w)| *w == b"PK\x01\x02")
        .map(|(at, _)| at);
    let (first, second) = (
        entries.next().expect("two entries"),
        entries.next().expect("two entries"),
    );
    let mut shared = whole.clone();
    shared.copy_within(offset(first)..offset(first) + 4, offset(second));
    assert!(refused(&shared).contains("overlap"));
    assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926, "the check value of CRC-32");
    // A changed value is told by the sum of its file.
    let mut changed = stored(&[("a/data.pkl", &pickle), ("a/data/0", &numbers)]);
    let at = changed
        .windows(4)
        .position(|bytes| bytes == numbers)
        .expect("the value is there");
    changed[at] ^= 1;
    assert!(refused(&changed).contains("is damaged"));
}

fn safetensors_file(header: &str, bytes: usize) -> Vec<u8> {
    let len = u64::try_from(header.len()).expect("it is short").to_le_bytes();
    [&len[..], header.as_bytes(), &vec![0; bytes]].concat()
}

#[test]
fn headers_of_safetensors_are_checked() {
    let one = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
    assert!(open(&safetensors_file(&format!("{one}}}"), 8)).is_ok());
    let wrong = [
        (format!("{one}}}"), 9, "bytes of no tensor"),
        (format!("{one}}}"), 7, "beyond the file"),
        (
            format!(r#"{one},"b":{{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}}}"#),
            8,
            "overlap",
        ),
        (
            format!(r#"{one},"b":{{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}}}"#),
            16,
            "bytes of no tensor",
        ),
        (
            format!(r#"{one},"a":{{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}}}"#),
            12,
            "twice",
        ),
        (one.replace("[2]", "[3]") + "}", 8, "does not fill"),
        (
            one.replace("[2]", "[4294967296,4294967296,2]") + "}",
            8,
            "beyond the file",
        ),
        (one.replace("[0,8]", "[8,0]") + "}", 8, "beyond the file"),
        (one.replace("F32", "F33") + "}", 8, "unknown type"),
        (one.replace("[2]", "[-2]") + "}", 8, "its header"),
        (one.replace("\"a\"", "\"a\\u001b[2J\"") + "}", 8, "no plain text"),
        (one.to_owned(), 8, "its header"),
        ("{".repeat(4096), 8, "its header"),
    ];
    for (header, bytes, words) in wrong {
        let found = refused(&safetensors_file(&header, bytes));
        assert!(found.contains(words), "{header}: {found}");
    }
    let mut long = safetensors_file("{}", 0);
    long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(refused(&long).contains("longer than the file"));
    assert!(refused(b"").contains("neither"));
    assert!(refused(b"col,umn\n1,2\n").contains("neither"));
}

#[test]
fn what_is_cut_short_or_changed_is_refused_or_read_but_never_panics() {
    let tensor = r#"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#;
    for file in [
        reference("zip.pth"),
        reference("legacy.pth"),
        safetensors_file(tensor, 4),
    ] {
        for len in 0..file.len() {
            let cut = open(&file[..len]).and_then(|mut file| read_all(&mut file));
            assert!(cut.is_err(), "{len} of {} bytes", file.len());
        }
        for place in 0..file.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = file.clone();
                changed[place] ^= change;
                let _ = open(&changed).and_then(|mut file| read_all(&mut file));
            }
        }
    }
}
