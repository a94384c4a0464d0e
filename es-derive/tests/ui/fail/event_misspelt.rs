use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefx = "account")]
enum AccountEvent {
    #[event(renamed = "paid_in", aliases = "deposited", versoin = 2, upcasts(1 = u32))]
    Deposited,
    #[event(colour = "red")]
    Painted,
    #[event(prefix = "bank")]
    Moved,
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "card", rename = "issued")]
enum CardEvent {
    Issued,
}

#[derive(Event)]
#[event(transparant)]
enum BankEvent {
    Card(CardEvent),
}

fn main() {}
