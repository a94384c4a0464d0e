//! `#[derive(Event)]`: names, aliases, versions, upcasting.

use es_core::{DecodeProblem, Event, EventType};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "bank.account")]
enum AccountEvent {
    #[event(version = 3, upcast(1 = OpenedV1, 2 = OpenedV2))]
    Opened {
        owner: String,
        currency: String,
        limit: u64,
    },
    #[event(rename = "paid_in", alias = "deposited", alias = "cash.put_in")]
    Deposited(u64),
    #[event(rename = "ledger.moved", version = 2)]
    Moved(String, i128),
    IBANChanged,
    #[event(version = 5, upcast(3 = u32, 4 = LimitV4))]
    Limit {
        cents: u8,
    },
    r#Type,
}

#[derive(Serialize, Deserialize)]
struct OpenedV1 {
    owner: String,
}

#[derive(Serialize, Deserialize)]
struct OpenedV2 {
    owner: String,
    currency: String,
}

impl From<OpenedV1> for OpenedV2 {
    fn from(OpenedV1 { owner }: OpenedV1) -> Self {
        Self { owner, currency: "EUR".into() }
    }
}

impl From<OpenedV2> for AccountEvent {
    fn from(OpenedV2 { owner, currency }: OpenedV2) -> Self {
        Self::Opened { owner, currency, limit: 100 }
    }
}

#[derive(Deserialize)]
struct LimitV4(u64);

#[derive(Debug, thiserror::Error)]
#[error("no limit was ever above {0}")]
struct TooHigh(u64);

impl TryFrom<u32> for LimitV4 {
    type Error = TooHigh;

    fn try_from(euros: u32) -> Result<Self, TooHigh> {
        if euros > 100 { Err(TooHigh(100)) } else { Ok(Self(u64::from(euros) * 100)) }
    }
}

impl TryFrom<LimitV4> for AccountEvent {
    type Error = std::num::TryFromIntError;

    fn try_from(LimitV4(cents): LimitV4) -> Result<Self, Self::Error> {
        Ok(Self::Limit { cents: u8::try_from(cents)? })
    }
}

fn opened(owner: &str, currency: &str, limit: u64) -> AccountEvent {
    AccountEvent::Opened { owner: owner.into(), currency: currency.into(), limit }
}

#[test]
fn the_types_are_the_variants_with_their_names_aliases_and_versions() {
    let known = |name, aliases, version| EventType { name, aliases, version };
    assert_eq!(
        AccountEvent::TYPES,
        [
            known("bank.account.opened", &[], 3),
            known("bank.account.paid_in", &["bank.account.deposited", "cash.put_in"], 1),
            known("ledger.moved", &[], 2),
            known("bank.account.iban_changed", &[], 1),
            known("bank.account.limit", &[], 5),
            known("bank.account.type", &[], 1),
        ]
    );
}

#[test]
fn every_variant_is_stored_under_its_own_type_and_comes_back() {
    let events = [
        opened("Ada", "EUR", 5),
        AccountEvent::Deposited(u64::MAX),
        AccountEvent::Moved("to Bob".into(), i128::MIN),
        AccountEvent::IBANChanged,
        AccountEvent::Limit { cents: 1 },
        AccountEvent::Type,
    ];
    for (event, known) in events.iter().zip(AccountEvent::TYPES) {
        assert_eq!(event.event_type(), known);
        let payload = event.encode().unwrap();
        assert_eq!(&AccountEvent::decode(known.name, known.version, &payload).unwrap(), event);
        for alias in known.aliases {
            assert_eq!(&AccountEvent::decode(alias, known.version, &payload).unwrap(), event);
        }
    }
}

#[test]
fn the_payload_is_the_fields_alone() {
    assert_eq!(opened("Ada", "EUR", 5).encode().unwrap(), br#"{"owner":"Ada","currency":"EUR","limit":5}"#);
    assert_eq!(AccountEvent::Deposited(5).encode().unwrap(), b"5");
    assert_eq!(AccountEvent::IBANChanged.encode().unwrap(), b"{}");
}

#[test]
fn an_event_of_version_1_goes_through_version_2_to_the_event_of_today() {
    let decoded = AccountEvent::decode("bank.account.opened", 1, br#"{"owner":"Ada"}"#).unwrap();
    let direct = AccountEvent::from(OpenedV2::from(OpenedV1 { owner: "Ada".into() }));
    assert_eq!(decoded, direct);
    assert_eq!(decoded, opened("Ada", "EUR", 100));
}

#[test]
fn an_event_of_version_2_starts_in_the_middle_of_the_chain() {
    let payload = br#"{"owner":"Ada","currency":"CHF"}"#;
    assert_eq!(AccountEvent::decode("bank.account.opened", 2, payload).unwrap(), opened("Ada", "CHF", 100));
}

#[test]
fn an_upcaster_that_refuses_is_named_with_its_version_and_reason() {
    let refusal = |version, payload: &[u8]| match AccountEvent::decode("bank.account.limit", version, payload)
        .unwrap_err()
    {
        DecodeProblem::Upcast { version, source } => (version, source.to_string()),
        other => panic!("expected an upcaster's refusal, found {other}"),
    };
    assert_eq!(refusal(3, b"101"), (3, "no limit was ever above 100".to_owned()));
    assert_eq!(refusal(3, b"99").0, 4);
    assert_eq!(refusal(4, b"256").0, 4);
    assert_eq!(
        AccountEvent::decode("bank.account.limit", 3, b"2").unwrap(),
        AccountEvent::Limit { cents: 200 }
    );
}

#[test]
fn an_unknown_version_is_refused_with_the_versions_that_are_known() {
    let range = |name, version| match AccountEvent::decode(name, version, b"{}").unwrap_err() {
        DecodeProblem::UnknownVersion { found, oldest, newest } => (found, oldest, newest),
        other => panic!("expected an unknown version, found {other}"),
    };
    assert_eq!(range("bank.account.opened", 4), (4, 1, 3));
    assert_eq!(range("bank.account.opened", 0), (0, 1, 3));
    assert_eq!(range("bank.account.limit", 2), (2, 3, 5));
    assert_eq!(range("ledger.moved", 1), (1, 2, 2));
}

#[test]
fn an_unknown_name_is_refused() {
    for name in ["", "opened", "Opened", "bank.account.Opened", "bank.account.moved", "bank.account.deposite"]
    {
        let problem = AccountEvent::decode(name, 1, b"{}").unwrap_err();
        assert!(matches!(problem, DecodeProblem::UnknownName), "{name}: {problem}");
    }
}

#[test]
fn an_old_payload_that_does_not_have_its_shape_is_malformed() {
    for (version, payload) in [(1, "{}"), (2, r#"{"owner":"Ada"}"#), (3, "[]"), (1, "")] {
        let problem = AccountEvent::decode("bank.account.opened", version, payload.as_bytes()).unwrap_err();
        assert!(matches!(problem, DecodeProblem::Malformed(_)), "{version}: {problem}");
    }
}
