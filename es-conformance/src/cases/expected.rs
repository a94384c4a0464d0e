//! What a writer believes of a stream, against what is true.

use crate::Subject;
use crate::fixtures::{appended, events, store, stream, whole_stream};
use es_core::{Append, AppendError, EventStore, Expected, Version};

pub async fn st_16_every_expectation_meets_every_state_of_a_stream(subject: &dyn Subject) {
    let store = store(subject).await;
    let expectations = [
        Expected::Any,
        Expected::Empty,
        Expected::Exists,
        Expected::Exactly(Version::ZERO),
        Expected::Exactly(Version::new(1)),
        Expected::Exactly(Version::new(2)),
        Expected::Exactly(Version::new(3)),
        Expected::Exactly(Version::new(u64::MAX >> 1)),
    ];
    for at in 0..4 {
        for (index, expected) in expectations.into_iter().enumerate() {
            let stream = stream(&format!("{at}-{index}"));
            if at > 0 {
                appended(&store, Append::new(stream.clone(), Expected::Any, events(at))).await;
            }
            let found = Version::new(at as u64);
            let outcome = store.append(Append::new(stream.clone(), expected, events(2))).await;
            let after = whole_stream(&store, &stream).await.len();
            match outcome {
                Ok(answer) => {
                    assert!(expected.admits(found), "{expected} does not admit version {found}");
                    assert_eq!((answer.version, after), (found.plus(2), at + 2));
                }
                Err(AppendError::Conflict(conflict)) => {
                    assert!(!expected.admits(found), "{expected} admits version {found}");
                    assert_eq!((conflict.stream, conflict.expected), (stream, expected));
                    assert_eq!((conflict.found, after), (found, at), "a refused append stores nothing");
                }
                Err(AppendError::Store(error)) => panic!("{expected} at {found}: {error:?}"),
            }
        }
    }
}

pub async fn exactly_zero_is_the_empty_stream(subject: &dyn Subject) {
    let store = store(subject).await;
    let zero = Append::new(stream("a"), Expected::Exactly(Version::ZERO), events(1));
    assert_eq!(appended(&store, zero).await.version, Version::new(1));
    for expected in [Expected::Exactly(Version::ZERO), Expected::Empty] {
        let outcome = store.append(Append::new(stream("a"), expected, events(1))).await;
        assert!(matches!(outcome, Err(AppendError::Conflict(_))), "{expected}: {outcome:?}");
    }
}
