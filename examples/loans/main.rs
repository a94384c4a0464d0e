//! Loans.
#![allow(missing_docs, dead_code, unused_imports)]
mod domain;
mod log;
mod views;
fn main() {}
