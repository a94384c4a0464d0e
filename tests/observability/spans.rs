//! The spans are those of the page, with its fields; traces are found again where their events are projected.

use super::bank::{Account, Deposit, Movements};
use es_core::{Metadata, Projector, Repository, TraceParent};
use es_memory::MemoryStore;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata as SpanMetadata, Subscriber};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A span as a subscriber sees it.
#[derive(Debug, Default, Clone)]
struct Seen {
    name: &'static str,
    level: String,
    /// The names of all its fields, in their order.
    fields: Vec<String>,
    parent: Option<&'static str>,
    values: BTreeMap<&'static str, String>,
}

/// Keeps the spans of this workspace.
#[derive(Clone, Default)]
struct Spans {
    seen: Arc<Mutex<Vec<Seen>>>,
    entered: Arc<Mutex<Vec<u64>>>,
}

impl Spans {
    fn named(&self, name: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|span| span.name == name).cloned().collect()
    }
}

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.values.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.values.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &SpanMetadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("es_")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut seen = self.seen.lock().unwrap();
        let parent = self.entered.lock().unwrap().last().map(|id| seen[*id as usize - 1].name);
        let metadata = span.metadata();
        let fields = metadata.fields().iter().map(|field| field.name().to_owned()).collect();
        let level = metadata.level().to_string().to_lowercase();
        let mut new = Seen { name: metadata.name(), level, fields, parent, values: BTreeMap::new() };
        span.record(&mut new);
        seen.push(new);
        Id::from_u64(seen.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut self.seen.lock().unwrap()[span.into_u64() as usize - 1]);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        self.entered.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.entered.lock().unwrap().pop();
    }
}

/// Three commands, two of them of one trace and the last one rejected or not, and a projection in two batches.
fn seen() -> Spans {
    let spans = Spans::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(spans.clone(), || {
        runtime.block_on(async {
            let store = MemoryStore::default();
            let accounts = Repository::<Account>::new(store.clone());
            let trace: TraceParent = TRACE.parse().unwrap();
            let traced = accounts.with(Metadata::new().traced(trace));
            traced.execute("secret".to_owned(), Deposit(1)).await.unwrap();
            traced.execute("secret".to_owned(), Deposit(2)).await.unwrap();
            accounts.execute("secret".to_owned(), Deposit(3)).await.unwrap();
            Projector::<Movements>::new(store).with_batch_events_max(2).catch_up().await.unwrap();
        });
    });
    spans
}

/// The rows of the page's table: name, level, fields.
fn documented() -> Vec<(String, String, Vec<String>)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/OBSERVABILITY.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## Spans\n").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        (words(cells[1]).remove(0), cells[2].to_owned(), words(cells[3]))
    })
    .collect()
}

#[test]
fn the_spans_are_those_of_the_page() {
    let spans = seen();
    let documented = documented();
    assert_eq!(documented.len(), 4);
    for (name, level, fields) in &documented {
        let named = spans.named(name);
        assert!(!named.is_empty(), "{name}");
        for span in named {
            assert_eq!((&span.level, &span.fields), (level, fields), "{name}");
        }
    }
    let seen = spans.seen.lock().unwrap();
    for span in seen.iter() {
        assert!(documented.iter().any(|(name, ..)| name == span.name), "{}", span.name);
        assert!(!span.values.values().any(|value| value.contains("secret")), "a key is shown: {span:?}");
    }
}

#[test]
fn a_trace_is_found_from_its_command_to_the_projections_of_its_events() {
    let spans = seen();
    let values = |name: &str, field: &str| -> Vec<Option<String>> {
        spans.named(name).iter().map(|span| span.values.get(field).cloned()).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(values("execute", "traceparent"), [some(TRACE), some(TRACE), None]);
    assert_eq!(values("execute", "outcome"), [some("done"), some("done"), some("done")]);
    assert_eq!(values("append", "outcome"), [some("written"), some("written"), some("written")]);
    assert_eq!(values("load", "events"), [some("0"), some("1"), some("2")]);
    assert!(
        spans.named("append").iter().chain(&spans.named("load")).all(|span| span.parent == Some("execute"))
    );
    assert_eq!(values("batch", "projection"), [some("movements"), some("movements")]);
    assert_eq!(values("batch", "events"), [some("2"), some("1")]);
    assert_eq!(values("batch", "traceparents"), [some(TRACE), None], "once for both events");
    assert_eq!(values("batch", "traceparents_more"), [some("0"), None]);
}
