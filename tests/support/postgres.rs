//! A throw-away `PostgreSQL` server per test process, a fresh database per test, and servers that a test can stop.
//!
//! `TEST_POSTGRES_URL` names a server to use instead; the databases made on it stay there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, Executor, PgConnection};
use url::Url;

use super::{block_on, parts};

/// Makes an empty database and returns its URL.
///
/// # Panics
/// When there is no `PostgreSQL` to be had; the message says what to do.
pub fn create_database() -> String {
    static SERVER: LazyLock<Result<Postgres, String>> = LazyLock::new(Postgres::find);
    let server = SERVER.as_ref().unwrap_or_else(|fault| panic!("{fault}"));
    server.create_database()
}

/// A server of a test's own, to be stopped and started. It keeps what it has committed however it is stopped.
pub struct Cluster(Postgres);

impl Cluster {
    /// Starts one.
    ///
    /// # Panics
    /// As [`create_database`].
    pub fn start() -> Self {
        Self(Programs::find().and_then(|programs| Postgres::start(&programs)).unwrap_or_else(|fault| panic!("{fault}")))
    }

    /// Makes an empty database and returns its URL.
    pub fn create_database(&self) -> String {
        self.0.create_database()
    }

    /// Has it stopped, without waiting: `fast` hangs up on everybody, `immediate` is a crash.
    pub fn begin_stop(&mut self, mode: &str) {
        self.0.tell(mode);
    }

    /// Has it stand still, as a machine that swaps or a network that is cut: it hangs up on nobody and answers nobody.
    pub fn freeze(&mut self) {
        self.0.tell("STOP");
        assert_eq!(self.0.hear(), "STOP");
    }

    /// Has it go on where it stood still.
    pub fn thaw(&mut self) {
        self.0.tell("CONT");
        assert_eq!(self.0.hear(), "CONT");
    }

    /// Waits until it is stopped, and starts it again.
    pub fn start_again(&mut self) {
        assert_eq!(self.0.hear(), "stopped");
        self.0.tell("start");
        assert_eq!(self.0.hear(), "ready");
    }
}

fn execute(url: &Url, statement: String) {
    block_on(async {
        let mut connection = PgConnection::connect(url.as_str()).await.expect("PostgreSQL accepts a connection");
        #[expect(clippy::disallowed_methods, reason = "the name of a database can't be a parameter")]
        let statement = sqlx::AssertSqlSafe(statement);
        connection.execute(statement).await.expect("PostgreSQL does as it is told");
    });
}

struct Postgres {
    url: Url,
    /// The shell below which the server runs, and what it says. When its stdin closes, as it does when this process
    /// ends, it cleans up.
    keeper: Option<(Child, BufReader<ChildStdout>)>,
}

impl Postgres {
    fn find() -> Result<Self, String> {
        if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
            let url = Url::parse(&url).map_err(|error| format!("TEST_POSTGRES_URL: {error}"))?;
            return Ok(Self { url, keeper: None });
        }
        let programs = Programs::find()?;
        // The free port may be another's when it comes to listening on it; twice in a row is not to be believed.
        Self::start(&programs).or_else(|_| Self::start(&programs))
    }

    /// Makes a cluster in a new directory and starts a server on it.
    fn start(programs: &Programs) -> Result<Self, String> {
        let directory = tempfile::Builder::new().prefix("countersign-postgres-").tempdir();
        // Kept here and removed by the shell, which is there until the end.
        let directory = directory.map_err(|error| format!("no directory for PostgreSQL: {error}"))?.keep();
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.map_err(|error| format!("no port for PostgreSQL: {error}"))?.port();
        let mut keeper = keeper(programs, &directory, port)?;
        let mut said = BufReader::new(keeper.stdout.take().ok_or("stdout is piped")?);
        let mut first = String::new();
        said.read_line(&mut first).map_err(|error| error.to_string())?;
        if first != "ready\n" {
            drop(keeper.stdin.take());
            said.read_to_string(&mut first).map_err(|error| error.to_string())?;
            return Err(format!("PostgreSQL did not start:\n{first}"));
        }
        let url = format!("postgres://countersign@127.0.0.1:{port}/postgres");
        Ok(Self { url: Url::parse(&url).map_err(|error| error.to_string())?, keeper: Some((keeper, said)) })
    }

    fn create_database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("countersign_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        execute(&self.url, format!("DROP DATABASE IF EXISTS {name}"));
        execute(&self.url, format!("CREATE DATABASE {name}"));
        let mut url = self.url.clone();
        url.set_path(&name);
        url.into()
    }

    /// Gives the keeper an order.
    fn tell(&mut self, word: &str) {
        let (keeper, _) = self.keeper.as_mut().expect("a server of our own");
        writeln!(keeper.stdin.as_mut().expect("stdin is piped"), "{word}").expect("the keeper listens");
    }

    /// The keeper's answer.
    fn hear(&mut self) -> String {
        let (_, said) = self.keeper.as_mut().expect("a server of our own");
        let mut line = String::new();
        said.read_line(&mut line).expect("the keeper answers");
        line.trim_end().to_owned()
    }
}

