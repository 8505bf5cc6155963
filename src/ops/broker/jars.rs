//! Where a real Kafka comes from: its jars, fetched once from Maven Central into a cache outside the clone.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::BrokerError;

/// The oldest Java that the broker runs on.
const JAVA_MIN: u32 = 17;
const INSTALL_JAVA: &str = "install a Java runtime 17 or newer (Debian: apt-get install openjdk-17-jre-headless)";
const INSTALL_MAVEN: &str = "install Apache Maven (Debian: apt-get install maven)";
/// Apicurio comes as one archive and has no project of ours.
const APICURIO_POM: &str = "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
    <groupId>reflow</groupId><artifactId>registry</artifactId><version>1</version><packaging>pom</packaging>\n</project>\n";
/// Kafka's own dependencies name no logging back end; without one the broker says nothing.
const LOG4J: &str = "2.25.4";

/// The directory with the jars of that Kafka version, fetched when it is not there yet.
pub fn fetch(version: &str) -> Result<PathBuf, BrokerError> {
    let wanted = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib"];
    fetched("kafka", version, &pom(version), &wanted).map(|home| home.join("lib"))
}

/// The directory with that version of Apicurio, fetched when it is not there yet.
pub fn fetch_apicurio(version: &str) -> Result<PathBuf, BrokerError> {
    let artifact = format!("-Dartifact=io.apicurio:apicurio-registry-app:{version}:tar.gz:all");
    let wanted = ["dependency:unpack", &artifact, "-DoutputDirectory=app"];
    fetched("apicurio", version, APICURIO_POM, &wanted).map(|home| home.join("app"))
}

/// What Maven brings into a directory of the cache, with the project file that says what it was asked for.
fn fetched(what: &'static str, version: &str, pom: &str, goal: &[&str]) -> Result<PathBuf, BrokerError> {
    let cache = cache_dir(variable).ok_or(BrokerError::NoCache)?;
    let home = cache.join(format!("{what}-{version}"));
    if is_complete(&home, pom) {
        return Ok(home);
    }
    let io = |error| BrokerError::Io { what: format!("the cache {}", cache.display()), error };
    fs::create_dir_all(&cache).map_err(io)?;
    // Fetched beside its place and renamed: a fetch that breaks off leaves nothing half.
    let scratch = tempfile::Builder::new().prefix("fetch-").tempdir_in(&cache).map_err(io)?;
    let fresh = scratch.path().join("fresh");
    fs::create_dir(&fresh).map_err(io)?;
    fs::write(fresh.join("pom.xml"), pom).map_err(io)?;
    maven(&fresh, what, version, goal)?;
    // What stands there is from another build, or another process was faster.
    let _ = fs::rename(&home, scratch.path().join("old"));
    match fs::rename(&fresh, &home) {
        Err(error) if !is_complete(&home, pom) => Err(io(error)),
        _ => Ok(home),
    }
}

/// The `java` to use, checked for its version.
pub fn java() -> Result<PathBuf, BrokerError> {
    let java = match variable("JAVA_HOME") {
        Some(home) => Path::new(&home).join("bin/java"),
        None => PathBuf::from("java"),
    };
    let missing = || BrokerError::Missing { tool: "java", install: INSTALL_JAVA };
    let output = Command::new(&java).arg("-version").output().map_err(|_| missing())?;
    match java_major(&String::from_utf8_lossy(&output.stderr)) {
        Some(major) if major >= JAVA_MIN => Ok(java),
        _ => Err(missing()),
    }
}

fn maven(dir: &Path, what: &'static str, version: &str, goal: &[&str]) -> Result<(), BrokerError> {
    let mut maven = Command::new("mvn");
    maven.args(["-B", "-q"]).args(goal);
    let output =
        maven.current_dir(dir).output().map_err(|_| BrokerError::Missing { tool: "mvn", install: INSTALL_MAVEN })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Err(BrokerError::Fetch { what, version: version.to_owned(), said: super::tail(&said) })
}

fn is_complete(home: &Path, pom: &str) -> bool {
    fs::read_to_string(home.join("pom.xml")).is_ok_and(|found| found == pom)
}

fn cache_dir(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(own) = variable("REFLOW_CACHE") {
        return Some(PathBuf::from(own));
    }
    let shared = variable("XDG_CACHE_HOME").map(PathBuf::from);
    shared.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache"))).map(|dir| dir.join("reflow"))
}

/// An environment variable that is set and not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "where tools and caches lie on this machine is no configuration of the worker"
)]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The major version in what `java -version` prints: `17` of `"17.0.15"`, `8` of `"1.8.0_392"`.
fn java_major(printed: &str) -> Option<u32> {
    let version = printed.split('"').nth(1)?;
    let mut numbers = version.split(['.', '-', '_', '+']).map(|part| part.parse::<u32>().ok());
    match numbers.next()?? {
        1 => numbers.next()?,
        major => Some(major),
    }
}

fn pom(version: &str) -> String {
    let artifact = |group: &str, artifact: &str, version: &str| {
        format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>\n"
        )
    };
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>reflow</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging>\n  \
         <dependencies>\n{}{}  </dependencies>\n</project>\n",
        artifact("org.apache.kafka", "kafka_2.13", version),
        artifact("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_versions_old_and_new() {
        assert_eq!(java_major("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK …"), Some(17));
        assert_eq!(java_major("java version \"1.8.0_392\""), Some(8));
        assert_eq!(java_major("openjdk version \"25-ea\" 2025-09-16"), Some(25));
        assert_eq!(java_major("command not found"), None);
    }

    #[test]
    fn the_nearest_cache_variable_wins() {
        let with = |set: &'static [(&str, &str)]| {
            move |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value))
        };
        let all = with(&[("REFLOW_CACHE", "/r"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]);
        assert_eq!(cache_dir(all), Some(PathBuf::from("/r")));
        assert_eq!(cache_dir(with(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")])), Some(PathBuf::from("/x/reflow")));
        assert_eq!(cache_dir(with(&[("HOME", "/h")])), Some(PathBuf::from("/h/.cache/reflow")));
        assert_eq!(cache_dir(with(&[])), None);
    }

    #[test]
    fn a_cache_of_another_build_is_not_complete() {
        let home = tempfile::tempdir().unwrap();
        assert!(!is_complete(home.path(), &pom("4.3.1")));
        fs::write(home.path().join("pom.xml"), pom("4.3.1")).unwrap();
        assert!(is_complete(home.path(), &pom("4.3.1")));
        assert!(!is_complete(home.path(), &pom("4.1.2")));
    }
}
