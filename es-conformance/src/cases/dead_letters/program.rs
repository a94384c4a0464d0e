//! A program that fails at some amounts, as it is today and mended.

use crate::fixtures::Account;
use es_core::{Event, Fate, KeyError, OnFailure, Projection, Recorded};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::time::Duration;

/// Amounts at which the program of today fails.
pub(super) const PANICS: i64 = 13;
pub(super) const IS_NO_NUMBER: i64 = 7;
pub(super) const HAS_NO_KEY: i64 = 66;
pub(super) const NEVER_COMES_BACK: i64 = 99;

/// A program, as it is today or mended.
pub(super) trait Program: Send + Sync + 'static {
    type Event: Event + Send + Sync;
    const POLICY: OnFailure;
    const IS_MENDED: bool;

    fn cents(event: &Self::Event) -> i64;
}

pub(super) struct Mended;
pub(super) struct Parks;
pub(super) struct Skips;
pub(super) struct Halts;

/// What the program reads when it is mended: an amount may be a text.
#[derive(Debug, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
pub(super) enum AnyAmount {
    Deposited { cents: serde_json::Value },
}

/// What it reads today.
#[derive(Debug, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
pub(super) enum Amount {
    Deposited { cents: i64 },
}

impl Program for Mended {
    type Event = AnyAmount;
    const POLICY: OnFailure = OnFailure::ParkKey;
    const IS_MENDED: bool = true;

    fn cents(AnyAmount::Deposited { cents }: &AnyAmount) -> i64 {
        cents.as_i64().unwrap_or(5)
    }
}

macro_rules! today {
    ($($program:ident: $policy:ident),*) => {$(
        impl Program for $program {
            type Event = Amount;
            const POLICY: OnFailure = OnFailure::$policy;
            const IS_MENDED: bool = false;

            fn cents(Amount::Deposited { cents }: &Amount) -> i64 {
                *cents
            }
        }
    )*};
}
today!(Halts: Halt, Parks: ParkKey, Skips: Skip);

/// The amounts of an account, in order.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Ledger<P> {
    pub(super) amounts: Vec<i64>,
    factor: f64,
    #[serde(skip)]
    program: PhantomData<fn() -> P>,
}

impl<P> Default for Ledger<P> {
    fn default() -> Self {
        Self { amounts: Vec::new(), factor: 1.0, program: PhantomData }
    }
}

impl<P: Program> Projection for Ledger<P> {
    const NAME: &'static str = "ledger";
    const ON_FAILURE: OnFailure = P::POLICY;
    const TIME_LIMIT: Duration = Duration::from_secs(2);
    type Event = P::Event;
    type Key = String;

    fn keys(event: &Recorded<P::Event>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        match P::cents(&event.data) {
            HAS_NO_KEY if !P::IS_MENDED => Err(KeyError::new("the account is not known")),
            _ => Ok([event.stream.id::<Account>()?]),
        }
    }

    fn project(&mut self, event: &Recorded<P::Event>) -> Fate {
        let cents = P::cents(&event.data);
        self.amounts.push(cents);
        match cents {
            _ if P::IS_MENDED => {}
            PANICS => panic!("as it must"),
            IS_NO_NUMBER => self.factor = f64::NAN,
            NEVER_COMES_BACK => {
                let (_open, never) = std::sync::mpsc::channel::<()>();
                let _ = never.recv();
            }
            _ => {}
        }
        Fate::Keep
    }
}
