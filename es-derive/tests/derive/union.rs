//! `#[event(transparent)]`: an enum of events of several enums.

use es_core::{DecodeProblem, Event};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    Opened,
    #[event(alias = "closed_for_good", version = 2, upcast(1 = ClosedV1))]
    Closed {
        reason: String,
    },
}

#[derive(Deserialize)]
struct ClosedV1 {}

impl From<ClosedV1> for AccountEvent {
    fn from(_: ClosedV1) -> Self {
        Self::Closed { reason: "unknown".into() }
    }
}

#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "customer")]
enum CustomerEvent {
    Opened { name: String },
}

#[derive(Debug, PartialEq, Event)]
#[event(transparent)]
enum BankEvent {
    Account(AccountEvent),
    Customer(CustomerEvent),
}

/// A union may hold unions.
#[derive(Debug, PartialEq, Event)]
#[event(transparent)]
enum AnyEvent {
    Bank(BankEvent),
}

#[test]
fn the_types_of_a_union_are_those_of_its_members_in_order() {
    let all: Vec<_> = AccountEvent::TYPES.iter().chain(CustomerEvent::TYPES).copied().collect();
    assert_eq!(BankEvent::TYPES, all);
    assert_eq!(AnyEvent::TYPES, all);
}

#[test]
fn a_member_is_stored_as_if_there_were_no_union() {
    let customer = || CustomerEvent::Opened { name: "Ada".into() };
    let union = BankEvent::Customer(customer());
    assert_eq!(union.event_type(), customer().event_type());
    assert_eq!(union.encode().unwrap(), customer().encode().unwrap());
}

#[test]
fn an_event_is_read_by_the_member_that_knows_its_name() {
    assert_eq!(
        BankEvent::decode("account.opened", 1, b"{}").unwrap(),
        BankEvent::Account(AccountEvent::Opened)
    );
    assert_eq!(
        AnyEvent::decode("customer.opened", 1, br#"{"name":"Ada"}"#).unwrap(),
        AnyEvent::Bank(BankEvent::Customer(CustomerEvent::Opened { name: "Ada".into() }))
    );
}

#[test]
fn an_alias_and_an_old_version_are_read_through_the_union() {
    assert_eq!(
        BankEvent::decode("account.closed_for_good", 1, b"{}").unwrap(),
        BankEvent::Account(AccountEvent::Closed { reason: "unknown".into() })
    );
}

#[test]
fn a_member_that_knows_the_name_says_what_is_wrong() {
    let version = BankEvent::decode("account.closed", 3, b"{}").unwrap_err();
    assert!(matches!(version, DecodeProblem::UnknownVersion { found: 3, oldest: 1, newest: 2 }), "{version}");
    let payload = BankEvent::decode("customer.opened", 1, b"{}").unwrap_err();
    assert!(matches!(payload, DecodeProblem::Malformed(_)), "{payload}");
}

#[test]
fn a_name_that_no_member_knows_is_refused() {
    let problem = AnyEvent::decode("account.moved", 1, b"{}").unwrap_err();
    assert!(matches!(problem, DecodeProblem::UnknownName), "{problem}");
}
