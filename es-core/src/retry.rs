//! [`Retry`].

use std::time::Duration;

/// How often to try again, and how long to wait before: exponential back-off with full jitter.
///
/// Source: M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Retry {
    attempts_max: u32,
    delay_first: Duration,
    delay_max: Duration,
}

impl Default for Retry {
    /// Ten attempts, after delays of up to 1, 2, 4, … 100 ms.
    fn default() -> Self {
        Self {
            attempts_max: 10,
            delay_first: Duration::from_millis(1),
            delay_max: Duration::from_millis(100),
        }
    }
}

impl Retry {
    /// Tries once and no more.
    pub fn never() -> Self {
        Self::default().with_attempts_max(1)
    }

    /// Sets how often to try in all; at least once.
    pub fn with_attempts_max(self, attempts_max: u32) -> Self {
        Self { attempts_max: attempts_max.max(1), ..self }
    }

    /// Sets the longest delay before the first retry; it doubles each time.
    pub fn with_delay_first(self, delay_first: Duration) -> Self {
        Self { delay_first, ..self }
    }

    /// Sets the longest delay there ever is.
    pub fn with_delay_max(self, delay_max: Duration) -> Self {
        Self { delay_max, ..self }
    }

    /// Whether one more attempt is allowed after `failed` of them.
    pub fn allows_after(&self, failed: u32) -> bool {
        failed < self.attempts_max
    }

    /// A random delay for the wait after `failed` attempts.
    pub fn delay(&self, failed: u32) -> Duration {
        self.longest_delay(failed).mul_f64(fastrand::f64())
    }

    fn longest_delay(&self, failed: u32) -> Duration {
        let doubled =
            2_u32.checked_pow(failed.saturating_sub(1)).and_then(|times| self.delay_first.checked_mul(times));
        doubled.unwrap_or(self.delay_max).min(self.delay_max)
    }

    /// Waits that delay.
    pub(crate) async fn back_off(&self, failed: u32) {
        tokio::time::sleep(self.delay(failed)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_their_maximum_and_attempts_end() {
        let retry = Retry::default();
        let longest: Vec<_> =
            [1, 2, 4, 8, 9, 50].map(|failed| retry.longest_delay(failed).as_millis()).into();
        assert_eq!(longest, [1, 2, 8, 100, 100, 100]);
        assert!(retry.delay(4) <= Duration::from_millis(8));
        assert!(retry.allows_after(9) && !retry.allows_after(10));
        assert!(!Retry::never().allows_after(1));
    }
}
