//! [`Orders`]: what the run wants of its workers at the moment.

use anyhow::{Context, Result};
use es_core::Position;
use std::time::Duration;
use tokio::sync::watch;

/// The phases of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Safety: everybody works.
    Work,
    /// Liveness: whoever writes comes to an end.
    Drain,
    /// Liveness: whoever reads comes to an end behind this position.
    Until(Position),
}

/// A worker's ear. A clone hears the same.
#[derive(Debug, Clone)]
pub struct Orders(watch::Receiver<Phase>);

impl Phase {
    /// How it is said to another process.
    pub fn to_line(self) -> String {
        match self {
            Self::Work => "work\n".to_owned(),
            Self::Drain => "drain\n".to_owned(),
            Self::Until(position) => format!("{position}\n"),
        }
    }

    fn from_line(line: &str) -> Result<Self> {
        match line.trim() {
            "work" => Ok(Self::Work),
            "drain" => Ok(Self::Drain),
            number => {
                let number = number.parse().with_context(|| format!("`{number}` is no order"))?;
                Ok(Self::Until(Position::new(number)))
            }
        }
    }
}

impl Orders {
    /// What is said here is heard there.
    pub fn new() -> (watch::Sender<Phase>, Self) {
        let (say, hear) = watch::channel(Phase::Work);
        (say, Self(hear))
    }

    /// Orders that come as lines of the standard input, from the process that started this one. When that is gone, so
    /// is this one.
    pub fn from_stdin() -> Self {
        let (say, orders) = Self::new();
        // A thread that nobody waits for: a runtime would wait for the next line before it ends.
        std::thread::spawn(move || {
            for line in std::io::stdin().lines().map_while(Result::ok) {
                match Phase::from_line(&line) {
                    Ok(phase) => drop(say.send_replace(phase)),
                    Err(error) => eprintln!("{error:#}"),
                }
            }
            std::process::exit(0)
        });
        orders
    }

    /// The phase.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Whether writers work.
    pub fn is_work(&self) -> bool {
        self.phase() == Phase::Work
    }

    /// Whether the safety phase is over.
    pub fn is_over(&self) -> bool {
        !self.is_work()
    }

    /// Where readers come to an end, once they are to.
    pub fn until(&self) -> Option<Position> {
        match self.phase() {
            Phase::Until(position) => Some(position),
            Phase::Work | Phase::Drain => None,
        }
    }

    /// Returns after `duration`, or when the phase changes. Nobody waits for something here: this is the pace of an
    /// operation, or the length of a fault.
    pub async fn pause(&mut self, duration: Duration) {
        if let Ok(Err(_)) = tokio::time::timeout(duration, self.0.changed()).await {
            // Nobody can say anything any more: the run is at its end.
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_heard_as_it_was_said() {
        for phase in [Phase::Work, Phase::Drain, Phase::Until(Position::new(17))] {
            assert_eq!(Phase::from_line(&phase.to_line()).unwrap(), phase);
        }
        assert!(Phase::from_line("rest").is_err());
    }

    #[tokio::test]
    async fn a_pause_ends_when_the_phase_changes() {
        let (say, mut orders) = Orders::new();
        orders.pause(Duration::ZERO).await;
        assert!(orders.is_work());
        say.send_replace(Phase::Drain);
        orders.pause(Duration::from_secs(3_600)).await;
        assert!(orders.is_over());
    }
}
