use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = account)]
enum AccountEvent {
    Opened,
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix)]
enum CardEvent {
    Issued,
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix("loan"))]
enum LoanEvent {
    Paid,
}

#[derive(Event, Serialize, Deserialize)]
#[event = "order"]
enum OrderEvent {
    Paid,
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "user", prefix = "person")]
enum UserEvent {
    Named,
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix: "bank")]
enum BankEvent {
    Merged,
}

#[derive(Event, Serialize, Deserialize)]
#[event]
enum ShopEvent {
    Opened,
}

#[derive(Event, Serialize, Deserialize)]
#[event("post")]
enum PostEvent {
    Sent,
}

fn main() {}
