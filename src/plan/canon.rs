//! The one canonical encoding, and the keys made from it.
//!
//! A value becomes bytes from which it could be read back, so different values have different bytes. Every value
//! starts with a tag of its kind; whatever has a length writes it, as 64 bits, before its contents:
//!
//! | kind | bytes |
//! |---|---|
//! | integers | tag by sign, then the magnitude in groups of 7 bits, lowest first; the type's width is not in it |
//! | floats | the bits of the equal `f64`; `-0.0` is not `0.0`, and every NaN is one NaN |
//! | text, bytes | length, contents |
//! | none, some | tag; the value follows `some` |
//! | sequences, tuples | count, elements |
//! | maps | count, keys and values **in the order in which the value gives them** |
//! | structs | name, count, each field's name and value, in the order of declaration |
//! | variants | the enum's name, the variant's name, then its contents as above |
//! | what many stages share ([`shared`]) | tag, the digest of its canonical bytes |
//!
//! So a renamed or moved field changes a key, as it should when its meaning may have changed, and `-0.0` costs at
//! most one run too many. Serde does not say whether a map has an order, so an unordered one cannot be refused here:
//! whatever enters a key must not hold a `IndexMap` or a `IndexSet`.

use super::{
    digest::Digest,
    stage::{Role, Work},
};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize, Serializer, ser};
use std::{
    any, fmt, mem, ptr,
    sync::{Arc, Mutex, PoisonError},
};

/// The version of the encoding and of the ingredients of [`stage_key`]; it enters every key.
const FORMAT: u32 = 2;

/// The key under which a stage's result is stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key(pub Digest);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The canonical bytes of a value.
///
/// # Panics
/// When the value's own `Serialize` fails. Derived implementations over numbers, text and collections never do; a
/// path does when it is not Unicode, which is why paths do not enter keys.
#[must_use]
pub fn canonical<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    encoded(value, &mut Known::default())
}

/// [`canonical`], with the digests of shared values that are known.
fn encoded<T: Serialize + ?Sized>(value: &T, known: &mut Known) -> Vec<u8> {
    let mut encoder = Encoder {
        bytes: Vec::with_capacity(USUAL),
        known,
    };
    value.serialize(&mut encoder).expect(NEVER_REFUSED);
    encoder.bytes
}

/// Bytes of what most stages do.
const USUAL: usize = 2048;
/// Why canonical bytes can be made of all values that are asked for.
const NEVER_REFUSED: &str = "derived serialisation of numbers, text and collections cannot fail";

/// The name by which the encoder knows a value that many stages share; other formats write the value as it is.
const SHARED: &str = "mtl.shared";

/// For `serialize_with`: a value that many stages of a plan share, such as a network or the rows of a fold. In canonical
/// bytes it stands by its digest, which the plan computes once per value and not once per stage.
///
/// # Errors
/// Those of the serializer.
pub fn shared<T: Serialize, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(SHARED, &**value)
}

