//! Runs a private PostgreSQL server until Ctrl-C or the end of stdin, for `cargo test` in another terminal.

use anyhow::Result;
use std::io;
use test_server::{Server, Settings};

fn main() -> Result<()> {
    let server = Server::start(Settings::new())?;
    println!("export ES_TEST_DATABASE_URL='{}'", server.url("postgres"));
    println!("# data folder {}", server.data_folder().display());
    println!("# log file {}", server.log_file().display());
    println!("# runs until Ctrl-C or the end of stdin");
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
