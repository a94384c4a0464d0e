//! Names and payloads that want to break out: kept as they are, or refused.

mod injections;

use crate::Subject;
use crate::fixtures::{append, appended, command_id, event, store, stream, whole_log, whole_stream};
use es_core::{
    Append, AppendError, CheckpointStore, CommandId, Commit, Cursor, EventStore, Expected, Filter,
    GenerationState, InvalidName, Lease, LimitError, Metadata, Position, ProjectionId, StoreError, StreamId,
    ViewStore, ViewWrite,
};
use injections::injections;
use std::time::Duration;
use uuid::Uuid;

/// What a key may be: any text without control characters.
fn printable(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

pub async fn se_01_hostile_stream_keys_and_command_ids_are_kept_literally(subject: &dyn Subject) {
    let store = store(subject).await;
    let all = injections();
    assert!(all.len() >= 200, "only {} injections", all.len());
    let keys: Vec<_> = all.iter().filter(|text| printable(text)).collect();
    for text in &keys {
        let mut append = Append { command_id: Some(command_id(text)), ..append(text, 1) };
        append.events[0].metadata = Metadata::new().by(text).command(command_id(text)).with(text, text);
        append.events[0].payload = es_core::Payload::new(serde_json::to_vec(text).unwrap());
        let answer = appended(&store, append.clone()).await;
        assert_eq!(answer.version.value(), 1, "{text:?} is a stream of its own");
        let (of, kept) = store.answered(&command_id(text)).await.unwrap().unwrap();
        assert_eq!((of.key(), &kept.positions), (text.as_str(), &answer.positions));
        let read = whole_stream(&store, &stream(text)).await;
        assert_eq!(read[0].metadata, append.events[0].metadata, "{text:?}");
        assert_eq!(read[0].data, append.events[0].payload, "{text:?}");
    }
    let log = whole_log(&store).await;
    assert_eq!(log.iter().map(|event| event.stream.key()).collect::<Vec<_>>(), keys);
}

pub async fn se_01_hostile_names_are_refused_by_their_alphabet(subject: &dyn Subject) {
    let store = store(subject).await;
    let dotted = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'))
    };
    for text in injections() {
        let mut append = append("a", 1);
        append.events[0].name = text.clone().into();
        match store.append(append).await {
            Ok(_) => assert!(dotted(&text), "{text:?} leaves the alphabet of names"),
            Err(AppendError::Store(StoreError::InvalidName(_))) => assert!(!dotted(&text), "{text:?}"),
            Err(other) => panic!("{text:?}: {other:?}"),
        }
        assert_eq!(ProjectionId::new(&text, 1).is_ok(), dotted(&text), "{text:?}");
        let category = dotted(&text) && !text.contains('.');
        assert_eq!(StreamId::new(&text, 1).is_ok_and(|id| id.category() == text), category, "{text:?}");
        let filter = Filter::default().category(&text).name(&text).names_under(&text);
        store.read_all(Position::START, &filter, 10).await.unwrap();
    }
    assert!(whole_log(&store).await.iter().all(|event| dotted(&event.name)));
}

