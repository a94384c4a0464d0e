//! The log as text: where it comes from, and what each of its lines asks for.

mod digest;
mod generator;
mod row;
mod source;

pub use digest::Digest;
pub use row::Row;
pub use source::Source;
