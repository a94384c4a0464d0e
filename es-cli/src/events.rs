//! `events`: the log of all streams.

mod grep;
mod show;
mod tail;

pub(crate) use grep::grep;
pub(crate) use show::{show, write};
pub(crate) use tail::tail;

use crate::Failure;
use crate::output::{Align, Table};
use crate::shown_event::ShownEvent;
use crate::streams::time;
use crate::text::{escaped, json_or_text};
use chrono::SecondsFormat;
use es_core::{Payload, Recorded};

/// How events are written: a line each, whose columns line up from the widest on, or as JSON.
enum Lines {
    Json,
    Columns(Table),
}

impl Lines {
    fn json(json: bool) -> Self {
        if json {
            return Self::Json;
        }
        Self::Columns(Table::new(&[
            ("position", Align::Right),
            ("recorded", Align::Left),
            ("stream", Align::Left),
            ("version", Align::Right),
            ("name", Align::Left),
            ("payload", Align::Left),
        ]))
    }

    fn line(&mut self, event: &Recorded<Payload>) -> Result<String, Failure> {
        let table = match self {
            Self::Json => return Ok(ShownEvent::in_log(event).line()?),
            Self::Columns(table) => table,
        };
        let row = vec![
            event.position.to_string(),
            time(event.recorded_at, SecondsFormat::Millis),
            escaped(event.stream.as_str()).into_owned(),
            event.version.to_string(),
            escaped(&event.name).into_owned(),
            json_or_text(&String::from_utf8_lossy(event.data.as_bytes())),
        ];
        table.fit(std::slice::from_ref(&row));
        Ok(table.row(row.iter().map(String::as_str)))
    }
}
