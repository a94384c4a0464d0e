//! `events grep`: events that contain a text.

use super::Lines;
use crate::output::Console;
use crate::scan::Scan;
use crate::{Failure, FailureKind, GrepArgs};
use es_core::{App, Metadata, Payload, Recorded};

pub(crate) async fn grep(app: &App, args: &GrepArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let mut scan = Scan::begin(app, "grep", args.selection.filter(), console).await?;
    let mut lines = Lines::json(args.json);
    let (mut found, limit) = (0, args.limit.unwrap_or(u64::MAX));
    while found < limit
        && let Some(page) = scan.next_page(console).await?
    {
        let hits = page.iter().filter(|event| contains(event, &args.text));
        let hits = hits.take(usize::try_from(limit - found).unwrap_or(usize::MAX));
        let hits = hits.map(|event| lines.line(event)).collect::<Result<Vec<_>, _>>()?;
        found += hits.len() as u64;
        scan.lines(&hits, console)?;
    }
    if found == 0 {
        let message = format!("no event up to position {} contains `{}`", scan.head(), args.text);
        let hint = "upper and lower case differ, and payloads are searched as the JSON that is stored";
        return Err(Failure::new(FailureKind::NotFound, message).with_hint(hint));
    }
    Ok(())
}

fn contains(event: &Recorded<Payload>, text: &str) -> bool {
    String::from_utf8_lossy(event.data.as_bytes()).contains(text) || says(&event.metadata, text)
}

fn says(metadata: &Metadata, text: &str) -> bool {
    let ids = [metadata.correlation_id, metadata.causation_id];
    metadata.actor().is_some_and(|actor| actor.contains(text))
        || metadata.extras().any(|(_, value)| value.contains(text))
        || metadata.command_id.as_ref().is_some_and(|id| id.as_str().contains(text))
        || ids.into_iter().flatten().any(|id| id.to_string().contains(text))
        || metadata.traceparent.is_some_and(|trace| trace.to_string().contains(text))
}
