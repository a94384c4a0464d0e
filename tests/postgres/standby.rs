//! A hot standby shows rows, but neither the locks of writers nor the sequence as it is now.

use super::scene::{appended, connect, number, options, private_server, reaches, refused, unusable, url_of};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use test_server::{Server, Settings};

struct Standby<'s> {
    primary: &'s Server,
    port: u16,
}

impl<'s> Standby<'s> {
    fn start(primary: &'s Server) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut copy = primary.command("pg_basebackup");
        execute(copy.args(["--pgdata", "standby", "--write-recovery-conf", "--checkpoint", "fast"]));
        let standby = Self { primary, port };
        execute(standby.control("start").args(["--log", "standby.log", "--options", &format!("-p {port}")]));
        standby
    }

    fn control(&self, action: &str) -> Command {
        let mut command = self.primary.command("pg_ctl");
        command.args([action, "--silent", "--wait", "--pgdata", "standby"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Standby<'_> {
    fn drop(&mut self) {
        // Its folder goes with the primary's in any case.
        let _ = self.control("stop").args(["--mode", "immediate"]).status();
    }
}

fn execute(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_28_a_store_on_a_standby_is_refused_with_the_reason() {
    let Some(primary) = private_server(Settings::new().with("hot_standby", "on")) else { return };
    let store = options(&primary.url("postgres")).open().await.unwrap();
    appended(&store, "a", 2).await;
    let standby = Standby::start(&primary);
    let from = format!(":{}/", primary.port());
    let url = url_of(&primary.url("postgres"), "postgres").replace(&from, &format!(":{}/", standby.port));
    let mut connection = connect(&url).await;
    reaches(&mut connection, "the rows are there", "SELECT count(*) FROM es.events", 2).await;
    for options in [options(&url), options(&url).without_migrations()] {
        let reason = unusable(options.open().await);
        assert!(reason.contains("standby") && reason.contains("locks"), "{reason}");
    }
    // What the refusal is for: the locks of the primary's writers are not seen there.
    let mut writer = super::scene::Transaction::begin(&primary.url("postgres"), &store).await;
    writer.append("late").await;
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    assert_eq!(number(&mut connect(&primary.url("postgres")).await, locks).await, 1);
    assert_eq!(number(&mut connection, locks).await, 0);
    // A program that was connected before its server became a standby is refused, too, and may find the primary again.
    assert_eq!(refused(&mut connection, "SELECT es.horizon()").await, "25006");
}
