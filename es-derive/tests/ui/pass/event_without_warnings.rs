//! The enum's own lints, words made by a macro, and names of the standard library that mean something else here.
#![deny(warnings, missing_docs, unused_qualifications, clippy::all, clippy::pedantic)]
#![allow(dead_code)]

macro_rules! event {
    ($name:ident, $prefix:literal, $old:ty, $version:literal) => {
        /// Made by a macro.
        #[derive(es_core::Event, serde::Serialize, serde::Deserialize)]
        #[event(prefix = $prefix)]
        pub enum $name {
            /// No longer written.
            #[deprecated]
            Opened,
            /// With a version.
            #[event(version = $version, upcast(1 = $old))]
            Closed,
        }
    };
}

event!(AccountEvent, "account", u32, 2);

impl From<u32> for AccountEvent {
    fn from(_: u32) -> Self {
        Self::Closed
    }
}

mod shadowed {
    struct Result;
    struct Vec;
    struct Ok;
    struct Err;
    struct Event;
    struct EventType;
    struct Aggregate;

    #[derive(es_core::Event, serde::Serialize, serde::Deserialize)]
    #[event(prefix = "card")]
    enum CardEvent {
        Issued,
        TYPES,
    }

    #[derive(es_core::Event)]
    #[event(transparent)]
    enum AnyEvent {
        Card(CardEvent),
        Account(super::AccountEvent),
    }
}

fn main() {
    let event = <AccountEvent as es_core::Event>::decode("account.closed", 1, b"5").unwrap();
    assert!(matches!(event, AccountEvent::Closed));
}
