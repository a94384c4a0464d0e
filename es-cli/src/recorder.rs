//! The recorder of metrics that a process gets with its store, for `run --listen` to show at `/metrics`.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;

/// Upper bounds for what takes time: from a cached load to a database that hardly answers.
const SECONDS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds for how many there are at once: no batch and no append holds more than the last.
const COUNTS: &[f64] =
    &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0];
/// The ends of the names of histograms, and their buckets.
const BUCKETS: [(&str, &[f64]); 3] = [("_seconds", SECONDS), ("_events", COUNTS), ("_calls", COUNTS)];

/// What a histogram was told is kept one by one until then.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// `None` inside: the application has a recorder of its own.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
static UPKEEP: Mutex<Option<AbortHandle>> = Mutex::new(None);

/// Installs the recorder, where the process has none: before a store is opened, which takes its instruments then.
pub(crate) fn install() {
    let recorder = RECORDER.get_or_init(|| {
        // Another recorder is the application's choice, and stays.
        let recorder = builder().ok()?.install_recorder().ok()?;
        es_core::metrics::describe();
        Some(recorder)
    });
    if let Some(recorder) = recorder {
        keep_up(recorder);
    }
}

/// All metrics in the text format of Prometheus; `None` where the recorder of this process is not ours.
pub(crate) fn text() -> Option<String> {
    RECORDER.get()?.as_ref().map(PrometheusHandle::render)
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    BUCKETS.iter().try_fold(PrometheusBuilder::new(), |builder, (suffix, bounds)| {
        builder.set_buckets_for_metric(Matcher::Suffix((*suffix).to_owned()), bounds)
    })
}

/// One task for the process, which ends with its runtime. Where that has ended, the next one to open a store has it.
fn keep_up(recorder: &PrometheusHandle) {
    let mut upkeep = UPKEEP.lock().unwrap_or_else(PoisonError::into_inner);
    if upkeep.as_ref().is_none_or(AbortHandle::is_finished) {
        let recorder = recorder.clone();
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP_INTERVAL).await;
                recorder.run_upkeep();
            }
        });
        *upkeep = Some(task.abort_handle());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use es_core::metrics::{Kind, Label, METRICS};

    #[test]
    fn every_histogram_has_buckets() {
        let recorder = builder().unwrap().build_recorder();
        let histograms: Vec<_> = METRICS.iter().filter(|metric| metric.kind == Kind::Histogram).collect();
        metrics::with_local_recorder(&recorder, || {
            for histogram in &histograms {
                let value = |label: &Label| *label.values.first().unwrap_or(&"any");
                histogram.histogram(&histogram.labels.iter().map(value).collect::<Vec<_>>()).record(0.02);
            }
        });
        let text = recorder.handle().render();
        assert!(!histograms.is_empty());
        for histogram in histograms {
            let name = histogram.name;
            assert!(text.contains(&format!("# TYPE {name} histogram\n")), "{text}");
            assert!(text.contains(&format!("{name}_bucket{{")), "{text}");
        }
    }
}
