use es_core::Aggregate;

struct Door;

fn load<A: Aggregate>(_: A) {}

fn main() {
    load(Door);
}
