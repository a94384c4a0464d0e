//! [`Recorder`]: keeps all that it is told, and can be asked at any time without forgetting it.

use es_core::metrics::{Kind, METRICS};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// What was told under one name and labels. Each kind uses its own field.
#[derive(Default)]
struct Told {
    counter: Mutex<u64>,
    gauge: Mutex<Option<f64>>,
    histogram: Mutex<Vec<f64>>,
}

type Description = (Kind, Option<Unit>, String);

#[derive(Default)]
pub struct Recorder {
    told: Mutex<BTreeMap<String, (Kind, Arc<Told>)>>,
    described: Mutex<BTreeMap<String, Description>>,
}

impl Recorder {
    /// The value of a counter, by a text such as `es_appends_total account written`.
    pub fn counter(&self, metric: &str) -> u64 {
        *self.get(metric, Kind::Counter).counter.lock().unwrap()
    }

    pub fn gauge(&self, metric: &str) -> f64 {
        self.get(metric, Kind::Gauge)
            .gauge
            .lock()
            .unwrap()
            .unwrap_or_else(|| panic!("{metric} was never set"))
    }

    pub fn histogram(&self, metric: &str) -> Vec<f64> {
        self.get(metric, Kind::Histogram).histogram.lock().unwrap().clone()
    }

    /// The metrics that something was told of, by their names alone.
    pub fn emitted(&self) -> BTreeSet<String> {
        let told = self.told.lock().unwrap();
        let is_emitted = |told: &Told| {
            *told.counter.lock().unwrap() > 0
                || told.gauge.lock().unwrap().is_some()
                || !told.histogram.lock().unwrap().is_empty()
        };
        let emitted = told.iter().filter(|(_, (_, told))| is_emitted(told));
        emitted.filter_map(|(metric, _)| metric.split(' ').next()).map(str::to_owned).collect()
    }

    /// Every metric was described as the table has it.
    pub fn assert_described(&self) {
        let described = self.described.lock().unwrap();
        for metric in METRICS {
            let (kind, unit, about) = &described[metric.name];
            assert_eq!((*kind, *unit, about.as_str()), (metric.kind, Some(metric.unit), metric.about));
        }
        assert_eq!(described.len(), METRICS.len());
    }

    fn get(&self, metric: &str, kind: Kind) -> Arc<Told> {
        let told = self.told.lock().unwrap();
        let Some((found, told)) = told.get(metric) else {
            panic!("nobody knows `{metric}`, only {:#?}", told.keys());
        };
        assert_eq!(*found, kind, "{metric}");
        told.clone()
    }

    /// The labels must be exactly those of the table, in its order and with its values.
    fn register(&self, key: &Key, kind: Kind) -> Arc<Told> {
        let metric = METRICS.iter().find(|metric| metric.name == key.name());
        let Some(metric) = metric.filter(|_| key.name().starts_with("es_")) else {
            panic!("{key} is not in the table");
        };
        let names: Vec<_> = key.labels().map(metrics::Label::key).collect();
        assert_eq!(names, metric.labels.iter().map(|label| label.name).collect::<Vec<_>>(), "{key}");
        for (label, told) in metric.labels.iter().zip(key.labels()) {
            assert!(label.values.is_empty() || label.values.contains(&told.value()), "{key}");
        }
        let values = key.labels().map(|label| format!(" {}", label.value()));
        let text = format!("{}{}", key.name(), values.collect::<String>());
        self.told.lock().unwrap().entry(text).or_insert_with(|| (kind, Arc::default())).1.clone()
    }

    fn describe(&self, key: &KeyName, kind: Kind, unit: Option<Unit>, about: &str) {
        self.described.lock().unwrap().insert(key.as_str().to_owned(), (kind, unit, about.to_owned()));
    }
}

impl CounterFn for Told {
    fn increment(&self, value: u64) {
        *self.counter.lock().unwrap() += value;
    }

    fn absolute(&self, _: u64) {
        panic!("no counter is set");
    }
}

impl GaugeFn for Told {
    fn increment(&self, value: f64) {
        *self.gauge.lock().unwrap().get_or_insert_default() += value;
    }

    fn decrement(&self, value: f64) {
        *self.gauge.lock().unwrap().get_or_insert_default() -= value;
    }

    fn set(&self, value: f64) {
        *self.gauge.lock().unwrap() = Some(value);
    }
}

impl HistogramFn for Told {
    fn record(&self, value: f64) {
        self.histogram.lock().unwrap().push(value);
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, about: SharedString) {
        self.describe(&key, Kind::Counter, unit, &about);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, about: SharedString) {
        self.describe(&key, Kind::Gauge, unit, &about);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, about: SharedString) {
        self.describe(&key, Kind::Histogram, unit, &about);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.register(key, Kind::Counter))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.register(key, Kind::Gauge))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.register(key, Kind::Histogram))
    }
}
