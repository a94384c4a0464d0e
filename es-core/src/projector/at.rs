//! [`At`]: where a fold is now.

use crate::{LetterPlace, LetterQueue, Payload, Recorded};
use std::sync::{Arc, Mutex, PoisonError};

/// Where a fold is now, for those who wait for it.
#[derive(Default)]
pub(super) struct At {
    stage: Mutex<Stage>,
    /// The view that is parsed, and the event that wants it.
    loading: Mutex<Option<LetterPlace>>,
    keys: Mutex<Vec<(usize, Arc<Vec<String>>)>>,
}

/// What the projection's own code is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// Encoding views, of which nobody knows the event.
    #[default]
    Views,
    /// Parsing the stored view with this number.
    Loading(usize),
    /// Making sense of an event.
    Decoding(usize),
    /// Folding an event into the view of one of its keys.
    Folding(usize, usize),
}

impl At {
    pub(super) fn set(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Begins to parse the stored view with this number, which this event wants.
    pub(super) fn load(&self, number: usize, wanted: Option<LetterPlace>) {
        *self.loading.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
        self.set(Stage::Loading(number));
    }

    /// The numbers of the events that are folded, and the keys of their views.
    pub(super) fn set_keys(&self, keys: Vec<(usize, Arc<Vec<String>>)>) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    pub(super) fn stage(&self) -> Stage {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which event is to blame where it stands still at `stage`, and its place: in the queue `only`, where that is all
    /// that is folded.
    pub(super) fn place(
        &self,
        stage: Stage,
        events: &[Recorded<Payload>],
        only: Option<&LetterQueue>,
    ) -> Option<(usize, LetterPlace)> {
        let (event, queue) = match stage {
            Stage::Views => return None,
            Stage::Loading(_) => {
                let place = self.loading.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
                (events.iter().position(|event| event.position == place.position)?, place.queue)
            }
            Stage::Decoding(event) => {
                let stream = || LetterQueue::Stream(events[event].stream.clone());
                (event, only.cloned().unwrap_or_else(stream))
            }
            Stage::Folding(item, key) => {
                let (event, keys) = self.keys.lock().unwrap_or_else(PoisonError::into_inner)[item].clone();
                (event, LetterQueue::Key(keys[key].clone()))
            }
        };
        Some((event, LetterPlace { queue, position: events[event].position }))
    }
}
