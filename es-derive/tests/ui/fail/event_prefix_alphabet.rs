use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "Account-Event")]
enum AccountEvent {
    Opened,
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "bank..card")]
enum CardEvent {
    Issued,
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "")]
enum LoanEvent {
    Paid,
}

fn main() {}
