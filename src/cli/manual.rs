//! The manual page: one for all verbs, each with its options.

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::arguments::Arguments;

/// The page, for `man`.
pub(super) fn page() -> std::io::Result<String> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut page = text(&page);
    for verb in verbs(&command) {
        page.push_str(&section(verb)?);
    }
    let mut end = Vec::new();
    man.render_extra_section(&mut end)?;
    man.render_version_section(&mut end)?;
    Ok(page + &text(&end))
}

/// Every verb that does something by itself: of `keys`, the verbs below it.
fn verbs(command: &Command) -> Vec<&Command> {
    let below = |verb| if Command::has_subcommands(verb) { verbs(verb) } else { vec![verb] };
    command.get_subcommands().flat_map(below).collect()
}

/// A verb's part of the page. What every verb takes is told once, at the beginning of the page.
fn section(verb: &Command) -> std::io::Result<String> {
    let name = verb.get_bin_name().unwrap_or(verb.get_name()).to_uppercase();
    let verb = verb.clone().mut_args(|arg| {
        let told = arg.is_global_set() || arg.get_id() == "help" || arg.get_id() == "version";
        arg.hide(told)
    });
    let man = Man::new(verb.clone());
    let mut parts = Vec::new();
    man.render_synopsis_section(&mut parts)?;
    man.render_description_section(&mut parts)?;
    man.render_options_section(&mut parts)?;
    if verb.get_after_help().is_some() {
        man.render_extra_section(&mut parts)?;
    }
    // What is a section on a page of its own is a part of one here.
    let parts = text(&parts).lines().map(|line| line.replacen(".SH ", ".SS ", 1) + "\n").collect::<String>();
    Ok(format!(".SH \"{name}\"\n{parts}"))
}

fn text(page: &[u8]) -> String {
    String::from_utf8_lossy(page).into_owned()
}
