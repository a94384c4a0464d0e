//! A server with certificates, good ones and others.

use super::errors::{CANARY, refusal};
use super::ground::{Plain, options, private_server};
use es_core::{EventStore, StoreError};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use test_server::{Server, Settings};
use tests::tally;

/// An authority that nobody but this test trusts.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key.
    fn certify(&self, params: &CertificateParams) -> [String; 2] {
        let key = KeyPair::generate().unwrap();
        [params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem()]
    }
}

fn certificate_for(host: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, host);
    params
}

/// Gives the server a certificate and its key, and starts it again.
fn show(server: &Server, [certificate, key]: &[String; 2]) {
    let owner = fs::metadata(server.data_folder()).unwrap();
    for (name, text) in [("server.crt", certificate), ("server.key", key)] {
        let path = server.data_folder().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    tokio::task::block_in_place(|| {
        server.stop_immediately().unwrap();
        server.start_again().unwrap();
    });
}

fn url(server: &Server, mode: &str, root: &Path) -> String {
    let root = root.display();
    format!("postgres://tls:{CANARY}@127.0.0.1:{}/postgres?sslmode={mode}&sslrootcert={root}", server.port())
}

/// Appends over an encrypted connection.
async fn works(url: &str, number: u64) {
    let store = options(url).open().await.unwrap();
    store.append(tally::append(&tally::stream("tls"), number)).await.unwrap();
    assert!(!format!("{store:?}").contains(CANARY));
    store.close().await.unwrap();
    let mut plain = Plain::connect(url).await;
    let encrypted = "SELECT count(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
    assert_eq!(plain.number(encrypted).await, 1);
}

async fn is_refused(what: &str, url: &str) {
    let error = refusal(url).await;
    println!("{what}: {error}");
    assert!(matches!(error, StoreError::Unusable(_)), "{what}: {error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn se_14_only_a_server_with_the_right_certificate_is_trusted() {
    let Some(server) = private_server(Settings::new().with("max_connections", "30")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (authority, stranger) = (Authority::new("the authority"), Authority::new("a stranger"));
    let root = folder.path().join("root.crt");
    fs::write(&root, &authority.pem).unwrap();
    let mut plain = Plain::connect(&server.url("postgres")).await;
    plain.run(&format!("CREATE ROLE tls LOGIN SUPERUSER PASSWORD '{CANARY}'")).await;

    // Before it has a certificate: it can talk in plain text only.
    for mode in ["require", "verify-ca", "verify-full"] {
        is_refused("a server without TLS", &url(&server, mode, &root)).await;
    }
    plain.run("ALTER SYSTEM SET ssl = on").await;
    drop(plain);

    let good = authority.certify(&certificate_for("127.0.0.1"));
    show(&server, &good);
    works(&url(&server, "verify-full", &root), 1).await;

    let mut expired = certificate_for("127.0.0.1");
    expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2002, 1, 1);
    show(&server, &authority.certify(&expired));
    is_refused("an expired certificate", &url(&server, "verify-full", &root)).await;

    show(&server, &authority.certify(&certificate_for("db.example.org")));
    is_refused("another host's certificate", &url(&server, "verify-full", &root)).await;
    // Whoever does not ask for the name does not get it checked.
    works(&url(&server, "verify-ca", &root), 2).await;

    show(&server, &stranger.certify(&certificate_for("127.0.0.1")));
    is_refused("a stranger's certificate", &url(&server, "verify-full", &root)).await;
    is_refused("a stranger's certificate", &url(&server, "verify-ca", &root)).await;

    let (own, key) = (certificate_for("127.0.0.1"), KeyPair::generate().unwrap());
    show(&server, &[own.self_signed(&key).unwrap().pem(), key.serialize_pem()]);
    is_refused("a self-signed certificate", &url(&server, "verify-full", &root)).await;

    // Nothing was left behind by what was refused.
    show(&server, &good);
    works(&url(&server, "verify-full", &root), 3).await;
    let store = options(&url(&server, "verify-full", &root)).open().await.unwrap();
    assert_eq!(super::ground::log(&store).await.len(), 3);
    store.head().await.unwrap();
}
