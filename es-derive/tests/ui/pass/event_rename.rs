use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    #[event(rename = "paid_in")]
    Deposited,
    #[event(rename = "ledger.paid_out")]
    Withdrawn,
}

fn main() {
    assert_eq!(AccountEvent::Deposited.event_type().name, "account.paid_in");
    assert_eq!(AccountEvent::Withdrawn.event_type().name, "ledger.paid_out");
}
