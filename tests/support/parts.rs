//! Real clients, set up by the first test that needs them and kept for the next run.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use super::process::{Finished, run};
use super::scratch;

/// Where the scripts and the lists of their packages are.
pub const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real");
/// How long setting up one part may take on a slow line.
const SETTING_UP: Duration = Duration::from_mins(10);
/// How long a client may take on a busy machine.
const CLIENT: Duration = Duration::from_mins(2);
/// How long a run of Schemathesis may take, which is several times what it takes on a quiet machine.
const FUZZING: Duration = Duration::from_mins(5);

const NODE: Tool = Tool { name: "node", remedy: "install Node.js 20 or newer (Debian: apt install nodejs npm)" };
const NPM: Tool = Tool { name: "npm", remedy: "install Node.js 20 or newer with npm (Debian: apt install nodejs npm)" };
const PYTHON: Tool =
    Tool { name: "python3", remedy: "install Python 3.10 or newer (Debian: apt install python3-venv)" };
const CARGO: Tool = Tool { name: "cargo", remedy: "install Rust 1.95 or newer" };

/// Runs a JavaScript client with its packages at hand and returns what it printed.
pub fn node(script: &Path, arguments: &[&str]) -> String {
    node_modules();
    let mut command = Command::new(NODE.name);
    NODE.must(command.arg(script).args(arguments))
}

/// Runs a Python client with its packages at hand and returns what it printed.
pub fn python(script: &Path, arguments: &[&str]) -> String {
    PYTHON.must(Command::new(python_program()).arg(script).args(arguments))
}

/// The interpreter that has the Python packages at hand.
pub fn python_program() -> PathBuf {
    python_programs().join("python")
}

/// Runs Foundry's `cast`, which comes as a JavaScript package, and returns what it printed.
pub fn cast(arguments: &[&str]) -> String {
    NODE.must(Command::new(node_modules().join(".bin/cast")).args(arguments))
}

/// Runs Schemathesis in `directory`, where it keeps its notes, and returns what it printed if it found nothing.
pub fn schemathesis(directory: &Path, configuration: &str, arguments: &[String]) -> String {
    std::fs::write(directory.join("schemathesis.toml"), configuration).expect("a scratch directory");
    let mut command = Command::new(python_programs().join("schemathesis"));
    command.current_dir(directory).arg("--no-color").args(arguments);
    PYTHON.finish(&mut command, FUZZING).unwrap_or_else(|findings| panic!("{findings}")).stdout
}

/// The directory of the programs that Python packages bring along.
fn python_programs() -> &'static Path {
    static PROGRAMS: LazyLock<Result<PathBuf, String>> = LazyLock::new(set_up_python);
    PROGRAMS.as_ref().unwrap_or_else(|fault| panic!("{fault}"))
}

/// The browser: the one client that no package registry has.
pub fn chromium() -> PathBuf {
    let found = on_path("chromium");
    found.unwrap_or_else(|| panic!("chromium is missing: install Chromium (Debian: apt-get install chromium)"))
}

/// The node of a chain. npm has it for x86-64 Linux; elsewhere it has to be there.
pub fn anvil() -> PathBuf {
    let packaged = node_modules().join(".bin/anvil");
    let found = if packaged.is_file() { Some(packaged) } else { on_path("anvil") };
    found.unwrap_or_else(|| panic!("anvil is missing: install Foundry 1.7 or newer (https://getfoundry.sh)"))
}

/// The file that holds, for each contract of `tests/real/contracts`, the code that creates it.
pub fn contracts() -> PathBuf {
    static READY: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        node_modules();
        let (place, compiler) = (scratch::parts().join("contracts"), script("compile.mjs"));
        let file = place.join("code.json");
        let mut sources: Vec<PathBuf> =
            std::fs::read_dir(script("contracts")).expect("contracts").flatten().map(|entry| entry.path()).collect();
        sources.sort();
        sources.extend([compiler.clone(), script("package-lock.json")]);
        let recipe: String = sources.iter().map(|source| read(source)).collect();
        set_up("the contracts", &place, &recipe, || NODE.done(Command::new(NODE.name).arg(&compiler).arg(&file)))?;
        Ok(file)
    });
    READY.as_ref().unwrap_or_else(|fault| panic!("{fault}")).clone()
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// The program that signs with alloy, built apart from the gateway, whose lock file it would double.
pub fn alloy() -> PathBuf {
    static READY: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let (source, place) = (script("alloy"), scratch::parts().join("alloy"));
        let recipe = ["Cargo.toml", "Cargo.lock", "src/main.rs"].map(|file| read(&source.join(file))).concat();
        set_up("the alloy client", &place, &recipe, || {
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| CARGO.name.into()));
            cargo.args(["build", "--locked", "--quiet", "--target-dir"]).arg(&place).current_dir(&source);
            CARGO.done(&mut cargo)
        })?;
        Ok(place.join("debug/alloy-client"))
    });
    READY.as_ref().unwrap_or_else(|fault| panic!("{fault}")).clone()
}

