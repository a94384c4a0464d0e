//! What the libraries count and time, through the facade of the crate `metrics`.
//!
//! Install a recorder, call [`describe`], and only then open stores and make repositories and projectors: each takes
//! its instruments when it is made, and what was made before reports nothing, for good. Without a recorder they are
//! empty, and counting costs a branch. All metrics with their meaning are in `docs/OBSERVABILITY.md`.
//!
//! ```
//! // Here an application installs its recorder, for example that of metrics-exporter-prometheus.
//! es_core::metrics::describe();
//! for metric in es_core::metrics::METRICS {
//!     assert!(metric.name.starts_with("es_"));
//! }
//! ```

mod metric;
mod table;

pub use metric::{Kind, Label, Metric};
pub use table::*;

/// Tells the installed recorder the kind, the unit and the meaning of every metric.
pub fn describe() {
    METRICS.iter().for_each(Metric::describe);
}
