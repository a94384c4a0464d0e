//! The aggregate and its projections: not saved, saved in the store, kept in memory.

use contender::{Balance, Kind, Movement};
use evento::metadata::Event;
use evento::{Executor, Projection};

/// The aggregate; its variants become types.
#[evento::aggregate(name = "bank/Account")]
pub enum Account {
    Opened { cents: u64, branch: u32, reference: String, text: String },
    Deposited { cents: u64, branch: u32, reference: String, text: String },
    Withdrawn { cents: u64, branch: u32, reference: String, text: String },
}

macro_rules! from_movement {
    ($($event:ident)*) => {$(
        impl From<Movement> for $event {
            fn from(movement: Movement) -> Self {
                let Movement { cents, branch, reference, text } = movement;
                Self { cents, branch, reference, text }
            }
        }
    )*};
}

from_movement!(Opened Deposited Withdrawn);

impl Deposited {
    pub(crate) fn new(account: u64, cents: u64) -> Self {
        Movement::new(account, cents).into()
    }
}

impl AccountEvent {
    pub(crate) fn parts(&self) -> (Kind, u64) {
        match self {
            Self::Opened(event) => (Kind::Opened, event.cents),
            Self::Deposited(event) => (Kind::Deposited, event.cents),
            Self::Withdrawn(event) => (Kind::Withdrawn, event.cents),
        }
    }
}

#[evento::projection(id = id)]
#[evento::snapshot(none)]
pub struct Plain {
    pub id: String,
    pub cents: i64,
    pub version: u64,
}

#[evento::projection(id = id, name = "bank/Saved", bitcode::Encode, bitcode::Decode)]
pub struct Saved {
    pub id: String,
    pub cents: i64,
    pub version: u64,
}

#[evento::projection(id = id)]
#[evento::snapshot(memory)]
pub struct Cached {
    pub id: String,
    pub cents: i64,
    pub version: u64,
}

macro_rules! projection {
    ($of:ident, $row:ident, $opened:ident, $deposited:ident, $withdrawn:ident) => {
        #[evento::handler]
        async fn $opened(event: Event<Opened>, row: &mut $row) -> anyhow::Result<()> {
            row.id = event.aggregate_id.to_owned();
            row.apply(Kind::Opened, event.data.cents);
            Ok(())
        }

        #[evento::handler]
        async fn $deposited(event: Event<Deposited>, row: &mut $row) -> anyhow::Result<()> {
            row.apply(Kind::Deposited, event.data.cents);
            Ok(())
        }

        #[evento::handler]
        async fn $withdrawn(event: Event<Withdrawn>, row: &mut $row) -> anyhow::Result<()> {
            row.apply(Kind::Withdrawn, event.data.cents);
            Ok(())
        }

        pub(crate) fn $of<E: Executor>() -> Projection<E, $row> {
            Projection::new::<Account>()
                .handler($opened())
                .handler($deposited())
                .handler($withdrawn())
                .strict()
        }

        impl $row {
            fn apply(&mut self, kind: Kind, cents: u64) {
                let mut balance = self.balance();
                balance.apply(kind, cents);
                (self.cents, self.version) = (balance.cents, balance.version);
            }

            pub(crate) fn balance(&self) -> Balance {
                Balance { cents: self.cents, version: self.version }
            }
        }
    };
}

projection!(plain, Plain, plain_opened, plain_deposited, plain_withdrawn);
projection!(saved, Saved, saved_opened, saved_deposited, saved_withdrawn);
projection!(cached, Cached, cached_opened, cached_deposited, cached_withdrawn);
