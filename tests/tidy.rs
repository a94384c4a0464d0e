//! What a machine can check about this repository, so that reviewers need not.
//!
//! Each file holds one rule: a function from text to violations, a test that runs it over the workspace, and a test
//! with a planted violation, because a check that cannot fail is worth nothing.

// The files lie in `tidy/`, beside this one.
mod tidy {
    mod changelog;
    mod contents;
    mod floors;
    mod forbidden;
    mod invariants;
    mod lengths;
    mod licences;
    mod lints;
    mod metrics;
    mod ops;
    mod words;

    mod metadata;
    mod promql;
    mod source;
    mod tokens;
    mod tree;

    /// Fails with every violation at once, one a line.
    #[track_caller]
    fn assert_none(violations: &[String]) {
        assert!(violations.is_empty(), "{} found:\n  {}", violations.len(), violations.join("\n  "));
    }
}