/// The script of this name in `tests/real`.
pub fn script(name: &str) -> PathBuf {
    Path::new(SCRIPTS).join(name)
}

/// The directory of the JavaScript packages.
pub fn node_modules() -> PathBuf {
    static READY: LazyLock<Result<(), String>> = LazyLock::new(|| {
        let (modules, lock) = (script("node_modules"), script("package-lock.json"));
        set_up("the JavaScript clients", &modules, &read(&lock), || {
            NPM.done(Command::new(NPM.name).args(["ci", "--no-progress", "--prefix", SCRIPTS]).current_dir(SCRIPTS))
        })
    });
    READY.as_ref().unwrap_or_else(|fault| panic!("{fault}"));
    script("node_modules")
}

fn set_up_python() -> Result<PathBuf, String> {
    let (place, list) = (scratch::parts().join("python"), script("requirements.txt"));
    let programs = place.join("bin");
    set_up("the Python clients", &place, &read(&list), || {
        PYTHON.done(Command::new(PYTHON.name).args(["-m", "venv", "--clear"]).arg(&place))?;
        let mut pip = Command::new(programs.join("python"));
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--requirement"]).arg(&list);
        PYTHON.done(&mut pip)
    })?;
    Ok(programs)
}

/// Fetches a `PostgreSQL` of our own, for machines that have none, and returns the directory of its programs.
///
/// # Errors
/// One line that says what is missing, or the output of what failed.
pub fn postgres() -> Result<PathBuf, String> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let name = format!("@embedded-postgres/{system}-{architecture}");
    let package = format!("{name}@18.4.0-beta.17");
    let place = scratch::parts().join("postgres");
    let installed = place.join("node_modules").join(&name);
    set_up("PostgreSQL", &place, &package, || {
        let mut npm = Command::new(NPM.name);
        NPM.done(npm.args(["install", "--no-progress", "--no-save", "--prefix"]).args([&place]).arg(&package))?;
        // npm no longer runs the package's own step, which makes links of what its archive can't hold as links.
        NODE.done(Command::new(NODE.name).arg("scripts/hydrate-symlinks.js").current_dir(&installed))
    })?;
    Ok(installed.join("native/bin"))
}

/// Does `work` unless it was done for the same `recipe` before, by whichever thread or process comes first.
fn set_up(what: &str, place: &Path, recipe: &str, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let say = |error: std::io::Error| format!("{what}: {error}");
    std::fs::create_dir_all(scratch::parts()).map_err(say)?;
    let lock = File::create(scratch::parts().join("lock")).map_err(say)?;
    lock.lock().map_err(say)?;
    let stamp = place.join(".countersign-recipe");
    if std::fs::read_to_string(&stamp).is_ok_and(|done| done == recipe) {
        return Ok(());
    }
    // Not by `println!`, which would be shown for failed tests alone.
    writeln!(std::io::stderr(), "setting up {what} (once) …").map_err(say)?;
    std::fs::remove_file(&stamp).or_else(|error| if missing(&error) { Ok(()) } else { Err(error) }).map_err(say)?;
    std::fs::create_dir_all(place).map_err(say)?;
    work()?;
    std::fs::write(&stamp, recipe).map_err(say)
}

fn missing(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A program that a newcomer may not have.
struct Tool {
    name: &'static str,
    remedy: &'static str,
}

impl Tool {
    fn done(&self, command: &mut Command) -> Result<(), String> {
        self.finish(command, SETTING_UP).map(|_| ())
    }

    fn must(&self, command: &mut Command) -> String {
        self.finish(command, CLIENT).unwrap_or_else(|fault| panic!("{fault}")).stdout
    }

    fn finish(&self, command: &mut Command, limit: Duration) -> Result<Finished, String> {
        let finished = run(command, limit).map_err(|error| {
            if missing(&error) {
                format!("{} is missing: {}", self.name, self.remedy)
            } else {
                format!("{}: {error}", self.name)
            }
        })?;
        if finished.code == 0 {
            return Ok(finished);
        }
        let (stdout, stderr) = (&finished.stdout, &finished.stderr);
        Err(format!("{command:?} ended with {}:\n{stdout}\n{stderr}", finished.code))
    }
}
