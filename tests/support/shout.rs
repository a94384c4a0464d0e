//! [`shout`].

use std::io::Write;

/// Writes to stderr itself: what `eprintln!` says is hidden where a test passes.
pub fn shout(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // A closed stderr is no reason to fail a test.
    let _ = writeln!(stderr, "{text}");
}
