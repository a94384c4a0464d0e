//! A program that fails at some amounts, as it is today and mended.

use crate::fixtures::Account;
use es_core::{Event, Fate, KeyError, OnFailure, Projection, Recorded};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::time::Duration;

/// Amounts at which the program of today fails.
pub(in crate::cases) const PANICS: i64 = 13;
pub(in crate::cases) const IS_NO_NUMBER: i64 = 7;
pub(in crate::cases) const HAS_NO_KEY: i64 = 66;
pub(in crate::cases) const NEVER_COMES_BACK: i64 = 99;

/// A program, as it is today or mended.
pub(in crate::cases) trait Program: Send + Sync + 'static {
    type Event: Event + Send + Sync;
    const POLICY: OnFailure;
    /// The amounts that it has learned to take.
    const TAKES: &'static [i64];

    fn cents(event: &Self::Event) -> i64;
}

pub(in crate::cases) struct Mended;
pub(in crate::cases) struct Parks;
pub(in crate::cases) struct Skips;
pub(in crate::cases) struct Halts;
pub(in crate::cases) struct HalfMended;

/// What the program reads when it is mended: an amount may be a text.
#[derive(Debug, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
pub(in crate::cases) enum AnyAmount {
    Deposited { cents: serde_json::Value },
}

/// What it reads today.
#[derive(Debug, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
pub(in crate::cases) enum Amount {
    Deposited { cents: i64 },
}

impl Program for Mended {
    type Event = AnyAmount;
    const POLICY: OnFailure = OnFailure::ParkKey;
    const TAKES: &'static [i64] = &[PANICS, IS_NO_NUMBER, HAS_NO_KEY, NEVER_COMES_BACK];

    fn cents(AnyAmount::Deposited { cents }: &AnyAmount) -> i64 {
        cents.as_i64().unwrap_or(5)
    }
}

macro_rules! today {
    ($($program:ident: $policy:ident [$($taken:ident),*]),*) => {$(
        impl Program for $program {
            type Event = Amount;
            const POLICY: OnFailure = OnFailure::$policy;
            const TAKES: &'static [i64] = &[$($taken),*];

            fn cents(Amount::Deposited { cents }: &Amount) -> i64 {
                *cents
            }
        }
    )*};
}
today!(Halts: Halt [], Parks: ParkKey [], HalfMended: ParkKey [PANICS], Skips: Skip []);

/// The amounts of an account, in order.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(in crate::cases) struct Ledger<P> {
    pub(in crate::cases) amounts: Vec<i64>,
    #[serde(deserialize_with = "no_panic_button")]
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
            HAS_NO_KEY if !P::TAKES.contains(&HAS_NO_KEY) => Err(KeyError::new("the account is not known")),
            _ => Ok([event.stream.id::<Account>()?]),
        }
    }

    fn project(&mut self, event: &Recorded<P::Event>) -> Fate {
        let cents = P::cents(&event.data);
        self.amounts.push(cents);
        match cents {
            _ if P::TAKES.contains(&cents) => {}
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

/// A stored factor at which reading the view panics.
pub(in crate::cases) const PANICS_WHEN_READ: &str = r#"{"amounts":[],"factor":77.0}"#;

fn no_panic_button<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let factor = f64::deserialize(from)?;
    assert!(factor != 77.0, "as it must");
    Ok(factor)
}
