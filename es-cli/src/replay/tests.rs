use super::*;
use es_core::{Fate, GenerationState, KeyError, Projection, Recorded};
use es_memory::MemoryStore;
use serde::Deserialize;

#[derive(Debug, PartialEq, es_core::Event, serde::Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

macro_rules! counts {
    ($($view:ident as $name:literal),*) => {$(
        #[derive(Default, serde::Serialize, Deserialize)]
        struct $view(u32);

        impl Projection for $view {
            const NAME: &'static str = $name;
            type Event = DoorEvent;
            type Key = String;

            fn keys(_: &Recorded<DoorEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
                Ok(["all".to_owned()])
            }

            fn project(&mut self, _: &Recorded<DoorEvent>) -> Fate {
                self.0 += 1;
                Fate::Keep
            }
        }
    )*};
}

counts!(First as "first", Second as "second");

fn args(check: bool) -> ReplayArgs {
    ReplayArgs { names: Vec::new(), all: true, check, resume: false, workers: None, rate: None }
}

#[tokio::test]
async fn an_interrupted_replay_says_how_to_go_on() {
    let app = App::new(MemoryStore::default()).projection::<First>().projection::<Second>();
    let hints = [
        (false, "go on with: replay first second --resume"),
        (true, "go on with: replay first second --check"),
    ];
    for (check, hint) in hints {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console::on_file(&mut out, &mut err);
        let failure = run(&app, &args(check), &mut console, async {}).await.unwrap_err();
        assert_eq!((failure.kind(), failure.hint()), (FailureKind::Interrupted, Some(hint)));
        assert!(out.is_empty());
    }
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console::on_file(&mut out, &mut err);
    run(&app, &args(false), &mut console, std::future::pending()).await.unwrap();
    let generations = app.store().generations().await.unwrap();
    assert!(
        generations.iter().all(|generation| generation.state == GenerationState::Live),
        "{generations:?}"
    );
}
