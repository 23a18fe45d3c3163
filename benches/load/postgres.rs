//! A throw-away PostgreSQL server. The tests have one too, but theirs does not sync what it commits, and this one's
//! commits are what is measured.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sqlx::{Connection, PgConnection};

use crate::Fault;

/// Makes a cluster, says so, and waits for the end of its input: then it stops the server and removes the directory,
/// however the driver ended.
const KEEPER: &str = r#"
    trap '' HUP INT TERM PIPE
    programs=$1 directory=$2 port=$3; shift 3
    options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    if "$@" "$programs/initdb" -D data -U countersign -A trust -E UTF8 --locale=C >log 2>&1 </dev/null &&
        "$@" "$programs/pg_ctl" -D data -l data/log -o "$options" -w start >>log 2>&1 </dev/null
    then
        echo ready
    else
        cat log data/log 2>&1
    fi
    read -r _
    "$@" "$programs/pg_ctl" -D data -m immediate -w stop >>log 2>&1 </dev/null
    cd / && rm -rf "$directory"
"#;

/// A server with the defaults of its version, and two empty databases on it.
pub struct Cluster {
    keeper: Child,
    port: u16,
}

impl Cluster {
    pub async fn start() -> Result<Self, Fault> {
        let programs = programs().ok_or_else(|| {
            let remedy = "install it (Debian: apt-get install postgresql), or name a server with --database-url";
            Fault(format!("--postgres: there is no PostgreSQL; {remedy}"))
        })?;
        // Kept here and removed by the keeper, which is there until the end.
        let directory = tempfile::Builder::new().prefix("countersign-bench-").tempdir()?.keep();
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let cluster = Self { keeper: keeper(&programs, &directory, port)?, port };
        let mut connection = PgConnection::connect(&cluster.url("postgres")).await?;
        sqlx::query("CREATE DATABASE fresh").execute(&mut connection).await?;
        sqlx::query("CREATE DATABASE filled").execute(&mut connection).await?;
        connection.close().await?;
        Ok(cluster)
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://countersign@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // It removes the directory last of all; whether it could changes no figure.
        let _ = self.keeper.wait();
    }
}

/// Does at once what the server would do in the background while something else is measured: write the pages that a
/// filling changed, and learn what is in the tables.
pub async fn settle(url: &str) -> Result<(), Fault> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query("VACUUM ANALYZE").execute(&mut connection).await?;
    sqlx::query("CHECKPOINT").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Starts the shell that keeps the server, and waits until it is ready.
fn keeper(programs: &Path, directory: &Path, port: u16) -> Result<Child, Fault> {
    let mut shell = Command::new("sh");
    shell.args(["-c", KEEPER, "sh"]).args([programs, directory]).arg(port.to_string());
    if std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) {
        // The server refuses to run as root, so it runs as nobody, who must own its directory.
        shell.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
        chown(directory, Some(65534), Some(65534))?;
    }
    // In a group of its own it survives the Ctrl-C that ends the driver, and cleans up.
    shell.current_dir(directory).process_group(0);
    let mut keeper = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut said = BufReader::new(keeper.stdout.take().ok_or_else(|| Fault("no standard output".to_owned()))?);
    let mut words = String::new();
    said.read_line(&mut words)?;
    if words == "ready\n" {
        return Ok(keeper);
    }
    drop(keeper.stdin.take());
    said.read_to_string(&mut words)?;
    keeper.wait()?;
    Err(Fault(format!("PostgreSQL did not start:\n{words}")))
}

/// The directory of `initdb` and `pg_ctl`: on the path, or where Debian has them, the newest version first.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter_map(|place| place.join("initdb").canonicalize().ok());
    let on_path = on_path.filter_map(|program| program.parent().map(Path::to_owned));
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    on_path.chain(debian.into_iter().rev()).find(|place| place.join("pg_ctl").exists())
}
