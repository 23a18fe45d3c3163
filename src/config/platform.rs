//! The settings of the platform door: whether memberships are told, and the providers of data to choose from.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::PlatformDoor;
use super::read::{Reader, boolean};
use super::sources::{ConfigError, Raw};
use crate::model::data_provider::{DataProvider, LARGEST_SETTINGS};

/// The most providers that there may be: every answer lists all of them.
const MOST: usize = 100;

/// The most characters of an id and of a name.
const LONGEST: usize = 64;

/// A provider as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    name: Option<String>,
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    settings: Map<String, Value>,
}

impl Reader {
    pub(super) fn platform(&self) -> Result<PlatformDoor, ConfigError> {
        Ok(PlatformDoor {
            public_memberships: self.read("platform.public_memberships", boolean)?,
            data_providers: self.data_providers()?,
        })
    }

    fn data_providers(&self) -> Result<Vec<DataProvider>, ConfigError> {
        let Some(setting) = self.0.get("data_providers") else { return Ok(Vec::new()) };
        // A library's reason may repeat the value, in which there may be a key.
        let expected = "a list such as [{id = \"odds\", name = \"Odds\", enabled = false, settings = {}}] is expected";
        let written: Option<Vec<Written>> = match &setting.raw {
            Raw::Text(text) => serde_json::from_str(text).ok(),
            Raw::Toml(value) => value.clone().try_into().ok(),
        };
        let checked = written.ok_or_else(|| expected.to_owned()).and_then(check);
        checked.map_err(|fault| ConfigError(format!("{}: data_providers: {fault}", setting.source)))
    }
}

fn check(written: Vec<Written>) -> Result<Vec<DataProvider>, String> {
    if written.len() > MOST {
        return Err(format!("at most {MOST} are allowed"));
    }
    let mut ids = HashSet::new();
    let mut providers = Vec::with_capacity(written.len());
    for (index, Written { id, name, enabled, settings }) in written.into_iter().enumerate() {
        let fault = |what: &str| Err(format!("entry {}: {what}", index + 1));
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(1..=LONGEST).contains(&id.len()) || !id.chars().all(is_word) {
            return fault("id: 1 to 64 letters, digits, dots, dashes and underscores are expected");
        }
        if !ids.insert(id.clone()) {
            return fault("id: another entry has the same");
        }
        let name = name.unwrap_or_else(|| id.clone());
        if !(1..=LONGEST).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return fault("name: 1 to 64 characters are expected");
        }
        if Value::Object(settings.clone()).to_string().len() > LARGEST_SETTINGS {
            return fault("settings: at most 4096 bytes are allowed");
        }
        if settings.values().any(holds_null) {
            return fault(
                "settings: null is what takes a person back to what stands here, and can't stand here itself",
            );
        }
        providers.push(DataProvider { id, name, enabled, settings });
    }
    Ok(providers)
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().any(holds_null),
        Value::Array(entries) => entries.iter().any(holds_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The provider as an operator writes it.
pub(super) fn to_toml(provider: &DataProvider) -> toml::Value {
    let mut table = toml::Table::new();
    table.insert("id".to_owned(), provider.id.clone().into());
    table.insert("name".to_owned(), provider.name.clone().into());
    table.insert("enabled".to_owned(), provider.enabled.into());
    // Of what JSON knows, TOML lacks null alone, which was refused.
    if let Ok(settings) = toml::Value::try_from(&provider.settings) {
        table.insert("settings".to_owned(), settings);
    }
    toml::Value::Table(table)
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Environment};

    fn with(list: &str) -> Result<Config, String> {
        let variable = ("COUNTERSIGN_DATA_PROVIDERS".to_owned(), list.to_owned());
        Config::load(&[], &Environment(vec![variable])).map_err(|error| error.0)
    }

    #[test]
    fn a_catalogue_is_read_from_either_place_and_shown_as_it_is_written() {
        let config = with(r#"[{"id":"odds","name":"Odds","settings":{"region":"eu","n":[1,2.5,true]}},{"id":"b"}]"#);
        let config = config.unwrap();
        let providers = &config.platform.data_providers;
        assert_eq!((providers[0].name.as_str(), providers[0].enabled), ("Odds", false));
        assert_eq!(providers[1].name, "b");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config.to_toml()).unwrap();
        let again = Config::load(&[file.path().to_owned()], &Environment::default()).unwrap();
        assert_eq!(&again.platform.data_providers, providers);
    }

    #[test]
    fn what_is_wrong_is_named_and_no_value_is_repeated() {
        let many = format!("[{}]", vec!["{\"id\":\"a\"}"; 101].join(","));
        let large = format!("[{{\"id\":\"a\",\"settings\":{{\"a\":\"{}\"}}}}]", "x".repeat(4096));
        for (list, named) in [
            ("hunter2", "a list such as"),
            (r#"[{"name":"hunter2"}]"#, "a list such as"),
            (r#"[{"id":"a","key":"hunter2"}]"#, "a list such as"),
            (r#"[{"id":""}]"#, "entry 1: id"),
            (r#"[{"id":"a b"}]"#, "entry 1: id"),
            (r#"[{"id":"a"},{"id":"a"}]"#, "entry 2: id"),
            (r#"[{"id":"a","name":""}]"#, "entry 1: name"),
            (r#"[{"id":"a","settings":{"b":{"c":null}}}]"#, "entry 1: settings"),
            (&large, "entry 1: settings"),
            (&many, "at most 100"),
        ] {
            let fault = with(list).unwrap_err();
            assert!(fault.starts_with("COUNTERSIGN_DATA_PROVIDERS: data_providers: "), "{fault}");
            assert!(fault.contains(named) && !fault.contains("hunter2"), "{list}: {fault}");
        }
    }
}
