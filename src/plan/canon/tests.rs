use super::*;
use crate::{
    net::{Builder, WeightInit},
    plan::stage::{
        Augmentation, Keep, Link, Load, Loss, Normalization, Optimizer, Pictures, Prepare, Samples, Schedule, Score,
        Start, Train, Transform, WeightFacts,
    },
};
use proptest::prelude::*;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// A value of any kind that serde knows without names.
#[derive(Clone, Debug)]
enum Tree {
    Unit,
    None,
    Some(Box<Tree>),
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Sequence(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
}

impl PartialEq for Tree {
    /// Equal as the encoder means it: `-0.0` is not `0.0`, every NaN is one.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unit, Self::Unit) | (Self::None, Self::None) => true,
            (Self::Some(a), Self::Some(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Sequence(a), Self::Sequence(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unit => serializer.serialize_unit(),
            Self::None => serializer.serialize_none(),
            Self::Some(value) => serializer.serialize_some(value),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i128(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Bytes(value) => serializer.serialize_bytes(value),
            Self::Sequence(values) => serializer.collect_seq(values),
            Self::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Unit),
        Just(Tree::None),
        any::<bool>().prop_map(Tree::Bool),
        any::<i128>().prop_map(Tree::Integer),
        (-200..200_i128).prop_map(Tree::Integer),
        any::<u64>().prop_map(|bits| Tree::Float(f64::from_bits(bits))),
        ".{0,6}".prop_map(Tree::Text),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(Tree::Bytes),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            inner.clone().prop_map(|value| Tree::Some(Box::new(value))),
            prop::collection::vec(inner.clone(), 0..5).prop_map(Tree::Sequence),
            prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Tree::Map),
        ]
    })
}

