use es_core::Event;

enum AccountEvent {
    Opened,
}

fn store<E: Event>(_: E) {}

fn main() {
    store(AccountEvent::Opened);
}
