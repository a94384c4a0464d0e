use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    #[event(alias("deposited", "put_in"))]
    PaidIn,
    #[event(alias = ".withdrawn")]
    PaidOut,
}

fn main() {}
