//! Stands in for a package that is never built.
