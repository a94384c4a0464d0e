//! [`Given`]: the rules of an aggregate as sentences.

use crate::{Aggregate, Handle, Id};
use std::fmt::Debug;

/// Starts a test of an aggregate's rules: given some events, when a command comes, then these events follow.
///
/// ```
/// # use es_core::{Aggregate, Apply, Event, Handle, Id};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// # #[event(prefix = "door")]
/// # enum DoorEvent { Opened }
/// # #[derive(Debug, PartialEq, thiserror::Error)]
/// # #[error("the door is open already")]
/// # struct AlreadyOpen;
/// # #[derive(Debug, Aggregate)]
/// # #[aggregate(event = DoorEvent, error = AlreadyOpen)]
/// # struct Door { id: Id<Door>, open: bool }
/// # impl Apply<DoorEvent> for Door { fn apply(&mut self, _: &DoorEvent) { self.open = !self.id.uuid().is_nil(); } }
/// # struct Open;
/// # impl Handle<Open> for Door {
/// #     fn handle(&self, _: &Open) -> Result<Vec<DoorEvent>, AlreadyOpen> {
/// #         if self.open { Err(AlreadyOpen) } else { Ok(vec![DoorEvent::Opened]) }
/// #     }
/// # }
/// use es_core::testing::Given;
///
/// Door::given([]).when(Open).then([DoorEvent::Opened]);
/// Door::given([DoorEvent::Opened]).when(Open).then_rejected(AlreadyOpen);
/// ```
pub trait Given: Aggregate {
    /// An aggregate with a new id, to which these events have happened.
    fn given(events: impl IntoIterator<Item = Self::Event>) -> Case<Self>
    where
        Self: Aggregate<Id = Id<Self>>,
    {
        Self::given_for(Id::new(), events)
    }

    /// The aggregate with this id, to which these events have happened.
    fn given_for(id: Self::Id, events: impl IntoIterator<Item = Self::Event>) -> Case<Self> {
        let mut state = Self::init(&id);
        for event in events {
            state.apply(&event);
        }
        Case { state }
    }
}

impl<A: Aggregate> Given for A {}

/// An aggregate that waits for a command.
#[derive(Debug)]
#[must_use = "a case without `when` tests nothing"]
pub struct Case<A> {
    state: A,
}

impl<A: Aggregate> Case<A> {
    /// Gives it a command.
    pub fn when<C>(self, command: C) -> Outcome<A>
    where
        A: Handle<C>,
    {
        self.when_deciding(|state| state.handle(&command))
    }

    /// Gives it a decision that is a method or a closure.
    pub fn when_deciding(self, decision: impl FnOnce(&A) -> Result<Vec<A::Event>, A::Error>) -> Outcome<A> {
        let decided = decision(&self.state);
        Outcome { state: self.state, decided }
    }
}

/// What came of a command.
#[derive(Debug)]
#[must_use = "an outcome without `then` tests nothing"]
pub struct Outcome<A: Aggregate> {
    state: A,
    decided: Result<Vec<A::Event>, A::Error>,
}

impl<A: Aggregate> Outcome<A> {
    /// These events follow, in this order; gives the state after them for further assertions.
    ///
    /// # Panics
    /// When other events follow, or none, or the command is rejected.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>) -> A
    where
        A::Event: Debug + PartialEq,
    {
        let expected: Vec<_> = events.into_iter().collect();
        match self.decided {
            Ok(found) => {
                assert_eq!(found, expected, "other events followed (left) than were expected (right)")
            }
            Err(error) => panic!("expected {expected:?}, but the command was rejected: {error}"),
        }
        let mut state = self.state;
        expected.iter().for_each(|event| state.apply(event));
        state
    }

    /// The command is rejected with this error.
    ///
    /// # Panics
    /// When it is not, or with another one.
    #[track_caller]
    pub fn then_rejected(self, error: A::Error)
    where
        A::Event: Debug,
        A::Error: PartialEq,
    {
        match self.decided {
            Ok(events) => {
                panic!("expected a rejection with `{error}`, but these events followed: {events:?}")
            }
            Err(found) => {
                assert_eq!(found, error, "rejected with another error (left) than expected (right)")
            }
        }
    }
}