/// Digests of shared values, by their address and type.
type Known = IndexMap<(usize, &'static str), Digest, FxBuildHasher>;

/// Makes the keys of the stages of one plan, which owns this: what is remembered of shared values by their addresses
/// holds as long as they do.
#[derive(Debug, Default)]
pub(super) struct Keys {
    known: Mutex<Known>,
}

impl Clone for Keys {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Keys {
    /// What decides the result of a stage of the plan that owns this, but for its inputs.
    pub(super) fn ingredients(&self, work: &Work) -> Ingredients {
        // A thread that panicked with it left digests that are right.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        ingredients((work, work.kind(), work.version(), FORMAT), &mut known)
    }
}

/// What a stage takes from another: role, name of the output, its digest.
pub type Taken = (Role, &'static str, Digest);

/// What decides the result of a stage but for its inputs, encoded: a stage may be given several keys.
#[derive(Debug)]
pub struct Ingredients {
    bytes: Vec<u8>,
    count_at: usize,
    count: u64,
    /// Where the inputs begin.
    inputs_at: usize,
}

impl Ingredients {
    /// [`stage_key`], with these inputs and files.
    pub fn key(&mut self, inputs: &[Taken], files: &[Digest]) -> Key {
        self.bytes.truncate(self.inputs_at);
        let mut sorted: Vec<_> = inputs.iter().collect();
        sorted.sort_unstable();
        // No input is a shared value.
        let mut known = Known::default();
        let mut encoder = Encoder {
            bytes: mem::take(&mut self.bytes),
            known: &mut known,
        };
        let mut fields = Compound {
            encoder: &mut encoder,
            count_at: self.count_at,
            count: self.count,
        };
        fields
            .field("inputs", &sorted)
            .and_then(|()| fields.field("files", files))
            .expect(NEVER_REFUSED);
        fields.finish();
        self.bytes = encoder.bytes;
        Key(Digest::of(&self.bytes))
    }
}

/// The key of a stage: what it does, what it takes from other stages (role, name of their output, its digest), and the
/// digests of the files that it reads, in the order of [`Work::files`].
///
/// Inputs count by role and name: in which order the plan's edges come does not matter.
#[must_use]
pub fn stage_key(work: &Work, inputs: &[Taken], files: &[Digest]) -> Key {
    ingredients((work, work.kind(), work.version(), FORMAT), &mut Known::default()).key(inputs, files)
}

/// [`stage_key`] but for inputs and files, with every other ingredient in sight.
fn ingredients((work, kind, version, format): (&Work, &str, u32, u32), known: &mut Known) -> Ingredients {
    let mut encoder = Encoder {
        bytes: Vec::with_capacity(USUAL),
        known,
    };
    let mut fields = encoder.compound(tag::STRUCT, &["Ingredients"]);
    let numerics = work.numerics();
    let written = fields
        .field("format", &format)
        .and_then(|()| fields.field("kind", kind))
        .and_then(|()| fields.field("version", &version))
        .and_then(|()| {
            if numerics.is_some() {
                fields.field("numerics", &numerics)
            } else {
                Ok(())
            }
        })
        .and_then(|()| fields.field("work", work));
    written.expect(NEVER_REFUSED);
    let (count_at, count) = (fields.count_at, fields.count);
    Ingredients {
        inputs_at: encoder.bytes.len(),
        bytes: encoder.bytes,
        count_at,
        count,
    }
}

/// The first byte of every value.
mod tag {
    pub(super) const NONE: u8 = b'n';
    pub(super) const SOME: u8 = b'o';
    pub(super) const UNIT: u8 = b'0';
    pub(super) const FALSE: u8 = b'F';
    pub(super) const TRUE: u8 = b'T';
    pub(super) const NATURAL: u8 = b'+';
    pub(super) const NEGATIVE: u8 = b'-';
    pub(super) const FLOAT: u8 = b'.';
    pub(super) const CHARACTER: u8 = b'c';
    pub(super) const TEXT: u8 = b't';
    pub(super) const BYTES: u8 = b'b';
    pub(super) const SEQUENCE: u8 = b'[';
    pub(super) const TUPLE: u8 = b'(';
    pub(super) const MAP: u8 = b'{';
    pub(super) const UNIT_STRUCT: u8 = b'U';
    pub(super) const NEWTYPE: u8 = b'N';
    pub(super) const TUPLE_STRUCT: u8 = b'P';
    pub(super) const STRUCT: u8 = b'S';
    pub(super) const UNIT_VARIANT: u8 = b'u';
    pub(super) const NEWTYPE_VARIANT: u8 = b'w';
    pub(super) const TUPLE_VARIANT: u8 = b'p';
    pub(super) const STRUCT_VARIANT: u8 = b's';
    pub(super) const SHARED: u8 = b'#';
}

/// A failure of a value's own `Serialize`; the encoder itself has none.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl ser::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Writes canonical bytes.
struct Encoder<'k> {
    bytes: Vec<u8>,
    known: &'k mut Known,
}

impl<'k> Encoder<'k> {
    /// The digest of a shared value, computed when it is met first.
    fn digest<T: Serialize + ?Sized>(&mut self, value: &T) -> Digest {
        let place = (ptr::from_ref(value).addr(), any::type_name::<T>());
        if let Some(&known) = self.known.get(&place) {
            return known;
        }
        let digest = Digest::of(&encoded(value, self.known));
        self.known.insert(place, digest);
        digest
    }

    fn length(&mut self, length: usize) {
        self.bytes.extend_from_slice(&(length as u64).to_le_bytes());
    }

    /// Length and contents of a name or a text; its tag stands already.
    fn text(&mut self, text: &str) {
        self.bytes.reserve(8 + text.len());
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn magnitude(&mut self, mut value: u128) {
        while value > u128::from(u64::MAX) {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        // Nearly all numbers: a study's keys hold millions of row numbers.
        let mut value = value as u64;
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn integer(&mut self, value: i128) {
        let (tag, magnitude) = if value >= 0 {
            (tag::NATURAL, value)
        } else {
            (tag::NEGATIVE, -1 - value)
        };
        self.bytes.push(tag);
        self.magnitude(magnitude.unsigned_abs());
    }

    /// Tag and names of a compound value; its elements are counted as they come.
    fn compound(&mut self, tag: u8, names: &[&str]) -> Compound<'_, 'k> {
        self.bytes.push(tag);
        for name in names {
            self.text(name);
        }
        let count_at = self.bytes.len();
        self.length(0);
        Compound {
            encoder: self,
            count_at,
            count: 0,
        }
    }
}

/// A compound value in the making.
struct Compound<'a, 'k> {
    encoder: &'a mut Encoder<'k>,
    count_at: usize,
    count: u64,
}

impl Compound<'_, '_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.count += 1;
        value.serialize(&mut *self.encoder)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Refused> {
        self.encoder.text(name);
        self.element(value)
    }

    fn finish(self) {
        self.encoder.bytes[self.count_at..self.count_at + 8].copy_from_slice(&self.count.to_le_bytes());
    }
}

/// Methods that write an integer, whatever its width.
macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Refused> {
            self.integer(value.into());
            Ok(())
        })*
    };
}

impl<'a, 'k> Serializer for &'a mut Encoder<'k> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Compound<'a, 'k>;
    type SerializeTuple = Compound<'a, 'k>;
    type SerializeTupleStruct = Compound<'a, 'k>;
    type SerializeTupleVariant = Compound<'a, 'k>;
    type SerializeMap = Compound<'a, 'k>;
    type SerializeStruct = Compound<'a, 'k>;
    type SerializeStructVariant = Compound<'a, 'k>;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_u128(self, value: u128) -> Result<(), Refused> {
        self.bytes.push(tag::NATURAL);
        self.magnitude(value);
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), Refused> {
        self.bytes.push(if value { tag::TRUE } else { tag::FALSE });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Refused> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Refused> {
        // The bits of a NaN depend on the instruction that made it, so they are written as the standard's quiet one.
        let bits = if value.is_nan() { 0x7ff8 << 48 } else { value.to_bits() };
        self.bytes.push(tag::FLOAT);
        self.bytes.extend_from_slice(&bits.to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Refused> {
        self.bytes.push(tag::CHARACTER);
        self.magnitude(u128::from(u32::from(value)));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Refused> {
        self.bytes.push(tag::TEXT);
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Refused> {
        self.bytes.push(tag::BYTES);
        self.length(value.len());
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.bytes.push(tag::NONE);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        self.bytes.push(tag::SOME);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        self.bytes.push(tag::UNIT);
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Refused> {
        self.bytes.push(tag::UNIT_STRUCT);
        self.text(name);
        Ok(())
    }

    fn serialize_unit_variant(self, name: &'static str, _: u32, variant: &'static str) -> Result<(), Refused> {
        self.bytes.push(tag::UNIT_VARIANT);
        self.text(name);
        self.text(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Refused> {
        if name == SHARED {
            let digest = self.digest(value);
            self.bytes.push(tag::SHARED);
            self.bytes.extend_from_slice(&digest.0);
            return Ok(());
        }
        self.bytes.push(tag::NEWTYPE);
        self.text(name);
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.bytes.push(tag::NEWTYPE_VARIANT);
        self.text(name);
        self.text(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a, 'k>, Refused> {
        Ok(self.compound(tag::SEQUENCE, &[]))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a, 'k>, Refused> {
        Ok(self.compound(tag::TUPLE, &[]))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Compound<'a, 'k>, Refused> {
        Ok(self.compound(tag::TUPLE_STRUCT, &[name]))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, 'k>, Refused> {
        Ok(self.compound(tag::TUPLE_VARIANT, &[name, variant]))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a, 'k>, Refused> {
        Ok(self.compound(tag::MAP, &[]))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound<'a, 'k>, Refused> {
        Ok(self.compound(tag::STRUCT, &[name]))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, 'k>, Refused> {
        Ok(self.compound(tag::STRUCT_VARIANT, &[name, variant]))
    }
}

/// A compound trait of serde with elements, or with named fields.
macro_rules! compound {
    ($trait:ident, element $method:ident) => {
        impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = Refused;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                self.element(value)
            }
            fn end(self) -> Result<(), Refused> {
                self.finish();
                Ok(())
            }
        }
    };
    ($trait:ident, field) => {
        impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = Refused;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Refused> {
                self.field(name, value)
            }
            fn end(self) -> Result<(), Refused> {
                self.finish();
                Ok(())
            }
        }
    };
}

compound!(SerializeSeq, element serialize_element);
compound!(SerializeTuple, element serialize_element);
compound!(SerializeTupleStruct, element serialize_field);
compound!(SerializeTupleVariant, element serialize_field);
compound!(SerializeStruct, field);
compound!(SerializeStructVariant, field);

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        value.serialize(&mut *self.encoder)
    }

    fn end(self) -> Result<(), Refused> {
        self.finish();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
