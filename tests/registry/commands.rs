//! `reflow schemas` against a real registry, one that is not there, and one that does not let us in.

use std::io::{Read, Write};
use std::net::TcpListener;

use reflow::bus::registry::subjects;
use reflow::bus::{Topic, Topics};
use serde_json::{Value as Json, json};

use crate::deployment::{Deployment, register, registry};

/// Nobody listens there.
const NOBODY: &str = "127.0.0.1:9";

fn rows(out: &str) -> Vec<Json> {
    serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn schemas_are_checked_registered_and_checked_again() {
    let registry = registry();
    let deployment = Deployment::new(NOBODY, "schemas", &format!("url: \"{}/\"", registry.url()));
    let topics = Topics { prefix: deployment.prefix.clone(), customer_shards: 2, partner_shards: 1 };
    let count = subjects(&topics).len();
    assert_eq!(count, 18);

    let checked = deployment.run(&["schemas", "check", "--json"]);
    assert_eq!(checked.code, 1, "{}", checked.err);
    assert!(rows(&checked.out).iter().all(|row| row["state"] == "missing"), "{}", checked.out);

    let registered = deployment.run(&["schemas", "register", "--json"]);
    assert_eq!(registered.code, 0, "{}", registered.err);
    let ids = rows(&registered.out);
    assert_eq!(ids.len(), count);
    let id = |topic: &str| {
        ids.iter().find(|row| row["subject"] == format!("{}{topic}-value", topics.prefix)).unwrap()["id"].clone()
    };
    assert!(id("applications").is_u64());
    assert_eq!(id("candidates.realtime"), id("candidates.active"), "one schema, one id");

    // Again: nothing changes, and a check agrees.
    assert_eq!(rows(&deployment.run(&["schemas", "register", "--json"]).out), ids);
    let checked = deployment.run(&["schemas", "check", "--json"]);
    assert_eq!((checked.code, rows(&checked.out)), (0, ids), "{}", checked.err);
    let table = deployment.run(&["schemas", "check"]);
    assert!(table.out.contains(&topics.name(Topic::Applications)) && !table.out.contains("missing"), "{}", table.out);
}

#[test]
fn what_is_not_compatible_is_named() {
    let registry = registry();
    let deployment = Deployment::new(NOBODY, "clash", &format!("url: \"{}\"", registry.url()));
    let subject = format!("{}replies-value", deployment.prefix);
    let other = json!({"type": "record", "name": "Reply", "namespace": "reflow.v1",
                       "fields": [{"name": "only", "type": "double"}]});
    register(&registry.url(), &subject, &other.to_string());
    let config = ureq::put(format!("{}/config/{subject}", registry.url()));
    config.header("Content-Type", "application/json").send(r#"{"compatibility":"FULL"}"#).unwrap();

    for what in ["check", "register"] {
        let said = deployment.run(&["schemas", what, "--json"]);
        assert_eq!(said.code, 1, "{what}: {}", said.err);
        let rows = rows(&said.out);
        let wrong: Vec<&Json> = rows.iter().filter(|row| row["state"] == "incompatible").collect();
        assert_eq!(wrong.len(), 1, "{what}: {rows:?}");
        assert_eq!(wrong[0]["subject"], subject);
        assert!(!wrong[0]["detail"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_registry_out_of_reach_is_exit_3_and_none_is_exit_2() {
    let away = Deployment::new(NOBODY, "away", &format!("url: \"http://{NOBODY}/apis/ccompat/v7\""));
    let said = away.run(&["schemas", "check"]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("out of reach") && said.err.contains(NOBODY), "{}", said.err);
    let none = Deployment::new(NOBODY, "none", "");
    let said = none.run(&["schemas", "check"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("registry.url"), "{}", said.err);
}

/// Credentials are sent, a refusal is a matter of configuration, and no secret is repeated.
#[test]
fn a_registry_that_does_not_let_us_in_is_exit_2() {
    for (login, header) in [
        ("username: me, password: hush-hush", "authorization: Basic bWU6aHVzaC1odXNo"),
        ("token: hush-hush", "authorization: Bearer hush-hush"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/deep/path", listener.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            String::from_utf8_lossy(&request).into_owned()
        });
        let deployment = Deployment::new(NOBODY, "refused", &format!("url: \"{url}\", {login}"));
        let said = deployment.run(&["schemas", "check"]);
        let request = asked.join().unwrap();
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains("401") && !said.err.contains("hush"), "{}", said.err);
        assert!(request.starts_with("POST /deep/path/subjects/"), "{request}");
        assert!(request.contains(header), "{request}");
    }
}
