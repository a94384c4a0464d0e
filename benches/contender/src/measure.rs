//! [`Meter`]: what a stretch of work costs.

use crate::usage::{cpu_of, own_cpu, peak_kib};
use crate::{Latency, Outcome};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Runs while something is measured.
pub(crate) struct Meter {
    server: Option<u32>,
    server_cpu: f64,
    client_cpu: f64,
    began: Instant,
}

impl Meter {
    pub(crate) fn start(server: Option<u32>) -> Self {
        let server_cpu = server.map_or(0.0, cpu_of);
        Self { server, server_cpu, client_cpu: own_cpu(), began: Instant::now() }
    }

    pub(crate) fn stop(self) -> Outcome {
        Outcome {
            seconds: self.began.elapsed().as_secs_f64(),
            client_cpu: own_cpu() - self.client_cpu,
            server_cpu: self.server.map_or(0.0, cpu_of) - self.server_cpu,
            peak_kib: peak_kib(),
            ..Outcome::default()
        }
    }
}

/// How long calls took.
pub(crate) struct Times(Histogram<u64>);

impl Times {
    pub(crate) fn new() -> Self {
        Self(Histogram::new(3).expect("three digits are allowed"))
    }

    pub(crate) fn record(&mut self, time: Duration) {
        // It grows with what it is given.
        self.0 += time.as_nanos() as u64;
    }

    pub(crate) fn add(&mut self, others: &Self) {
        self.0.add(&others.0).expect("both have three digits");
    }

    pub(crate) fn latency(&self) -> Latency {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1_000.0;
        Latency { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
    }
}
