use es_core::Event;

#[derive(Event)]
#[event(prefix = "account")]
enum AccountEvent {
    Opened,
    Closed,
}

fn main() {}
