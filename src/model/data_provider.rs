//! Providers of data that an operator offers, and what a person makes of them.

use serde_json::{Map, Value, json};

use super::error::{Error, Violation};
use super::merge::merge;

/// The most bytes of what one person sets of one provider, as JSON.
pub const LARGEST_SETTINGS: usize = 4 * 1024;

/// A provider: as the operator offers it, or as one person has it.
#[derive(Clone, Debug, PartialEq)]
pub struct DataProvider {
    /// By what programs know it.
    pub id: String,
    /// By what people know it.
    pub name: String,
    /// Whether it is used.
    pub enabled: bool,
    /// How it is used; its members are between the page and the provider.
    pub settings: Map<String, Value>,
}

/// A change of some providers that are all in the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvidersPatch(Vec<(String, Value)>);

impl ProvidersPatch {
    /// Reads the entries of a body. `name` may be there, as in the answer, and changes nothing.
    ///
    /// # Errors
    /// A violation for everything that is wrong.
    pub fn read(entries: &[Map<String, Value>], catalogue: &[DataProvider]) -> Result<Self, Error> {
        let mut wrong = Vec::new();
        let mut read: Vec<(String, Value)> = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let known = entry.get("id").and_then(Value::as_str);
            let known = known.filter(|id| catalogue.iter().any(|provider| provider.id == *id));
            let before = wrong.len();
            match known {
                None => wrong.push(violation(at, "id", "the id of a provider is expected")),
                Some(id) if read.iter().any(|(other, _)| other == id) => {
                    wrong.push(violation(at, "id", "each provider may be there once"));
                }
                Some(_) => {}
            }
            wrong.extend(entry.iter().filter_map(|(name, value)| fault(at, name, value)));
            if let Some(id) = known.filter(|_| wrong.len() == before) {
                let changes = entry.iter().filter(|(name, _)| matches!(name.as_str(), "enabled" | "settings"));
                let changes = changes.map(|(name, value)| (name.clone(), value.clone())).collect();
                read.push((id.to_owned(), Value::Object(changes)));
            }
        }
        if wrong.is_empty() { Ok(Self(read)) } else { Err(Error::Invalid(wrong)) }
    }
}

fn fault(at: usize, name: &str, value: &Value) -> Option<Violation> {
    let expected = match name {
        // It is looked at where it is compared with the catalogue.
        "id" => return None,
        "name" if value.is_string() || value.is_null() => return None,
        "enabled" if value.is_boolean() || value.is_null() => return None,
        "settings" if value.is_object() || value.is_null() => return None,
        "name" => "a text is expected",
        "enabled" => "true or false is expected",
        "settings" => "an object is expected",
        _ => "there is no such member",
    };
    Some(violation(at, name, expected))
}

fn violation(at: usize, member: &str, message: &str) -> Violation {
    Violation { field: format!("dataProviders[{at}].{member}"), message: message.to_owned() }
}

/// What a person chose of the providers: by their ids, what is not as the operator offers it.
#[derive(Clone, Debug, PartialEq)]
pub struct ChosenProviders(Value);

impl ChosenProviders {
    /// Takes over what is stored; what is not there, or damaged, chose nothing.
    #[must_use]
    pub fn from_stored(text: Option<&str>) -> Self {
        let stored = text.and_then(|text| serde_json::from_str(text).ok());
        Self(stored.unwrap_or_else(|| json!({})))
    }

