//! The part of Python's pickles that tensors need, interpreted as data.
//!
//! Format: `pickletools.py` of CPython, whose opcodes are the reference. A pickle is a program for a stack machine that may
//! call anything; this machine calls nothing. It knows the globals of [`Global`] and makes plain data of them; any other
//! ends the reading, by name. Objects stand in one list and refer to each other by place, so that neither depth nor cycles
//! cost anything; bytes, steps and objects are bounded by [`MOST_BYTES`] and [`MOST_STEPS`].

use super::pickle_bytes::{Bytes, text};
use std::{collections::BTreeMap, io, rc::Rc};
use thiserror::Error;

/// The most bytes of pickles that are read of one file. A state dict of a thousand tensors takes some 200,000.
pub(super) const MOST_BYTES: u64 = 32 << 20;
/// The most opcodes that are carried out for one file; each makes at most one value.
pub(super) const MOST_STEPS: u64 = 1 << 21;

/// Why a pickle is not read.
#[derive(Debug, Error)]
pub(super) enum Refused {
    /// It ends too early, or cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It asks for this global.
    #[error("{0}")]
    Global(String),
    /// It is no pickle that a state dict gives.
    #[error("{0}")]
    Damaged(String),
    /// It passes a bound.
    #[error("{0}")]
    TooLarge(String),
}

/// What a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    Size,
    RebuildTensor,
    RebuildParameter,
    /// A storage's elements: their name, and the bytes of each.
    Storage(&'static str, u64),
}

/// The globals that are known: module, name, meaning. Storages: `torch/storage.py`; the rest: `torch/_utils.py`.
const GLOBALS: &[(&str, &str, Global)] = &[
    ("collections", "OrderedDict", Global::OrderedDict),
    ("torch", "Size", Global::Size),
    ("torch._utils", "_rebuild_tensor", Global::RebuildTensor),
    ("torch._utils", "_rebuild_tensor_v2", Global::RebuildTensor),
    ("torch._utils", "_rebuild_parameter", Global::RebuildParameter),
    ("torch", "FloatStorage", Global::Storage("float32", 4)),
    ("torch", "HalfStorage", Global::Storage("float16", 2)),
    ("torch", "BFloat16Storage", Global::Storage("bfloat16", 2)),
    ("torch", "DoubleStorage", Global::Storage("float64", 8)),
    ("torch", "LongStorage", Global::Storage("int64", 8)),
    ("torch", "IntStorage", Global::Storage("int32", 4)),
    ("torch", "ShortStorage", Global::Storage("int16", 2)),
    ("torch", "CharStorage", Global::Storage("int8", 1)),
    ("torch", "ByteStorage", Global::Storage("uint8", 1)),
    ("torch", "BoolStorage", Global::Storage("bool", 1)),
];

/// A value: a small one itself, any other by its place among the objects.
#[derive(Clone, Debug)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    /// A whole number that 64 bits do not hold, as the magic number of the legacy format.
    Big,
    Float,
    Text(Rc<str>),
    Global(Global),
    Object(usize),
}

/// What stands in the list of objects.
#[derive(Debug)]
pub(super) enum Object {
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Storage(StorageRef),
    Tensor(TensorRef),
}

/// Numbers that lie elsewhere in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StorageRef {
    pub(super) key: Rc<str>,
    pub(super) dtype: &'static str,
    /// Bytes of an element.
    pub(super) width: u64,
    /// Elements of the whole storage.
    pub(super) count: u64,
    /// The elements that this one sees, `(first, count)`; none for all.
    pub(super) view: Option<(u64, u64)>,
}

/// A view of a storage.
#[derive(Clone, Debug)]
pub(super) struct TensorRef {
    pub(super) storage: StorageRef,
    /// Elements before the first.
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    /// Elements from one to the next along each axis.
    pub(super) strides: Vec<u64>,
}

/// The machine; its objects outlive a pickle.
pub(super) struct Machine {
    objects: Vec<Object>,
    stack: Vec<Value>,
    /// Where each open mark stands on the stack.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Value>,
    steps: u64,
}

pub(super) fn damaged(what: impl Into<String>) -> Refused {
    Refused::Damaged(what.into())
}

impl Machine {
    pub(super) fn new() -> Self {
        Self {
            objects: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: BTreeMap::new(),
            steps: 0,
        }
    }