pub async fn se_01_hostile_view_keys_are_kept_literally(subject: &dyn Subject) {
    let store = store(subject).await;
    let answer = appended(&store, append("a", 1)).await;
    let event_id = whole_log(&store).await[0].event_id;
    let lease = Lease {
        of: GenerationState::Live,
        shard: es_core::Shard::WHOLE,
        owner: Uuid::now_v7(),
        duration: Duration::from_secs(60),
        begin: None,
        takes_over: false,
    };
    let projection = crate::fixtures::projection("hostile");
    let grant = store.acquire(&projection, lease).await.unwrap().unwrap();
    let keys: Vec<String> = injections().into_iter().filter(|text| printable(text)).collect();
    let view = |key: &String| serde_json::to_string(key).unwrap();
    let writes = keys.iter().map(|key| ViewWrite { key: key.clone(), view: Some(view(key)) }).collect();
    let to = Some(Cursor { position: answer.position, event_id });
    store.commit(Commit { grant: grant.clone(), to, writes, letters: Vec::new() }).await.unwrap();
    for key in &keys {
        assert_eq!(store.view(&projection, key).await.unwrap(), Some(view(key)), "{key:?}");
    }
    let loaded = store.load_views(grant.generation, &keys).await.unwrap();
    assert_eq!(loaded, keys.iter().map(|key| Some(view(key))).collect::<Vec<_>>());
    let mut sorted = keys;
    sorted.sort_unstable();
    let listed = store.views(&projection, None, 10_000).await.unwrap();
    assert_eq!(listed.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), sorted);

    // Also those that no database may hold are looked for, and a place in the order.
    for text in injections().into_iter().filter(|text| !printable(text)).chain([format!("{}\0", sorted[7])]) {
        assert_eq!(store.view(&projection, &text).await.unwrap(), None, "{text:?}");
        let pair = [text.clone(), sorted[0].clone()];
        let loaded = store.load_views(grant.generation, &pair).await.unwrap();
        assert_eq!(loaded, [None, Some(view(&sorted[0]))], "{text:?}");
        let behind = sorted.iter().find(|key| **key > text);
        let first = |listed: Vec<(String, String)>| listed.into_iter().next().map(|(key, _)| key);
        let listed = first(store.views(&projection, Some(&text), 1).await.unwrap());
        assert_eq!(listed.as_ref(), behind, "{text:?}");
        let listed = first(store.generation_views(grant.generation, Some(&text), 1).await.unwrap());
        assert_eq!(listed.as_ref(), behind, "{text:?}");
    }
}

pub async fn se_03_keys_have_one_alphabet_and_are_never_folded(subject: &dyn Subject) {
    let store = store(subject).await;
    let longest = "x".repeat(512 - "account-".len());
    let refused =
        ["", "a\0b", "a\r\nb", "\t", "\u{7f}", "\u{85}", &format!("{longest}x"), &"x".repeat(1 << 20)];
    for key in refused {
        assert!(StreamId::new("account", key).is_err(), "{:?}", &key[..key.len().min(20)]);
    }
    let wide = "é".repeat(252);
    // Pairs that some folding would make one: case, Unicode form, spaces, what is invisible, width.
    let kept = [
        "a",
        "A",
        "\u{e9}",
        "e\u{301}",
        "\u{c9}",
        "ss",
        "ß",
        "i",
        "İ",
        "ı",
        " a",
        "a ",
        "a  ",
        " ",
        "a\u{200b}",
        "a\u{feff}",
        "ａ",
        "\u{212b}",
        "\u{c5}",
        "A\u{30a}",
        "1",
        "01",
        "1.0",
        "-",
        "--",
        &longest,
        &wide,
        "\u{202e}a",
        "ﬁ",
        "fi",
        "K",
        "\u{212a}",
    ];
    for key in kept {
        let answer = appended(&store, append(key, 1)).await;
        assert_eq!(answer.version.value(), 1, "{key:?} is no other key");
        assert!(!appended(&store, crate::fixtures::command("commands", key, 1)).await.repeated, "{key:?}");
    }
    for key in kept {
        let events = whole_stream(&store, &stream(key)).await;
        assert_eq!(events.len(), 1, "{key:?}");
        assert_eq!(events[0].stream.key(), key);
    }
    let too_long: Result<CommandId, InvalidName> = CommandId::new("x".repeat(513));
    assert!(too_long.is_err() && CommandId::new("x".repeat(512)).is_ok());
    assert!(CommandId::new("").is_err() && CommandId::new("a\0").is_err());
}

