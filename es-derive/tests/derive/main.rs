//! What the derives write, and what they say when they refuse.

mod aggregate;
mod event;
mod ui;
mod union;
