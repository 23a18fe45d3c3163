//! Where the password of an account comes from: a file, a terminal, standard input. Never an argument.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::super::failure::Failure;

/// More than any password has, in bytes; what is longer is cut, and then refused for its length.
const LONGEST: u16 = 16 * 1024;

/// Reads the password for `whom`: the first line of the file, if one is named.
pub(super) fn read(file: Option<&Path>, whom: &str) -> Result<Zeroizing<String>, Failure> {
    if let Some(file) = file {
        let name = file.display().to_string();
        let hint = "name a file that you may read";
        let opened = File::open(file).map_err(|error| Failure::WrongUse(format!("{name}: {error}: {hint}")))?;
        return first_line(opened, &name);
    }
    let input = std::io::stdin();
    if input.is_terminal() { ask(whom) } else { first_line(input.lock(), "standard input") }
}

fn first_line(source: impl Read, name: &str) -> Result<Zeroizing<String>, Failure> {
    // With room from the start: a line that is moved leaves a copy that nobody wipes.
    let mut line = Zeroizing::new(Vec::with_capacity(usize::from(LONGEST)));
    let read = BufReader::new(source.take(u64::from(LONGEST))).read_until(b'\n', &mut line);
    read.map_err(|error| Failure::WrongUse(format!("{name}: {error}: the password can't be read")))?;
    let wrong = |_| Failure::WrongUse(format!("{name}: the password is not UTF-8"));
    let text = std::str::from_utf8(&line).map_err(wrong)?.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        let hint = "name a file that holds it by --password-file, or type it on a terminal";
        return Err(Failure::WrongUse(format!("{name}: there is no password: {hint}")));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn ask(whom: &str) -> Result<Zeroizing<String>, Failure> {
    let first = prompt(&format!("Password of {whom}: "))?;
    let second = prompt(&format!("Password of {whom} again: "))?;
    if *first == *second { Ok(first) } else { Err(Failure::WrongUse("the two passwords differ: try again".to_owned())) }
}

fn prompt(question: &str) -> Result<Zeroizing<String>, Failure> {
    let hint = "the password can't be asked for; name a file that holds it by --password-file";
    rpassword::prompt_password(question)
        .map(Zeroizing::new)
        .map_err(|error| Failure::WrongUse(format!("{hint} ({error})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_end_is_taken_from_a_password() {
        let read = |text: &str| first_line(text.as_bytes(), "here").map(|line| line.to_string()).ok();
        assert_eq!(read(" two words \r\nsecond line").as_deref(), Some(" two words "));
        assert_eq!(read("no end").as_deref(), Some("no end"));
        assert_eq!(read("\nsecond"), None);
        assert_eq!(read(""), None);
        assert!(first_line(&[0xff, 0xfe][..], "here").is_err());
    }
}