pub async fn se_09_json_comes_back_byte_for_byte(subject: &dyn Subject) {
    let store = store(subject).await;
    let documents: &[&[u8]] = &[
        br#""\u0000""#,
        br#"{"a\u0000b":"\u0000"}"#,
        br#"{"a":1,"a":2}"#,
        br#"{"z":1,"a":2,"10":3,"9":4}"#,
        b"[-0.0,0.0,-0,0]",
        b"[1E2,1e2,100,1.0e+2,1.00]",
        b"18446744073709551616",
        b"-170141183460469231731687303715884105728",
        b"0.1000000000000000055511151231257827",
        b"1e-400",
        b" { \"a\" :\t[ 1 ,\r\n2 ] } ",
        br#"["\ud83d\ude00","\u00e9","\u0065\u0301","\/","\u2028"]"#,
        "[\"\u{1f600}\u{e9}e\u{301}\u{2028}\u{feff}\"]".as_bytes(),
        br#"{"__proto__":1,"$1":"$$","":null}"#,
        b"null",
        b"true",
        b"\"\"",
    ];
    let events = documents.iter().map(|json| event("account.changed", *json)).collect();
    appended(&store, Append::new(stream("a"), Expected::Any, events)).await;
    for read in [whole_stream(&store, &stream("a")).await, whole_log(&store).await] {
        for (sent, read) in documents.iter().zip(read) {
            let text = String::from_utf8_lossy(sent);
            assert_eq!(read.data.as_bytes(), *sent, "{text}");
        }
    }
}

pub async fn se_09_what_no_reader_can_read_is_refused(subject: &dyn Subject) {
    let store = store(subject).await;
    let documents: &[&[u8]] = &[
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"{} {}",
        b"nul",
        b"NaN",
        b"Infinity",
        b"-",
        b"01",
        b"1e400",
        b"[-1e400]",
        br#""\ud800""#,
        br#"{"\udc00":1}"#,
        br#""\ud800\ud800""#,
        b"\"\0\"",
        b"\"\n\"",
        b"\xff",
        b"\"\xc3\x28\"",
        b"'a'",
        b"{a:1}",
        b"// 1",
        b"\xef\xbb\xbf{}",
    ];
    for json in documents {
        let append = Append::new(stream("a"), Expected::Any, vec![event("account.changed", *json)]);
        let outcome = store.append(append).await;
        let refused =
            matches!(outcome, Err(AppendError::Store(StoreError::Limit(LimitError::NotJson { .. }))));
        assert!(refused, "{:?} is no JSON document", String::from_utf8_lossy(json));
    }
    assert!(whole_log(&store).await.is_empty());
}

pub async fn no_payload_is_shown_by_debug_or_by_an_error(subject: &dyn Subject) {
    const SECRET: &str = "canary-4111-1111";
    let store = store(subject).await;
    let secret = |key: &str| {
        let mut append = append(key, 1);
        append.events[0].payload = es_core::Payload::new(format!("\"{SECRET}\"").into_bytes());
        append.events[0].metadata = Metadata::new().by(SECRET).with("card", SECRET);
        append
    };
    let mut shown = format!("{:?}", appended(&store, secret("a")).await);
    shown += &format!("{:?}{:?}", secret("a"), whole_log(&store).await);
    let conflict = Append { expected: Expected::Empty, ..secret("a") };
    let mut broken = secret("b");
    broken.events[0].payload = es_core::Payload::new(format!("\"{SECRET}").into_bytes());
    let mut large = secret("b");
    large.events[0].payload = es_core::Payload::new(format!("\"{}\"", SECRET.repeat(100_000)).into_bytes());
    let mut partly = secret("a");
    partly.events.push(whole_event(&store).await);
    for refused in [conflict, broken, large, partly] {
        let error = store.append(refused).await.unwrap_err();
        shown += &format!("{error} {error:?}");
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            shown += &format!("{error} {error:?}");
            cause = error.source();
        }
    }
    assert!(!shown.contains("canary"), "{shown}");
}

/// An event that is in the store already.
async fn whole_event(store: &std::sync::Arc<dyn es_core::Store>) -> es_core::NewEvent {
    let recorded = whole_log(store).await.remove(0);
    es_core::NewEvent { event_id: recorded.event_id, ..event("account.changed", "{}") }
}
