//! [`Console`] and [`Table`]: where the answer goes, and how rows line up.

use crate::Failure;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// How often a pipe is asked for its reader.
const PIPE_INTERVAL: Duration = Duration::from_millis(250);

/// Data goes to `out`, everything else to `err`.
pub(crate) struct Console<'a> {
    out: &'a mut (dyn Write + Send),
    err: &'a mut (dyn Write + Send),
    has_bars: bool,
    has_colors: bool,
}

impl<'a> Console<'a> {
    /// The streams of the process, which may be terminals, and take colors out where they are not.
    pub(crate) fn on_terminal(out: &'a mut (dyn Write + Send), err: &'a mut (dyn Write + Send)) -> Self {
        Self { out, err, has_bars: can_draw(), has_colors: true }
    }

    /// Anything else.
    pub(crate) fn on_file(out: &'a mut (dyn Write + Send), err: &'a mut (dyn Write + Send)) -> Self {
        Self { out, err, has_bars: false, has_colors: false }
    }

    /// Whether a progress bar may be drawn.
    pub(crate) fn has_bars(&self) -> bool {
        self.has_bars
    }

    /// Whether it writes to the streams of the process.
    pub(crate) fn is_process(&self) -> bool {
        self.has_colors
    }

    /// Waits until nobody can read the data any more; for ever where that cannot be noticed without writing.
    pub(crate) fn unread(&self) -> impl Future<Output = ()> + use<> {
        let is_process = self.is_process();
        async move {
            while !(is_process && is_closed_pipe()) {
                tokio::time::sleep(PIPE_INTERVAL).await;
            }
        }
    }

    /// Writes one line of data.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Writes a line that is no data.
    pub(crate) fn note(&mut self, text: impl Display) {
        // Nobody is told less than the data says when stderr is closed.
        let _ = writeln!(self.err, "{text}");
    }

    /// Tells of a failure that does not end the command.
    pub(crate) fn report(&mut self, failure: &Failure) {
        let report = if self.has_colors { failure.colored_report() } else { failure.report() };
        let _ = write!(self.err, "{report}");
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }
}

/// Whether stdout is a pipe whose reader has gone.
#[cfg(unix)]
fn is_closed_pipe() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = std::io::stdout();
    let mut pipes = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut pipes, Some(&now)).is_ok() && pipes[0].revents().contains(PollFlags::ERR)
}

#[cfg(not(unix))]
fn is_closed_pipe() -> bool {
    false
}

/// Whether stderr is a terminal that can move its cursor.
pub(crate) fn can_draw() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Rows of cells that line up; the last column is as wide as it wants to be.
///
/// Rows may come in pages: a later page is never narrower than an earlier one.
pub(crate) struct Table {
    columns: Vec<Column>,
}

struct Column {
    title: &'static str,
    align: Align,
    width: usize,
}

/// On which side a column is even.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        let column = |&(title, align): &(&'static str, Align)| Column { title, align, width: title.len() };
        Self { columns: columns.iter().map(column).collect() }
    }

    /// Makes the columns wide enough for `rows`.
    pub(crate) fn fit(&mut self, rows: &[Vec<String>]) {
        for row in rows {
            for (column, cell) in self.columns.iter_mut().zip(row) {
                column.width = column.width.max(cell.chars().count());
            }
        }
    }

    pub(crate) fn header(&self) -> String {
        self.row(self.columns.iter().map(|column| column.title))
    }

    pub(crate) fn row<'a>(&self, cells: impl IntoIterator<Item = &'a str>) -> String {
        let mut line = String::new();
        for (index, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            if index > 0 {
                line.push_str("  ");
            }
            let width = column.width;
            line.push_str(&match column.align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_line_up_and_later_pages_may_be_wider() {
        let mut table = Table::new(&[("n", Align::Right), ("name", Align::Left), ("rest", Align::Left)]);
        table.fit(&[vec!["10".into(), "ünï".into(), "x".into()]]);
        assert_eq!(table.header(), " n  name  rest");
        assert_eq!(table.row(["10", "ünï", "x"]), "10  ünï   x");
        table.fit(&[vec!["1000".into(), "a".into(), String::new()]]);
        assert_eq!(table.row(["1", "a", ""]), "   1  a");
    }
}
