//! Where the program learns which store is meant.

use crate::bank::Ran;
use crate::program::{Shop, ran};
use es_cli::FailureKind;

fn run(shop: &Shop, environment: &[(&str, &str)], line: &str) -> Ran {
    let mut program = shop.program();
    program.envs(environment.iter().copied()).args(line.split(' '));
    ran(program)
}

#[tokio::test]
async fn the_store_is_named_by_an_option_a_variable_or_a_file_in_this_order() {
    let shop = Shop::with_accounts().await;
    let (url, none) = (shop.url(), "sqlite:none.db");
    let is_meant = |environment: &[(&str, &str)], line: &str| match run(&shop, environment, line) {
        Ran { code: 0, .. } => true,
        ran => {
            let missing = "error: the store `sqlite:none.db` does not exist\n\
                           hint: check the path; the application that appends first makes the file\n";
            assert_eq!(ran.refusal(FailureKind::NotFound), missing);
            false
        }
    };
    std::fs::write(shop.directory.path().join(".env"), format!("DATABASE_URL='{none}'")).unwrap();
    assert!(!is_meant(&[], "streams list"));
    assert!(is_meant(&[("DATABASE_URL", &url)], "streams list"));
    assert!(!is_meant(&[("DATABASE_URL", &url), ("ES_STORE_URL", none)], "streams list"));
    assert!(is_meant(&[("ES_STORE_URL", none)], &format!("streams list --store {url}")));
    std::fs::write(shop.directory.path().join(".env"), "DATABASE_URL=x\nES_STORE_URL=sqlite:shop.db")
        .unwrap();
    assert!(is_meant(&[], "streams list"));
    assert!(!shop.directory.path().join("none.db").exists());
}

#[tokio::test]
async fn without_a_store_the_program_says_how_to_name_one() {
    let shop = Shop::new().await;
    let refusal = run(&shop, &[], "streams list").refusal(FailureKind::Usage);
    let expected =
        "error: no store was named\nhint: say --store URL, or set ES_STORE_URL, also in a file .env\n";
    assert_eq!(refusal, expected);
}

#[tokio::test]
async fn cl_05_no_secret_of_the_file_is_shown() {
    let shop = Shop::new().await;
    for text in [
        "ES_STORE_URL=s3cret s3cret",
        "ES_STORE_URL='s3cret",
        "ES_STORE_URL=mysql://ada:s3cret@db/bank",
        "DATABASE_URL=postgres://ada:s3cret@127.0.0.1:1/bank",
    ] {
        std::fs::write(shop.directory.path().join(".env"), text).unwrap();
        for line in ["verify", "check lag --warn 0 --crit 1", "migrate status"] {
            let ran = run(&shop, &[], line);
            assert!(ran.code != 0 && !format!("{ran:?}").contains("s3cret"), "{ran:?}");
        }
    }
}
