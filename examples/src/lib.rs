//! Programs to learn from, smallest first: `bank` is one file, `loans` runs a real business log.
