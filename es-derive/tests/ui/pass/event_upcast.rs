use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    #[event(version = 2, upcast(1 = Either<u32, String>))]
    Moved(u64),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Either<A, B> {
    Number(A),
    Text(B),
}

impl TryFrom<Either<u32, String>> for AccountEvent {
    type Error = std::num::ParseIntError;

    fn try_from(old: Either<u32, String>) -> Result<Self, Self::Error> {
        match old {
            Either::Number(cents) => Ok(Self::Moved(cents.into())),
            Either::Text(cents) => Ok(Self::Moved(cents.parse()?)),
        }
    }
}

fn main() {
    for old in ["7", "\"7\""] {
        let AccountEvent::Moved(cents) = AccountEvent::decode("account.moved", 1, old.as_bytes()).unwrap();
        assert_eq!(cents, 7);
    }
}