    /// An object.
    pub(super) fn object(&self, place: usize) -> &Object {
        &self.objects[place]
    }

    /// The entries of a dict; none for other values.
    pub(super) fn dict(&self, value: &Value) -> Option<&[(Value, Value)]> {
        match value {
            Value::Object(place) => match self.object(*place) {
                Object::Dict(entries) => Some(entries),
                _ => None,
            },
            _ => None,
        }
    }

    /// The items of a list or tuple; none for other values.
    pub(super) fn items(&self, value: &Value) -> Option<&[Value]> {
        match value {
            Value::Object(place) => match self.object(*place) {
                Object::List(items) | Object::Tuple(items) => Some(items),
                _ => None,
            },
            _ => None,
        }
    }

    /// A tensor; none for other values.
    pub(super) fn tensor(&self, value: &Value) -> Option<&TensorRef> {
        match value {
            Value::Object(place) => match self.object(*place) {
                Object::Tensor(tensor) => Some(tensor),
                _ => None,
            },
            _ => None,
        }
    }

    /// The storages that tensors refer to, in the order of their first mention.
    pub(super) fn storages(&self) -> impl Iterator<Item = &StorageRef> {
        self.objects.iter().filter_map(|object| match object {
            Object::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    /// Reads one pickle up to its end.
    pub(super) fn pickle(&mut self, bytes: &mut Bytes<impl io::Read>) -> Result<Value, Refused> {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        loop {
            self.charge(1)?;
            let opcode = bytes.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode, bytes)?;
        }
    }

    /// Counts work: what is copied counts as much as what is read, or a pickle could copy one long list again and again.
    fn charge(&mut self, items: usize) -> Result<(), Refused> {
        self.steps = self.steps.saturating_add(items as u64);
        if self.steps > MOST_STEPS {
            return Err(Refused::TooLarge(format!(
                "its pickles take more than {MOST_STEPS} steps"
            )));
        }
        Ok(())
    }

    fn step(&mut self, opcode: u8, bytes: &mut Bytes<impl io::Read>) -> Result<(), Refused> {
        match opcode {
            // PROTO, FRAME: nothing to do.
            0x80 => {
                bytes.byte()?;
            }
            0x95 => {
                bytes.array::<8>()?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                self.pop()?;
            }
            b'N' => self.stack.push(Value::None),
            0x88 | 0x89 => self.stack.push(Value::Bool),
            b'J' => self.stack.push(Value::Int(i32::from_le_bytes(bytes.array()?).into())),
            b'K' => self.stack.push(Value::Int(bytes.byte()?.into())),
            b'M' => self.stack.push(Value::Int(u16::from_le_bytes(bytes.array()?).into())),
            0x8a => {
                let len = bytes.byte()?;
                let digits = bytes.many(len.into())?;
                self.stack.push(long(&digits));
            }
            b'G' => {
                bytes.array::<8>()?;
                self.stack.push(Value::Float);
            }
            b'X' | b'T' => self.text(u32::from_le_bytes(bytes.array()?).into(), bytes)?,
            0x8c | b'U' => self.text(bytes.byte()?.into(), bytes)?,
            0x8d => self.text(u64::from_le_bytes(bytes.array()?), bytes)?,
            b'}' => self.push(Object::Dict(Vec::new())),
            b']' => self.push(Object::List(Vec::new())),
            b')' => self.push(Object::Tuple(Vec::new())),
            0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?,
            b't' => {
                let items = self.since_mark()?;
                self.push(Object::Tuple(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.list()?.push(item);
            }
            b'e' => {
                let items = self.since_mark()?;
                self.list()?.extend(items);
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.top_dict()?.push((key, value));
            }
            b'u' => {
                let items = self.since_mark()?;
                let pairs = pairs(items)?;
                self.top_dict()?.extend(pairs);
            }
            b'q' => self.memorize(bytes.byte()?.into())?,
            b'r' => self.memorize(u32::from_le_bytes(bytes.array()?))?,
            0x94 => self.memorize(u32::try_from(self.memo.len()).unwrap_or(u32::MAX))?,
            b'h' => self.recall(bytes.byte()?.into())?,
            b'j' => self.recall(u32::from_le_bytes(bytes.array()?))?,
            b'c' => {
                let (module, name) = (bytes.line()?, bytes.line()?);
                self.stack.push(global(&module, &name)?);
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => self.stack.push(global(&module, &name)?),
                _ => return Err(damaged("its pickle names a global by something else than texts")),
            },
            b'Q' => {
                let id = self.pop()?;
                let storage = self.persistent(&id)?;
                self.push(Object::Storage(storage));
            }
            b'R' => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let made = self.reduce(&callable, &arguments)?;
                self.stack.push(made);
            }
            // BUILD: the attributes of a state dict, its `_metadata`, say nothing of tensors.
            b'b' => {
                self.pop()?;
                self.top_dict()?;
            }
            other => {
                return Err(damaged(format!(
                    "its pickle holds the opcode 0x{other:02x}, which no state dict needs"
                )));
            }
        }
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, Refused> {
        if self.marks.last().is_some_and(|mark| *mark >= self.stack.len()) {
            return Err(damaged("its pickle takes more than it has put down"));
        }
        self.stack
            .pop()
            .ok_or_else(|| damaged("its pickle takes more than it has put down"))
    }

    fn push(&mut self, object: Object) {
        self.stack.push(Value::Object(self.objects.len()));
        self.objects.push(object);
    }

    fn since_mark(&mut self) -> Result<Vec<Value>, Refused> {
        let mark = self.marks.pop().ok_or_else(|| damaged("its pickle lacks a mark"))?;
        if mark > self.stack.len() {
            return Err(damaged("its pickle takes more than it has put down"));
        }
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, len: usize) -> Result<(), Refused> {
        let mut items = Vec::with_capacity(len);
        for _ in 0..len {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Object::Tuple(items));
        Ok(())
    }

    fn text(&mut self, len: u64, bytes: &mut Bytes<impl io::Read>) -> Result<(), Refused> {
        let text = text(bytes.many(len)?)?;
        self.stack.push(Value::Text(text.into()));
        Ok(())
    }

    fn memorize(&mut self, place: u32) -> Result<(), Refused> {
        let top = self
            .stack
            .last()
            .cloned()
            .ok_or_else(|| damaged("its pickle remembers nothing"))?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), Refused> {
        let value = self.memo.get(&place).cloned();
        self.stack
            .push(value.ok_or_else(|| damaged("its pickle recalls what it never remembered"))?);
        Ok(())
    }

    fn top(&mut self) -> Option<&mut Object> {
        match self.stack.last() {
            Some(Value::Object(place)) => self.objects.get_mut(*place),
            _ => None,
        }
    }

    fn list(&mut self) -> Result<&mut Vec<Value>, Refused> {
        match self.top() {
            Some(Object::List(items)) => Ok(items),
            _ => Err(damaged("its pickle appends to what is no list")),
        }
    }

    fn top_dict(&mut self) -> Result<&mut Vec<(Value, Value)>, Refused> {
        match self.top() {
            Some(Object::Dict(entries)) => Ok(entries),
            _ => Err(damaged("its pickle sets an entry of what is no dict")),
        }
    }

    /// `('storage', type, key, location, count)`, in the legacy format with a view of it, `(key, first, count)`, or `None`.
    fn persistent(&self, id: &Value) -> Result<StorageRef, Refused> {
        let wrong = || damaged("its pickle refers to something else than a storage");
        let (kind, ty, key, count, view) = match self.items(id).ok_or_else(wrong)? {
            [kind, ty, key, _, count] => (kind, ty, key, count, &Value::None),
            [kind, ty, key, _, count, view] => (kind, ty, key, count, view),
            _ => return Err(wrong()),
        };
        let (Value::Text(kind), Value::Global(Global::Storage(dtype, width)), Value::Text(key)) = (kind, ty, key)
        else {
            return Err(wrong());
        };
        if &**kind != "storage" {
            return Err(wrong());
        }
        let view = match (view, self.items(view)) {
            (Value::None, _) => None,
            (_, Some([_, first, count])) => Some((natural(first)?, natural(count)?)),
            _ => return Err(wrong()),
        };
        Ok(StorageRef {
            key: Rc::clone(key),
            dtype,
            width: *width,
            count: natural(count)?,
            view,
        })
    }

    fn reduce(&mut self, callable: &Value, arguments: &Value) -> Result<Value, Refused> {
        let wrong = || damaged("its pickle makes a tensor of something else than a storage and its shape");
        let Value::Global(global) = callable else {
            return Err(damaged("its pickle calls what is no function"));
        };
        let given = self.items(arguments).ok_or_else(wrong)?;
        let copied: usize = given
            .iter()
            .filter_map(|value| self.items(value))
            .map(<[Value]>::len)
            .sum();
        self.charge(given.len().saturating_add(copied))?;
        let arguments = self.items(arguments).ok_or_else(wrong)?.to_vec();
        let object = match (global, &arguments[..]) {
            (Global::OrderedDict, []) => Object::Dict(Vec::new()),
            (Global::OrderedDict, [entries]) => {
                let entries = self.items(entries).ok_or_else(wrong)?;
                let entries = entries.iter().map(|entry| match self.items(entry) {
                    Some([key, value]) => Ok((key.clone(), value.clone())),
                    _ => Err(damaged("its pickle holds a dict of something else than pairs")),
                });
                Object::Dict(entries.collect::<Result<_, _>>()?)
            }
            (Global::Size, [items]) => Object::Tuple(self.items(items).ok_or_else(wrong)?.to_vec()),
            // The tensor, whether it needs a gradient, hooks.
            (Global::RebuildParameter, [data, ..]) if self.tensor(data).is_some() => return Ok(data.clone()),
            (Global::RebuildTensor, [storage, offset, shape, strides, ..]) => {
                Object::Tensor(self.rebuilt(storage, offset, shape, strides)?)
            }
            _ => return Err(wrong()),
        };
        let place = self.objects.len();
        self.objects.push(object);
        Ok(Value::Object(place))
    }

    fn rebuilt(&self, storage: &Value, offset: &Value, shape: &Value, strides: &Value) -> Result<TensorRef, Refused> {
        let wrong = || damaged("its pickle makes a tensor of something else than a storage and its shape");
        let Value::Object(place) = storage else {
            return Err(wrong());
        };
        let Object::Storage(storage) = self.object(*place) else {
            return Err(wrong());
        };
        let numbers = |value: &Value| -> Result<Vec<u64>, Refused> {
            self.items(value).ok_or_else(wrong)?.iter().map(natural).collect()
        };
        let (shape, strides) = (numbers(shape)?, numbers(strides)?);
        if shape.len() != strides.len() {
            return Err(wrong());
        }
        let shape: Result<Vec<_>, _> = shape.into_iter().map(usize::try_from).collect();
        Ok(TensorRef {
            storage: storage.clone(),
            offset: natural(offset)?,
            shape: shape.map_err(|_| wrong())?,
            strides,
        })
    }
}

/// A whole number that is not negative.
fn natural(value: &Value) -> Result<u64, Refused> {
    match value {
        Value::Int(number) => {
            u64::try_from(*number).map_err(|_| damaged(format!("its pickle counts {number} of something")))
        }
        _ => Err(damaged("its pickle counts by something else than whole numbers")),
    }
}

/// A whole number in two's complement, little endian.
fn long(digits: &[u8]) -> Value {
    let fill = match digits.last() {
        Some(last) if last & 0x80 != 0 => 0xff,
        _ => 0,
    };
    let mut bytes = [fill; 8];
    match bytes.get_mut(..digits.len()) {
        Some(low) => {
            low.copy_from_slice(digits);
            Value::Int(i64::from_le_bytes(bytes))
        }
        None => Value::Big,
    }
}

fn pairs(items: Vec<Value>) -> Result<Vec<(Value, Value)>, Refused> {
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let Some(key) = items.next() {
        let value = items
            .next()
            .ok_or_else(|| damaged("its pickle holds a key without a value"))?;
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn global(module: &str, name: &str) -> Result<Value, Refused> {
    let known = GLOBALS.iter().find(|(m, n, _)| (*m, *n) == (module, name));
    match known {
        Some((_, _, global)) => Ok(Value::Global(*global)),
        None => {
            let shown: String = format!("{module}.{name}")
                .chars()
                .filter(|c| !c.is_control())
                .take(120)
                .collect();
            Err(Refused::Global(shown))
        }
    }
}
