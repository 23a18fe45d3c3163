//! What is read, and what is refused.

use super::*;

fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&[], &Environment(owned.collect()))
}

fn with_file(content: &str) -> Result<Config, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    Config::load(&[file.path().to_owned()], &Environment::default())
        .map_err(|error| ConfigError(error.0.replace(&file.path().display().to_string(), "FILE")))
}

#[test]
fn nothing_needs_to_be_configured() {
    let config = with(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.tokens.audience, "http://localhost:8080");
    assert!(matches!(config.database, Database::Sqlite(file) if file.ends_with("countersign.db")));
}

#[test]
fn the_environment_wins_over_the_files_and_a_later_file_over_an_earlier_one() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("one.toml"), directory.path().join("two.toml"));
    std::fs::write(&one, "listen = \"127.0.0.1:1\"\n[tokens]\naccess_ttl = 60\naudience = \"one\"").unwrap();
    std::fs::write(&two, "tokens.access_ttl = \"2m\"\nlimits.enabled = false").unwrap();
    let environment = Environment(vec![("COUNTERSIGN_LISTEN".to_owned(), "127.0.0.1:3".to_owned())]);
    let config = Config::load(&[one, two], &environment).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.tokens.access_ttl, Duration::from_mins(2));
    assert_eq!(config.tokens.audience, "one");
    assert!(!config.limits.enabled);
}

#[test]
fn a_bad_value_is_named_with_its_key_and_its_place_and_is_not_repeated() {
    let table = [
        ("COUNTERSIGN_LISTEN", "8080", "listen"),
        ("COUNTERSIGN_PUBLIC_URL", "https://example.com/path", "public_url"),
        ("COUNTERSIGN_PUBLIC_URL", "ftp://example.com", "public_url"),
        ("COUNTERSIGN_DATABASE_URL", "mysql://app:hunter2@db/x", "database_url"),
        ("COUNTERSIGN_DATABASE_URL", "sqlite::memory:", "database_url"),
        ("COUNTERSIGN_SECRET", "hunter2", "secret"),
        ("COUNTERSIGN_PREVIOUS_SECRETS", "hunter2", "previous_secrets"),
        ("COUNTERSIGN_TRUSTED_PROXIES", "[\"10.0.0.0/99\"]", "trusted_proxies"),
        ("COUNTERSIGN_TOKENS__ACCESS_TTL", "soon", "tokens.access_ttl"),
        ("COUNTERSIGN_TOKENS__ACCESS_TTL", "2days", "tokens.access_ttl"),
        ("COUNTERSIGN_TOKENS__ACCESS_TTL", "0", "tokens.access_ttl"),
        ("COUNTERSIGN_TOKENS__ACCESS_TTL", "1500ms", "tokens.access_ttl"),
        ("COUNTERSIGN_TOKENS__ALGORITHM", "none", "tokens.algorithm"),
        ("COUNTERSIGN_LIMITS__NONCES__RATE", "0", "limits.nonces.rate"),
        ("COUNTERSIGN_TOKEN_LISTS", "hunter2", "token_lists"),
        ("COUNTERSIGN_TOKEN_LISTS", "[\"\"]", "token_lists"),
        ("COUNTERSIGN_TOKEN_LISTS", "[\"/nowhere\"]", "token_lists"),
        ("COUNTERSIGN_FEEDS", "[{\"chain\":1}]", "feeds"),
        ("COUNTERSIGN_BALANCES__DEADLINE", "30s", "balances.deadline"),
        ("COUNTERSIGN_BALANCES__HEDGE_MS", "1500ms", "balances.hedge_ms"),
        ("COUNTERSIGN_BALANCES__BATCH", "0", "balances.batch"),
        ("COUNTERSIGN_BALANCES__BATCH", "10001", "balances.batch"),
        ("COUNTERSIGN_BALANCES__CACHE_TTL", "2h", "balances.cache_ttl"),
        ("COUNTERSIGN_BALANCES__CACHE_ROWS", "-1", "balances.cache_rows"),
        ("COUNTERSIGN_LIMITS__ENABLED", "yes", "limits.enabled"),
    ];
    for (variable, value, key) in table {
        let error = with(&[(variable, value)]).unwrap_err().0;
        assert!(error.starts_with(&format!("{variable}: {key}: ")), "{error}");
        assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_was_meant() {
    let error = with(&[("COUNTERSIGN_LISTN", "127.0.0.1:1")]).unwrap_err().0;
    assert_eq!(error, "COUNTERSIGN_LISTN: there is no key `listn`; did you mean `listen`?");
    let error = with_file("[tokens]\nacces_ttl = 5").unwrap_err().0;
    assert_eq!(error, "FILE: there is no key `tokens.acces_ttl`; did you mean `tokens.access_ttl`?");
    assert_eq!(with_file("[foo]").unwrap_err().0, "FILE: there is no key `foo`");
    let error = with_file("a = [[\n").unwrap_err().0;
    assert!(error.starts_with("FILE: line "), "{error}");
}

#[test]
fn balances_are_read_from_what_is_shipped_unless_something_else_is_named() {
    let config = with(&[]).unwrap();
    assert_eq!(config.listed.iter().filter(|token| token.is_native()).count(), config.chains.len());
    assert!(config.listed.len() > 90 && config.feeds.len() > 80);
    let Balances { deadline, hedge, batch, cache_ttl, cache_rows } = config.balances;
    assert_eq!([deadline, hedge, cache_ttl], [8_000, 1_500, 5_000].map(Duration::from_millis));
    assert_eq!((batch, cache_rows), (500, 200_000));

    let config = with_file("token_lists = []\nfeeds = []\n[balances]\ncache_ttl = 0\nhedge_ms = 0").unwrap();
    assert!(config.listed.iter().all(Token::is_native) && config.feeds.is_empty());
    assert!(config.balances.cache_ttl.is_zero() && config.balances.hedge.is_zero());
}

#[test]
fn chains_of_ones_own_leave_the_shipped_feeds_of_others_out() {
    let config = with(&[("COUNTERSIGN_CHAINS", r#"[{"id":31337},{"id":10}]"#)]).unwrap();
    assert!(config.feeds.iter().all(|feed| feed.chain == 10) && !config.feeds.is_empty());
    let coins = config.listed.iter().filter(|token| token.is_native());
    assert!(coins.map(|token| token.chain_id).eq([31337, 10]));
}

#[test]
fn the_names_of_the_client_verbs_are_no_configuration() {
    assert!(with(&[("COUNTERSIGN_URL", "http://x"), ("COUNTERSIGN_TOKEN", "t")]).is_ok());
}

#[test]
fn a_secret_may_come_from_a_file_and_nothing_else_may() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{}\n", "ab".repeat(32))).unwrap();
    let path = file.path().to_str().unwrap();
    let config = with(&[("COUNTERSIGN_SECRET_FILE", path)]).unwrap();
    assert_eq!(config.secret.unwrap().expose(), &[0xAB; 32]);
    assert!(with(&[("COUNTERSIGN_LISTEN_FILE", path)]).is_err());
    let secret = "cd".repeat(32);
    let error = with(&[("COUNTERSIGN_SECRET", &secret), ("COUNTERSIGN_SECRET_FILE", path)]).unwrap_err().0;
    assert!(error.contains("also set by COUNTERSIGN_SECRET"), "{error}");
    assert!(with(&[("COUNTERSIGN_SECRET_FILE", "/nowhere/secret")]).is_err());
}