/// Reads a value back from its canonical bytes; none when they are no such bytes.
fn decode(bytes: &mut &[u8]) -> Option<Tree> {
    fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
        let (head, rest) = bytes.split_at_checked(count)?;
        *bytes = rest;
        Some(head)
    }
    fn length(bytes: &mut &[u8]) -> Option<usize> {
        Some(u64::from_le_bytes(take(bytes, 8)?.try_into().ok()?) as usize)
    }
    fn magnitude(bytes: &mut &[u8]) -> Option<i128> {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = take(bytes, 1)?[0];
            value |= i128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
    Some(match take(bytes, 1)?[0] {
        tag::UNIT => Tree::Unit,
        tag::NONE => Tree::None,
        tag::SOME => Tree::Some(Box::new(decode(bytes)?)),
        tag::FALSE => Tree::Bool(false),
        tag::TRUE => Tree::Bool(true),
        tag::NATURAL => Tree::Integer(magnitude(bytes)?),
        tag::NEGATIVE => Tree::Integer(-1 - magnitude(bytes)?),
        tag::FLOAT => Tree::Float(f64::from_bits(length(bytes)? as u64)),
        tag::TEXT => {
            let count = length(bytes)?;
            Tree::Text(String::from_utf8(take(bytes, count)?.to_vec()).ok()?)
        }
        tag::BYTES => {
            let count = length(bytes)?;
            Tree::Bytes(take(bytes, count)?.to_vec())
        }
        tag::SEQUENCE => {
            let count = length(bytes)?;
            Tree::Sequence((0..count).map(|_| decode(bytes)).collect::<Option<_>>()?)
        }
        tag::MAP => {
            let count = length(bytes)?;
            let entries = (0..count).map(|_| Some((decode(bytes)?, decode(bytes)?)));
            Tree::Map(entries.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

proptest! {
    /// What can be read back is injective: two values with the same bytes would both be what is read.
    #[test]
    fn every_value_can_be_read_back(tree in any_tree()) {
        let bytes = canonical(&tree);
        let mut rest = bytes.as_slice();
        prop_assert_eq!(decode(&mut rest), Some(tree.clone()));
        prop_assert!(rest.is_empty());
        prop_assert_eq!(canonical(&tree.clone()), bytes);
    }

    #[test]
    fn different_values_have_different_bytes(a in any_tree(), b in any_tree()) {
        prop_assert_eq!(a == b, canonical(&a) == canonical(&b));
    }
}

/// One of each kind of type.
mod kinds {
    use super::*;

    #[derive(Serialize)]
    pub(super) struct Unit;
    #[derive(Serialize)]
    pub(super) struct Newtype(pub u8);
    #[derive(Serialize)]
    pub(super) struct Other(pub u8);
    #[derive(Serialize)]
    pub(super) struct Pair(pub u8, pub u8);
    #[derive(Serialize)]
    pub(super) struct Named {
        pub a: u8,
        pub b: u8,
    }
    #[derive(Serialize)]
    #[serde(rename = "Named")]
    pub(super) struct Swapped {
        pub b: u8,
        pub a: u8,
    }
    #[derive(Serialize)]
    #[serde(rename = "Named")]
    pub(super) struct Renamed {
        pub a: u8,
        pub c: u8,
    }
    #[derive(Serialize)]
    pub(super) enum Choice {
        Unit,
        Newtype(u8),
        Pair(u8, u8),
        Named { a: u8, b: u8 },
    }
    #[derive(Serialize)]
    pub(super) enum OtherChoice {
        Unit,
    }
}

#[test]
fn kinds_and_names_are_told_apart() {
    use kinds::{Choice, Named, Newtype, Other, OtherChoice, Pair, Renamed, Swapped, Unit};
    let encodings = [
        canonical(&1_u8),
        canonical(&1.0),
        canonical(&true),
        canonical(&'1'),
        canonical("1"),
        canonical(&Some(1)),
        canonical(&Some(Some(1))),
        canonical(&None::<u8>),
        canonical(&Some(None::<u8>)),
        canonical(&()),
        canonical(&[1_u8].as_slice()),
        canonical(&[[1_u8].as_slice()].as_slice()),
        canonical(&[1_u8]),
        canonical(&BTreeMap::from([(1, 1)])),
        canonical(&[(1, 1)].as_slice()),
        canonical(&Unit),
        canonical(&Newtype(1)),
        canonical(&Other(1)),
        canonical(&(1, 2)),
        canonical(&Pair(1, 2)),
        canonical(&Named { a: 1, b: 2 }),
        canonical(&Swapped { a: 1, b: 2 }),
        canonical(&Renamed { a: 1, c: 2 }),
        canonical(&Choice::Unit),
        canonical(&OtherChoice::Unit),
        canonical(&Choice::Newtype(1)),
        canonical(&Choice::Pair(1, 2)),
        canonical(&Choice::Named { a: 1, b: 2 }),
        canonical(&[["a", "bc"]]),
        canonical(&[["ab", "c"]]),
        canonical(&0.0),
        canonical(&-0.0),
    ];
    for (place, encoding) in encodings.iter().enumerate() {
        assert!(
            !encodings[..place].contains(encoding),
            "encoding {place} is another one's"
        );
    }
}

#[test]
fn widths_of_numbers_are_not_in_the_bytes() {
    assert_eq!(canonical(&7_u8), canonical(&7_i64));
    assert_eq!(canonical(&u64::MAX), canonical(&u128::from(u64::MAX)));
    assert_eq!(canonical(&-7_i8), canonical(&-7_i128));
    assert_eq!(canonical(&0.25_f32), canonical(&0.25_f64));
    assert_ne!(canonical(&i128::MAX), canonical(&u128::MAX));
}

#[test]
fn every_nan_is_one() {
    assert_eq!(canonical(&f64::NAN), canonical(&-f64::NAN));
    assert_eq!(canonical(&f32::NAN), canonical(&f64::from_bits(0x7ff0_0000_0000_0001)));
}

#[test]
fn a_sequence_of_unknown_length_is_one_of_known_length() {
    struct Filtered;
    impl Serialize for Filtered {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..10).filter(|number| number % 2 == 0))
        }
    }
    assert_eq!(canonical(&Filtered), canonical(&vec![0, 2, 4, 6, 8]));
}

/// Every stored result rests on these bytes; whoever changes them on purpose raises [`FORMAT`].
#[test]
fn the_encoding_is_pinned() {
    let value = Normalization {
        mean: vec![0.5],
        deviation: vec![0.25, -0.0],
    };
    let hex: String = canonical(&value).iter().map(|byte| format!("{byte:02x}")).collect();
    let text = |text: &str| {
        let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("{:02x}00000000000000{digits}", text.len())
    };
    let count = |count: u8| format!("{count:02x}00000000000000");
    let expected = [
        "53".to_owned(),
        text("Normalization"),
        count(2),
        text("mean"),
        "5b".to_owned() + &count(1),
        "2e000000000000e03f".to_owned(),
        text("deviation"),
        "5b".to_owned() + &count(2),
        "2e000000000000d03f".to_owned(),
        "2e0000000000000080".to_owned(),
    ];
    assert_eq!(hex, expected.concat());
}

fn graph() -> Arc<crate::net::Graph> {
    let mut builder = Builder::new(3, 8, 8);
    let input = builder.input();
    let flat = builder.flatten(input);
    let logits = builder
        .linear(flat, 2, true, WeightInit::KaimingUniform)
        .expect("a vector has a linear layer");
    Arc::new(
        builder
            .finish("net", logits, Vec::new(), None)
            .expect("the net is whole"),
    )
}

fn train() -> Train {
    Train {
        graph: graph(),
        start: Start::Random { seed: 1 },
        training: Arc::new(Samples {
            rows: vec![0, 1, 2],
            classes: vec![0, 1, 0],
            views: 1,
        }),
        tuning: Arc::default(),
        normalization: Normalization {
            mean: vec![0.5],
            deviation: vec![0.25],
        },
        epochs: 3,
        stop: None,
        batch: 2,
        drop_last: false,
        rates: Arc::new(vec![0.1, 0.1]),
        frozen_weights: Arc::new(vec![false, false]),
        frozen_statistics: Arc::default(),
        schedule: Schedule::Constant,
        optimizer: Optimizer::sgd(0.9, 1e-4),
        decay_all: false,
        clip: None,
        loss: Loss::default(),
        draws: Vec::new(),
        mix: None,
        accumulate: 1,
        ema: None,
        keep: Keep::Last,
        augment: vec![Augmentation::Flip {
            horizontal: 0.5,
            vertical: 0.0,
        }],
        seed: 7,
    }
}

fn model(new_head: Option<u64>, spread: Option<u32>) -> Start {
    Start::Model { new_head, spread }
}

fn wrapped(train: Train) -> Work {
    Work::Train(Box::new(train))
}

fn prepare(pictures: Pictures) -> Work {
    Work::Prepare(Prepare {
        pictures,
        transforms: vec![Transform::Rgb],
        shape: [3, 8, 8],
    })
}

#[test]
fn every_parameter_of_a_training_changes_its_key() {
    let changes: [fn(&mut Train); 30] = [
        |t| Arc::make_mut(&mut t.graph).nodes[1].inputs.clear(),
        |t| t.start = Start::Random { seed: 2 },
        |t| t.start = model(None, None),
        |t| t.start = model(Some(1), None),
        |t| t.start = model(Some(1), Some(2)),
        |t| t.stop = Some(5),
        |t| Arc::make_mut(&mut t.training).rows.swap(0, 1),
        |t| Arc::make_mut(&mut t.training).classes.swap(0, 1),
        |t| Arc::make_mut(&mut t.tuning).rows.push(3),
        |t| t.normalization.mean[0] = 0.4,
        |t| t.normalization.deviation[0] = 0.2,
        |t| t.epochs += 1,
        |t| t.batch += 1,
        |t| t.drop_last = true,
        |t| Arc::make_mut(&mut t.rates)[1] = 0.0,
        |t| Arc::make_mut(&mut t.frozen_weights)[0] = true,
        |t| Arc::make_mut(&mut t.frozen_statistics).push(false),
        |t| t.schedule = Schedule::Cosine { warmup: 0.0, end: 0.0 },
        |t| t.schedule = Schedule::Cosine { warmup: 0.0, end: 0.1 },
        |t| t.optimizer = Optimizer::sgd(0.9, 0.0),
        |t| {
            t.optimizer = Optimizer::Sgd {
                momentum: 0.9,
                decay: 1e-4,
                dampening: 0.1,
                nesterov: false,
            }
        },
        |t| {
            t.optimizer = Optimizer::Sgd {
                momentum: 0.9,
                decay: 1e-4,
                dampening: 0.0,
                nesterov: true,
            }
        },
        |t| t.loss = Loss::Binary { weights: Vec::new() },
        |t| t.accumulate = 2,
        |t| t.ema = Some(0.999),
        |t| t.keep = Keep::Best,
        |t| t.decay_all = true,
        |t| t.clip = Some(1.0),
        |t| t.augment.clear(),
        |t| t.seed += 1,
    ];
    let mut keys = vec![stage_key(&wrapped(train()), &[], &[])];
    for change in changes {
        let mut changed = train();
        change(&mut changed);
        keys.push(stage_key(&wrapped(changed), &[], &[]));
    }
    for (place, key) in keys.iter().enumerate() {
        assert!(!keys[..place].contains(key), "change {place} keeps a key");
    }
}

#[test]
fn every_ingredient_changes_the_key() {
    let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
    let input = |role, name: &'static str, digest| (role, name, digest);
    let work = wrapped(train());
    let inputs = [input(Role::Pictures, "pictures", one), input(Role::Model, "model", two)];
    let score = Work::Score(Box::new(Score {
        graph: graph(),
        normalization: train().normalization,
        test: Arc::default(),
        tuning: Arc::default(),
        tta: Vec::new(),
        link: Link::Softmax,
        views: 1,
    }));
    let of = |what| ingredients(what, &mut Known::default()).key(&inputs, &[one]);
    let keys = [
        stage_key(&work, &inputs, &[one]),
        stage_key(&work, &inputs, &[]),
        stage_key(&work, &inputs, &[two]),
        stage_key(&work, &inputs, &[one, two]),
        stage_key(&work, &inputs, &[two, one]),
        stage_key(&work, &inputs[..1], &[one]),
        stage_key(&work, &[inputs[0], input(Role::Model, "model", one)], &[one]),
        stage_key(&work, &[inputs[0], input(Role::Model, "best", two)], &[one]),
        stage_key(&work, &[inputs[0], input(Role::Scores(0), "model", two)], &[one]),
        stage_key(&work, &[inputs[0], input(Role::Scores(1), "model", two)], &[one]),
        stage_key(&score, &inputs, &[one]),
        of((&work, "train", 1, FORMAT + 1)),
        of((&work, "train", 2, FORMAT)),
        of((&work, "score", 1, FORMAT)),
    ];
    for (place, key) in keys.iter().enumerate() {
        assert!(!keys[..place].contains(key), "key {place} is another one's");
    }
    let turned = [inputs[1], inputs[0]];
    assert_eq!(
        stage_key(&work, &turned, &[one]),
        keys[0],
        "the order of edges does not matter"
    );
}

#[test]
fn where_a_file_lies_is_not_in_the_key_but_how_it_is_read_is() {
    let at = |path: &str| vec![PathBuf::from(path)];
    let rows = |row| vec![("train_images".to_owned(), row)];
    let npz = |path: &str, row| Pictures::Npz {
        path: path.into(),
        rows: rows(row),
    };
    let key = |pictures| stage_key(&prepare(pictures), &[], &[Digest::of(b"the file")]);
    assert_eq!(key(Pictures::Files(at("a.png"))), key(Pictures::Files(at("b/c.png"))));
    assert_eq!(key(npz("a.npz", 0)), key(npz("b.npz", 0)));
    assert_ne!(key(npz("a.npz", 0)), key(npz("a.npz", 1)));
    assert_ne!(key(Pictures::Files(at("a.npz"))), key(npz("a.npz", 0)));
    let load = |path: &str| {
        Work::Load(Load {
            path: path.into(),
            graph: graph(),
            adapt: None,
            within: None,
            renamed: Vec::new(),
            fresh: None,
            digest: None,
            facts: WeightFacts {
                file: path.to_owned(),
                ..WeightFacts::default()
            },
        })
    };
    assert_eq!(stage_key(&load("a"), &[], &[]), stage_key(&load("b"), &[], &[]));
}

/// What is remembered of shared values changes no key, and is not taken for another value.
#[test]
fn keys_of_a_plan_are_those_of_its_stages() {
    let keys = Keys::default();
    let (base, network) = (train(), graph());
    let works: Vec<Work> = (0..4)
        .map(|row| {
            wrapped(Train {
                graph: Arc::clone(&network),
                training: Arc::new(Samples {
                    rows: vec![row / 2],
                    classes: vec![row / 2],
                    views: 1,
                }),
                ..base.clone()
            })
        })
        .collect();
    let made: Vec<_> = works.iter().map(|work| keys.ingredients(work).key(&[], &[])).collect();
    let alone: Vec<_> = works.iter().map(|work| stage_key(work, &[], &[])).collect();
    assert_eq!(made, alone);
    assert!(made[0] == made[1] && made[2] == made[3] && made[1] != made[2]);
}

/// Keys outlive a program: what was stored by one release is found by the next.
#[test]
fn a_key_is_stable_from_release_to_release() {
    #[derive(Serialize)]
    struct Pinned {
        name: &'static str,
        rate: f64,
        frozen: Option<u32>,
        layers: Vec<(u32, bool)>,
        role: Role,
        input: Digest,
    }
    let pinned = Pinned {
        name: "conv1",
        rate: 1e-3,
        frozen: None,
        layers: vec![(300, true), (0, false)],
        role: Role::Scores(3),
        input: Digest::of(b"scores"),
    };
    assert_eq!(
        Digest::of(&canonical(&pinned)).to_string(),
        "e472581fbadb087779e5fcb7824c66a98002972aff41325fd786378c0ea50df4"
    );
}
