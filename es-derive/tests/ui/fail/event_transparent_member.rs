use es_core::Event;

#[derive(Event)]
#[event(transparent)]
enum BankEvent {
    Number(u32),
}

fn main() {}
