use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase", deny_unknown_fields)]
enum AccountEvent {
    Opened {
        #[serde(rename = "owner", default)]
        owner_name: String,
        account_number: u32,
    },
}

fn main() {
    let event = AccountEvent::Opened { owner_name: "Ada".into(), account_number: 5 };
    assert_eq!(event.encode().unwrap(), br#"{"owner":"Ada","accountNumber":5}"#);
    assert!(AccountEvent::decode("account.opened", 1, br#"{"accountNumber":5}"#).is_ok());
    assert!(AccountEvent::decode("account.opened", 1, br#"{"accountNumber":5,"x":1}"#).is_err());
}