/// Starts the shell that starts the server, stops it when its own stdin closes, and removes the directory.
fn keeper(programs: &Programs, directory: &Path, port: u16) -> Result<Child, String> {
    const SCRIPT: &str = r#"
        trap '' HUP INT TERM PIPE # whoever reads what this prints may be gone by then
        programs=$1 directory=$2 port=$3 copy=$4; shift 4
        if [ "$copy" = copy ]; then
            cp -R "$programs/.." "$directory/programs" && programs=$directory/programs/bin
        fi
        options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300"
        # Without fsync a commit outlives the server, if not the machine.
        options="$options -c fsync=off -c full_page_writes=off"
        start() { "$@" "$programs/pg_ctl" -D data -l data/log -o "$options" -w start >>log 2>&1 </dev/null; }
        server() { head -n 1 data/postmaster.pid; }
        processes() { ps -A -o pid= -o ppid= | awk -v server="$(server)" '$2 == server { print $1 }'; }
        if "$@" "$programs/initdb" -D data -U countersign -A trust -E UTF8 --locale=C --no-sync >log 2>&1 </dev/null &&
            start "$@"
        then
            echo ready
        else
            cat log data/log 2>&1
        fi
        while read -r word; do
            case $word in
                start) start "$@" && echo ready || echo failed ;;
                # The server first, that it starts no others, and last when it goes on, for the same reason.
                STOP) kill -STOP "$(server)" && kill -STOP $(processes) && echo STOP || echo failed ;;
                CONT) kill -CONT $(processes) && kill -CONT "$(server)" && echo CONT || echo failed ;;
                *) "$@" "$programs/pg_ctl" -D data -m "$word" -w stop >>log 2>&1 </dev/null && echo stopped || echo failed ;;
            esac
        done
        "$@" "$programs/pg_ctl" -D data -m fast -w stop >>log 2>&1 </dev/null
        cd / && rm -rf "$directory"
    "#;
    let copy = if programs.is_root && programs.downloaded { "copy" } else { "" };
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "sh"]).args([&programs.directory, directory]).args([&port.to_string(), copy]);
    if programs.is_root {
        // The server refuses to run as root, so it runs as nobody, who must own its directory.
        shell.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
        chown(directory, Some(65534), Some(65534)).map_err(|error| format!("chown for PostgreSQL: {error}"))?;
    }
    // In a group of its own it survives the Ctrl-C that ends the tests.
    shell.current_dir(directory).process_group(0);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    shell.spawn().map_err(|error| format!("sh: {error}"))
}

/// Where `initdb` and `pg_ctl` are.
struct Programs {
    directory: PathBuf,
    /// Whether they came with a package of ours, maybe below a directory that only root can enter.
    downloaded: bool,
    is_root: bool,
}

impl Programs {
    fn find() -> Result<Self, String> {
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&on_path).filter_map(|place| place.join("initdb").canonicalize().ok());
        let on_path = on_path.filter_map(|program| program.parent().map(Path::to_owned));
        let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
            .unwrap_or_default();
        debian.sort();
        let installed = on_path.chain(debian.into_iter().rev()).find(|place| place.join("pg_ctl").exists());
        match installed {
            Some(directory) => Ok(Self { directory, downloaded: false, is_root }),
            None => Ok(Self { directory: parts::postgres()?, downloaded: true, is_root }),
        }
    }
}