    /// As it is stored.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.to_string()
    }

    /// What is chosen after this change: of an entry what is named, and its settings by a merge patch.
    ///
    /// # Errors
    /// A violation for settings that have become larger than [`LARGEST_SETTINGS`].
    pub fn patched(self, patch: &ProvidersPatch) -> Result<Self, Error> {
        let changes: Map<String, Value> = patch.0.iter().cloned().collect();
        let chosen = merge(self.0, &Value::Object(changes));
        let is_too_large = |id: &String| {
            let settings = chosen.get(id).and_then(|of| of.get("settings"));
            settings.is_some_and(|settings| settings.to_string().len() > LARGEST_SETTINGS)
        };
        let large = patch.0.iter().enumerate().filter(|(_, (id, _))| is_too_large(id));
        let wrong: Vec<_> = large.map(|(at, _)| violation(at, "settings", "at most 4096 bytes are kept")).collect();
        if wrong.is_empty() { Ok(Self(chosen)) } else { Err(Error::Invalid(wrong)) }
    }

    /// The providers of the catalogue as this person has them.
    #[must_use]
    pub fn whole(&self, catalogue: &[DataProvider]) -> Vec<DataProvider> {
        let of = |offered: &DataProvider| {
            let chosen = self.0.get(&offered.id);
            let member = |name: &str| chosen.and_then(|chosen| chosen.get(name));
            let mut provider = offered.clone();
            provider.enabled = member("enabled").and_then(Value::as_bool).unwrap_or(offered.enabled);
            if let Some(settings @ Value::Object(_)) = member("settings")
                && let Value::Object(settings) = merge(Value::Object(offered.settings.clone()), settings)
            {
                provider.settings = settings;
            }
            provider
        };
        catalogue.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Vec<DataProvider> {
        let provider = |id: &str, settings: Value| DataProvider {
            id: id.to_owned(),
            name: id.to_uppercase(),
            enabled: false,
            settings: settings.as_object().unwrap().clone(),
        };
        vec![provider("odds", json!({"region": "eu"})), provider("scores", json!({}))]
    }

    fn read(entries: &Value) -> Result<ProvidersPatch, Vec<String>> {
        let entries: Vec<_> =
            entries.as_array().unwrap().iter().map(|entry| entry.as_object().unwrap().clone()).collect();
        ProvidersPatch::read(&entries, &catalogue()).map_err(fields)
    }

    fn fields(error: Error) -> Vec<String> {
        let Error::Invalid(wrong) = error else { panic!("{error:?}") };
        wrong.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn what_is_named_changes_and_null_is_what_the_operator_offers() {
        let chosen = ChosenProviders::from_stored(None);
        assert_eq!(chosen.whole(&catalogue()), catalogue());
        let patch = read(&json!([{"id": "odds", "name": "x", "enabled": true, "settings": {"a": 1, "region": "us"}}]));
        let chosen = chosen.patched(&patch.unwrap()).unwrap();
        let whole = chosen.whole(&catalogue());
        assert_eq!((whole[0].name.as_str(), whole[0].enabled), ("ODDS", true));
        assert_eq!(Value::Object(whole[0].settings.clone()), json!({"a": 1, "region": "us"}));
        assert_eq!(whole[1], catalogue()[1]);
        let patch = read(&json!([{"id": "odds", "enabled": null, "settings": {"region": null}}])).unwrap();
        let whole = chosen.patched(&patch).unwrap().whole(&catalogue());
        assert!(!whole[0].enabled);
        assert_eq!(Value::Object(whole[0].settings.clone()), json!({"a": 1, "region": "eu"}));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (entries, field) in [
            (json!([{"id": "weather"}]), "dataProviders[0].id"),
            (json!([{"id": 1}]), "dataProviders[0].id"),
            (json!([{}]), "dataProviders[0].id"),
            (json!([{"id": "odds"}, {"id": "odds"}]), "dataProviders[1].id"),
            (json!([{"id": "odds", "enabled": "yes"}]), "dataProviders[0].enabled"),
            (json!([{"id": "odds", "name": 1}]), "dataProviders[0].name"),
            (json!([{"id": "odds", "settings": []}]), "dataProviders[0].settings"),
            (json!([{"id": "odds", "owner": null}]), "dataProviders[0].owner"),
        ] {
            assert_eq!(read(&entries).unwrap_err(), [field], "{entries}");
        }
    }

    #[test]
    fn many_small_changes_do_not_grow_without_end() {
        let patch = |name: &str| read(&json!([{"id": "odds", "settings": {name: "x".repeat(3000)}}])).unwrap();
        let chosen = ChosenProviders::from_stored(None).patched(&patch("a")).unwrap();
        assert_eq!(fields(chosen.patched(&patch("b")).unwrap_err()), ["dataProviders[0].settings"]);
    }
}
