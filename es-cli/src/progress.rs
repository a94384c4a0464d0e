//! [`ProgressBar`]: a bar on a terminal, plain lines otherwise.

use crate::output::can_draw;
use crate::text::{escaped, grouped};
use es_core::{Position, Progress};
use std::time::{Duration, Instant};

/// How often a plain line is written.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
/// How often a moving bar is looked at.
pub(crate) const DRAW_INTERVAL: Duration = Duration::from_millis(100);

/// How far a long piece of work is, on stderr: done and total, events per second and the time left.
///
/// On a terminal it is a bar. Otherwise it is a line at the beginning, one every ten seconds, and one at the end.
///
/// ```
/// # use es_cli::ProgressBar;
/// let rows = ["one", "two"];
/// let mut bar = ProgressBar::new("import", rows.len() as u64);
/// for (index, row) in rows.iter().enumerate() {
///     // … import the row …
///     bar.set(index as u64 + 1);
/// }
/// bar.finish();
/// ```
#[must_use]
pub struct ProgressBar {
    bar: Bar,
    progress: Progress,
    began: Instant,
}

impl ProgressBar {
    /// Begins work on `total` events.
    pub fn new(name: impl Into<String>, total: u64) -> Self {
        let (position, head) = (Position::START, Position::new(total));
        let progress = Progress { position, head, events: 0, elapsed: Duration::ZERO };
        let bars = can_draw().then(indicatif::MultiProgress::new);
        let (bar, line) = Bar::begin(name.into(), head, bars.as_ref());
        say(line);
        Self { bar, progress, began: Instant::now() }
    }

    /// Says that this many events are done.
    pub fn set(&mut self, done: u64) {
        self.progress.position = Position::new(done);
        self.progress.events = done;
        self.progress.elapsed = self.began.elapsed();
        say(self.bar.show(self.progress));
    }

    /// Says how many events there are after all.
    pub fn set_total(&mut self, total: u64) {
        self.progress.head = Position::new(total);
    }

    /// Takes the bar away, or writes the last line.
    pub fn finish(mut self) {
        self.progress.elapsed = self.began.elapsed();
        say(self.bar.end(&summary(self.progress)));
    }
}

impl std::fmt::Debug for ProgressBar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProgressBar").field("progress", &self.progress).finish_non_exhaustive()
    }
}

fn say(line: Option<String>) {
    use std::io::Write;
    if let Some(line) = line {
        // Progress is no data: nothing is lost with it.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// One bar of several, or its plain lines, which the caller writes.
pub(crate) struct Bar {
    name: String,
    drawn: Option<indicatif::ProgressBar>,
    said: Instant,
}

impl Bar {
    /// Begins; `bars` where they can be drawn. Gives the first plain line where they cannot.
    pub(crate) fn begin(
        name: String,
        head: Position,
        bars: Option<&indicatif::MultiProgress>,
    ) -> (Self, Option<String>) {
        let drawn = bars.map(|bars| {
            let bar = bars.add(indicatif::ProgressBar::new(head.value()));
            bar.set_style(style());
            bar.set_prefix(escaped(&name).into_owned());
            bar.tick();
            bar
        });
        let line = drawn.is_none().then(|| format!("{}: 0 of {}", escaped(&name), grouped(head.value())));
        (Self { name, drawn, said: Instant::now() }, line)
    }

    /// Shows the progress; gives a plain line when one is due.
    pub(crate) fn show(&mut self, progress: Progress) -> Option<String> {
        if let Some(bar) = &self.drawn {
            bar.set_length(progress.head.value());
            bar.set_message(amounts(progress));
            bar.set_position(progress.position.value());
            return None;
        }
        if self.said.elapsed() < PLAIN_INTERVAL {
            return None;
        }
        self.said = Instant::now();
        Some(format!("{}: {}", escaped(&self.name), amounts(progress)))
    }

    /// Takes the bar away; gives the last plain line, which says `how` it ended.
    pub(crate) fn end(&self, how: &str) -> Option<String> {
        self.clear();
        self.drawn.is_none().then(|| format!("{}: {how}", escaped(&self.name)))
    }

    /// Takes the bar away, and says nothing.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.drawn {
            bar.finish_and_clear();
        }
    }
}

fn style() -> indicatif::ProgressStyle {
    let style = indicatif::ProgressStyle::with_template("{prefix} [{bar:30}] {msg}");
    style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()).progress_chars("=> ")
}

/// `120,000 of 262,200, 45,120 events/s, 4 s left`.
fn amounts(progress: Progress) -> String {
    let Progress { position, head, .. } = progress;
    let mut text = format!("{} of {}", grouped(position.value()), grouped(head.value()));
    if progress.events > 0 {
        text.push_str(&format!(", {}", rate(progress)));
    }
    if let Some(left) = progress.time_left() {
        text.push_str(&format!(", {} left", lasting(left)));
    }
    text
}

/// `262,200 events in 5.8 s (45,206 events/s)`.
pub(crate) fn summary(progress: Progress) -> String {
    let seconds = progress.elapsed.as_secs_f64();
    let events = grouped(progress.events);
    let noun = if progress.events == 1 { "event" } else { "events" };
    format!("{events} {noun} in {seconds:.1} s ({})", rate(progress))
}

fn rate(progress: Progress) -> String {
    // A conversion that saturates: a rate beyond any integer is shown as the largest one.
    format!("{} events/s", grouped(progress.events_per_second().round() as u64))
}

/// `4 s`, `2 min 5 s`, `1 h 3 min`.
fn lasting(duration: Duration) -> String {
    // What is left of the last second still is a second to wait.
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{} h {minutes} min", grouped(hours)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: u64, total: u64, events: u64, elapsed_ms: u64) -> Progress {
        let elapsed = Duration::from_millis(elapsed_ms);
        Progress { position: Position::new(done), head: Position::new(total), events, elapsed }
    }

    #[test]
    fn a_line_says_how_much_how_fast_and_how_long() {
        let line = amounts(progress(120_000, 240_000, 60_000, 30_000));
        assert_eq!(line, "120,000 of 240,000, 2,000 events/s, 1 min 0 s left");
        assert_eq!(amounts(progress(0, 7, 0, 0)), "0 of 7");
        assert_eq!(
            summary(progress(240_000, 240_000, 180_000, 90_000)),
            "180,000 events in 90.0 s (2,000 events/s)"
        );
    }

    #[test]
    fn what_is_left_is_never_rounded_to_nothing() {
        let shown = [0, 1, 59_001, 3_600_000, 7_384_000].map(|ms| lasting(Duration::from_millis(ms)));
        assert_eq!(shown, ["0 s", "1 s", "1 min 0 s", "1 h 0 min", "2 h 3 min"]);
    }

    #[test]
    fn without_a_terminal_lines_come_at_the_beginning_and_at_the_end() {
        let (mut bar, begun) = Bar::begin("totals v1".into(), Position::new(2_000), None);
        assert_eq!(begun.as_deref(), Some("totals v1: 0 of 2,000"));
        assert_eq!(bar.show(progress(1_000, 2_000, 1_000, 500)), None);
        assert_eq!(bar.end("done").as_deref(), Some("totals v1: done"));
    }
}
