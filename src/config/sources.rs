//! Where settings come from: files first, then the environment, which wins. Unknown names stop here.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::keys;

/// What is wrong with the configuration, and where: one line, or one for each fault of a token list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// The environment variables to read, so that a test can bring its own.
#[derive(Clone, Debug, Default)]
pub struct Environment(pub Vec<(String, String)>);

impl Environment {
    const PREFIX: &str = "COUNTERSIGN_";
    /// Names of the client verbs, which are no configuration.
    const CLIENT: [&str; 3] = ["COUNTERSIGN_URL", "COUNTERSIGN_TOKEN", "COUNTERSIGN_PRIVATE_KEY"];

    /// The process's own variables that concern us.
    ///
    /// # Errors
    /// If one of them is not UTF-8.
    pub fn of_process() -> Result<Self, ConfigError> {
        let mut found = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with(Self::PREFIX)) else { continue };
            let value = value.into_string().map_err(|_| ConfigError(format!("{name}: the value is not UTF-8")))?;
            found.push((name.to_owned(), value));
        }
        Ok(Self(found))
    }
}

/// A value as written, and where.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) raw: Raw,
    pub(super) source: String,
}

/// A value as written.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    /// Typed, in a file.
    Toml(toml::Value),
    /// Text, in the environment.
    Text(String),
}

/// All settings that were written somewhere, by the name of their key.
pub(super) type Settings = BTreeMap<&'static str, Setting>;

/// Reads `files` in their order, then `environment`; later ones win.
pub(super) fn gather(files: &[PathBuf], environment: &Environment) -> Result<Settings, ConfigError> {
    let mut settings = Settings::new();
    for file in files {
        let source = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|error| ConfigError(format!("{source}: the file can't be read: {error}")))?;
        let table: toml::Table = text.parse().map_err(|error| toml_fault(&source, &text, &error))?;
        flatten(&mut settings, "", table, &source)?;
    }
    for (name, value) in &environment.0 {
        read_variable(&mut settings, name, value)?;
    }
    Ok(settings)
}

fn toml_fault(source: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    ConfigError(format!("{source}: line {line}: {}", error.message().replace('\n', " ")))
}

fn flatten(settings: &mut Settings, prefix: &str, table: toml::Table, source: &str) -> Result<(), ConfigError> {
    for (part, value) in table {
        let name = if prefix.is_empty() { part } else { format!("{prefix}.{part}") };
        match value {
            toml::Value::Table(inner) if keys::is_group(&name) => flatten(settings, &name, inner, source)?,
            value => {
                let key = keys::find(&name).ok_or_else(|| unknown(source, &name))?;
                settings.insert(key.name, Setting { raw: Raw::Toml(value), source: source.to_owned() });
            }
        }
    }
    Ok(())
}

fn read_variable(settings: &mut Settings, name: &str, value: &str) -> Result<(), ConfigError> {
    let Some(rest) = name.strip_prefix(Environment::PREFIX) else { return Ok(()) };
    if Environment::CLIENT.contains(&name) {
        return Ok(());
    }
    let path = rest.to_lowercase().replace("__", ".");
    if let Some(key) = keys::find(&path) {
        let setting = Setting { raw: Raw::Text(value.to_owned()), source: name.to_owned() };
        return set_by_variable(settings, key.name, setting);
    }
    let of_file = path.strip_suffix("_file").and_then(keys::find).filter(|key| key.secret);
    let Some(key) = of_file else { return Err(unknown(name, &path)) };
    let text = std::fs::read_to_string(Path::new(value))
        .map_err(|error| ConfigError(format!("{name}: the file {value} can't be read: {error}")))?;
    let setting = Setting { raw: Raw::Text(text.trim_end().to_owned()), source: name.to_owned() };
    set_by_variable(settings, key.name, setting)
}

/// The environment wins over files, but it may not contradict itself: a value and a file for one key.
fn set_by_variable(settings: &mut Settings, key: &'static str, setting: Setting) -> Result<(), ConfigError> {
    match settings.get(key) {
        Some(other) if other.source.starts_with(Environment::PREFIX) => {
            Err(ConfigError(format!("{}: {key} is also set by {}: unset one of them", setting.source, other.source)))
        }
        _ => {
            settings.insert(key, setting);
            Ok(())
        }
    }
}

fn unknown(source: &str, name: &str) -> ConfigError {
    let hint = keys::nearest(name).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    ConfigError(format!("{source}: there is no key `{name}`{hint}"))
}
