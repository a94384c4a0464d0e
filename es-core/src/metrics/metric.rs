//! [`Metric`].

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

/// One thing that is counted or timed: what a recorder is told of it.
///
/// Labels are few and bounded: what the application declares (categories, projections) and short lists of words. Never
/// a stream, a key, an id or anything of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// As it is exported; a counter's ends with `_total`.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// What one is of.
    pub unit: Unit,
    /// Its labels, in the order in which values are given.
    pub labels: &'static [Label],
    /// What it says, in a sentence.
    pub about: &'static str,
}

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from zero at the start of the process.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

impl Kind {
    /// Its name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A label of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// All values it ever has; empty where they are what the application declares.
    pub values: &'static [&'static str],
}

impl Metric {
    /// The counter for these values of its labels in their order.
    ///
    /// # Panics
    /// When it is no counter, has other labels, or a value is not on its label's list.
    pub fn counter(&self, values: &[&str]) -> Counter {
        counter!(self.name, self.labelled(Kind::Counter, values))
    }

    /// The gauge for these values of its labels in their order.
    ///
    /// # Panics
    /// When it is no gauge, has other labels, or a value is not on its label's list.
    pub fn gauge(&self, values: &[&str]) -> Gauge {
        gauge!(self.name, self.labelled(Kind::Gauge, values))
    }

    /// The histogram for these values of its labels in their order.
    ///
    /// # Panics
    /// When it is no histogram, has other labels, or a value is not on its label's list.
    pub fn histogram(&self, values: &[&str]) -> Histogram {
        histogram!(self.name, self.labelled(Kind::Histogram, values))
    }

    pub(super) fn describe(&self) {
        match self.kind {
            Kind::Counter => describe_counter!(self.name, self.unit, self.about),
            Kind::Gauge => describe_gauge!(self.name, self.unit, self.about),
            Kind::Histogram => describe_histogram!(self.name, self.unit, self.about),
        }
    }

    fn labelled(&self, kind: Kind, values: &[&str]) -> Vec<metrics::Label> {
        assert_eq!(self.kind, kind, "{} is another kind of metric", self.name);
        assert_eq!(self.labels.len(), values.len(), "{} has other labels", self.name);
        let labels = self.labels.iter().zip(values);
        labels.map(|(label, value)| label.with(value, self.name)).collect()
    }
}

impl Label {
    fn with(&self, value: &str, metric: &str) -> metrics::Label {
        let known = self.values.iter().find(|known| **known == value);
        match known {
            Some(known) => metrics::Label::new(self.name, *known),
            None => {
                assert!(self.values.is_empty(), "{metric} knows no {} `{value}`", self.name);
                metrics::Label::new(self.name, value.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{APPENDS, METRICS};

    #[test]
    fn names_follow_the_conventions_and_occur_once() {
        for metric in METRICS {
            let Metric { name, kind, unit, .. } = metric;
            assert!(name.starts_with("es_"), "{name}");
            assert!(name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()), "{name}");
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert_eq!(*unit == Unit::Seconds, name.ends_with("_seconds"), "{name}");
            assert_eq!(METRICS.iter().filter(|other| other.name == *name).count(), 1, "{name}");
            assert!(metric.about.ends_with('.') && metric.about.is_ascii(), "{name}");
        }
    }

    #[test]
    fn a_value_that_is_not_listed_is_refused() {
        let tried =
            |values: &'static [&'static str]| std::panic::catch_unwind(|| drop(APPENDS.counter(values)));
        assert!(tried(&["account", "written"]).is_ok());
        assert!(tried(&["account", "lost"]).is_err());
        assert!(tried(&["account"]).is_err());
        assert!(std::panic::catch_unwind(|| drop(APPENDS.gauge(&["account", "written"]))).is_err());
    }
}
