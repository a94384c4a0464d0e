use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    #[event(alias = "deposited", alias = "ledger.deposited")]
    #[event(alias = "put_in")]
    PaidIn,
}

fn main() {
    let aliases = ["account.deposited", "ledger.deposited", "account.put_in"];
    assert_eq!(AccountEvent::PaidIn.event_type().aliases, aliases);
}
