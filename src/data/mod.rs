//! Pictures: decoded and transformed once into one prepared file, then read as normalised samples.

mod array;
mod breast;
mod decode;
mod error;
mod global;
mod prepare;
mod prepared;
mod sample;
mod source;
mod transform;

pub use array::Array;
pub use decode::{Picture, Samples};
pub use error::DataError;
pub use global::{GLOBAL_NUMBERS, global_numbers};
pub use prepare::prepare;
pub use prepared::{Prepared, normalize};
pub use sample::write_sample;
