//! [`Draft`].

use crate::Aggregate;
use std::ops::Deref;

/// A working copy of an aggregate inside one decision: what it emits is applied at once, so that later rules of
/// the same command see it.
///
/// It can be read like the aggregate, but changed only by [`emit`](Self::emit).
///
/// ```
/// # use es_core::{Aggregate, Apply, Draft, Event, Id};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// # #[event(prefix = "account")]
/// # enum AccountEvent { Withdrawn { cents: u64 }, Emptied }
/// # #[derive(Clone, Aggregate)]
/// # #[aggregate(event = AccountEvent, error = std::fmt::Error)]
/// # struct Account { id: Id<Account>, cents: u64 }
/// # impl Apply<AccountEvent> for Account {
/// #     fn apply(&mut self, event: &AccountEvent) {
/// #         if let AccountEvent::Withdrawn { cents } = event { self.cents -= cents; }
/// #     }
/// # }
/// # let account = Account { cents: 5, ..Account::init(&Id::new()) };
/// # assert!(!account.id.uuid().is_nil());
/// let mut draft = Draft::of(&account);
/// draft.emit(AccountEvent::Withdrawn { cents: 5 });
/// if draft.cents == 0 {
///     draft.emit(AccountEvent::Emptied);
/// }
/// assert_eq!(draft.into_events(), [AccountEvent::Withdrawn { cents: 5 }, AccountEvent::Emptied]);
/// ```
#[derive(Debug)]
pub struct Draft<A: Aggregate> {
    state: A,
    events: Vec<A::Event>,
}

impl<A: Aggregate> Draft<A> {
    /// A copy of `aggregate` that has emitted nothing yet.
    pub fn of(aggregate: &A) -> Self
    where
        A: Clone,
    {
        Self { state: aggregate.clone(), events: Vec::new() }
    }

    /// Records `event` and applies it to the copy.
    pub fn emit(&mut self, event: A::Event) {
        self.state.apply(&event);
        self.events.push(event);
    }

    /// What was emitted, in order: the result of the decision.
    #[must_use = "events that are not returned never happen"]
    pub fn into_events(self) -> Vec<A::Event> {
        self.events
    }
}

impl<A: Aggregate> Deref for Draft<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.state
    }
}
