//! `completions`.

use crate::bank::{Args, Bank};
use crate::program::{Shop, ran};
use clap::CommandFactory;
use es_cli::FailureKind;

#[tokio::test]
async fn a_script_knows_the_commands_of_an_application() {
    let bank = Bank::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = bank.run(&format!("completions {shell}")).await.data();
        for word in ["replay", "projections", "tail", "store"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert!(Args::command().find_subcommand("completions").is_some());
}

#[tokio::test]
async fn the_program_needs_no_store_for_its_script() {
    let shop = Shop::new().await;
    let run = |line: &str| {
        let mut program = shop.program();
        program.args(line.split(' '));
        ran(program)
    };
    let script = run("completions bash").data();
    assert!(script.contains("complete -F _es") && script.contains("migrate"), "{script}");
    let refusal = run("completions cmd").refusal(FailureKind::Usage);
    assert!(refusal.contains("[possible values: bash, elvish, fish, powershell, zsh]"), "{refusal}");
}

#[tokio::test]
async fn bash_takes_the_script() {
    let shop = Shop::new().await;
    let mut program = shop.program();
    program.args(["completions", "bash"]);
    std::fs::write(shop.directory.path().join("es.bash"), ran(program).data()).unwrap();
    let mut bash = std::process::Command::new("bash");
    let words =
        "source es.bash; COMP_WORDS=(es events t); COMP_CWORD=2; _es es t events; echo ${COMPREPLY[*]}";
    bash.current_dir(&shop.directory).args(["-c", words]);
    assert_eq!(ran(bash).data(), "tail\n");
}
