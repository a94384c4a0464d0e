//! `projections shards`, and rebuilds by several workers.

use crate::bank::{Bank, Movements};
use es_cli::FailureKind;
use es_core::{App, CheckpointStore, Generation, GenerationState, Projector};

async fn live(bank: &Bank) -> Generation {
    let all = bank.store.generations().await.unwrap();
    let is_live =
        |found: &Generation| found.projection.name() == "movements" && found.state == GenerationState::Live;
    all.into_iter().find(is_live).unwrap()
}

#[tokio::test]
async fn a_read_model_is_divided_while_it_is_there() {
    let mut bank = Bank::with_accounts().await;
    for (count, said) in [(3, "3 workers"), (1, "one worker"), (4, "4 workers")] {
        let divided = bank.run(&format!("projections shards movements {count}")).await;
        assert_eq!((divided.out.as_str(), divided.code), ("", 0));
        let expected =
            format!("movements v1 is now the work of {said}; all processes that run it share them\n");
        assert_eq!(divided.err, expected);
        assert_eq!(live(&bank).await.shards, count);
        bank.deposit("ada", 1).await;
        bank.app.catch_up().await.unwrap();
    }
    assert_eq!(bank.run("projections check movements").await.code, 0);
    let shown = bank.run("projections status movements").await.data();
    assert!(shown.contains("shards        4\n"), "{shown}");
    assert!(shown.contains("              slices 256 to 511: position 8\n"), "{shown}");
    let json = bank.run("projections status movements --json").await.data();
    assert!(
        json.contains(
            r#""shards":4,"checkpoints":[{"slices":[0,256],"position":8,"owner":null,"halt":null},"#
        ),
        "{json}"
    );
}

#[tokio::test]
async fn what_cannot_be_divided_is_refused() {
    let bank = Bank::new();
    let none = bank.run("projections shards movements 2").await.refusal(FailureKind::NotFound);
    assert!(none.starts_with("error: the store has no read model of movements v1 yet\nhint: "), "{none}");
    let typo = bank.run("projections shards movement 2").await.refusal(FailureKind::NotFound);
    assert!(typo.contains("did you mean `movements`?"), "{typo}");
}

#[tokio::test]
async fn workers_rebuild_what_one_would_and_keep_the_shards() {
    let bank = Bank::with_accounts().await;
    let projector = Projector::<Movements>::new(bank.store.clone());
    projector.any().divide(2).await.unwrap();
    projector.catch_up().await.unwrap();
    let before = projector.list(None, 10).await.unwrap().len();
    for how in ["--workers 4", "--workers 3 --rate 100000", "--resume --workers 2"] {
        let ran = bank.run(&format!("replay movements {how}")).await;
        assert!(ran.out.contains("movements v1: rebuilt, 5 events in 0."), "{ran:?}");
        assert_eq!((live(&bank).await.shards, projector.list(None, 10).await.unwrap().len()), (2, before));
    }
    let app = App::new(bank.store.clone()).projection::<Movements>();
    app.catch_up().await.unwrap();
    assert_eq!(bank.run("projections check movements").await.code, 0);
}
