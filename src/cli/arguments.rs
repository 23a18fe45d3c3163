//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use clap_complete::Shell;

/// A wallet signs a challenge, every API behind it gets a JWT it can trust.
#[derive(Parser)]
#[command(name = "countersign", version, about, after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// A configuration file; may be repeated, later ones win [default: countersign.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Vec<PathBuf>,

    /// Answer as JSON
    #[arg(long, global = true)]
    pub(super) json: bool,

    #[command(subcommand)]
    pub(super) verb: Option<Verb>,
}

const AFTER_HELP: &str = "\
Client verbs ask the gateway at COUNTERSIGN_URL (http://localhost:8080). They use the session of the last login there, \
or COUNTERSIGN_TOKEN.

Exit codes: 0 done, 1 refused, 2 wrong use, 3 the server or the database can't be reached.";

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Start the gateway; also without a verb
    Serve,
    /// Print the effective configuration, with secrets masked
    Config,
    /// List or rotate the keys that sign access tokens
    Keys {
        #[command(subcommand)]
        action: KeysAction,
    },
    /// Make, list and change accounts, in the database itself: the gateway may run or not
    Users {
        #[command(subcommand)]
        action: UsersAction,
    },
    /// Bring the database's tables up to date, or only tell whether they are
    Migrate {
        /// Change nothing; exit with 1 if something is to be done
        #[arg(long)]
        check: bool,
    },
    /// Print the description of every route (OpenAPI 3.1)
    Openapi,
    /// Ask a running gateway whether it is ready
    Healthcheck,
    /// Sign in with a private key; prints the access token
    Login(LoginOptions),
    /// Show who is signed in
    Whoami,
    /// Show the API key
    ApiKey {
        /// Replace it: the old one is useless from then on
        #[arg(long)]
        rotate: bool,
    },
    /// List what the wallet that is signed in holds
    Tokens(TokensOptions),
    /// Look at everything that this gateway needs from others: database, mail server, OpenID provider, nodes, feeds, clock
    Doctor,
    /// Tell why a signed message is refused, rule by rule; signs nobody in
    Explain(ExplainOptions),
    /// End the session
    Logout,
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page, with every verb, for `man -l -`
    Man,
}

/// Where the private key is. It is never an argument: other users of the machine see those.
#[derive(Args)]
#[command(after_help = "Without an option the key is that of COUNTERSIGN_PRIVATE_KEY, 64 hex digits.")]
pub(super) struct LoginOptions {
    /// A file with the private key, 64 hex digits
    #[arg(long, value_name = "FILE", conflicts_with = "keystore")]
    pub(super) key_file: Option<PathBuf>,

    /// An encrypted key file (keystore V3); its password is asked for
    #[arg(long, value_name = "FILE")]
    pub(super) keystore: Option<PathBuf>,

    /// A file with the password of the keystore
    #[arg(long, value_name = "FILE", requires = "keystore")]
    pub(super) password_file: Option<PathBuf>,

    /// Do not keep the session
    #[arg(long)]
    pub(super) no_save: bool,
}

/// Which balances.
#[derive(Args)]
pub(super) struct TokensOptions {
    /// Only this chain; may be repeated
    #[arg(long, value_name = "ID")]
    pub(super) chain: Vec<u64>,

    /// Also what the wallet has none of
    #[arg(long)]
    pub(super) all: bool,
}

/// What was signed.
#[derive(Args)]
#[command(after_help = "Exits with 0 if a sign-in would be accepted, with 1 if not.")]
pub(super) struct ExplainOptions {
    /// The file of the message (EIP-4361) as it was signed, to the byte; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["address", "nonce"])]
    pub(super) message: Option<PathBuf>,

    /// The wallet that signed a nonce by itself
    #[arg(long)]
    pub(super) address: Option<String>,

    /// The nonce that it signed
    #[arg(long, requires = "address")]
    pub(super) nonce: Option<String>,

    /// The signature
    #[arg(long)]
    pub(super) signature: String,
}

#[derive(Clone, Copy, Subcommand)]
pub(super) enum KeysAction {
    /// List the keys that sign, verify or will sign
    List,
    /// Add a key that signs from shortly on; the ones of before verify until their last token has expired
    Rotate,
}

#[derive(Subcommand)]
pub(super) enum UsersAction {
    /// Make an account; also on a machine where the gateway never started
    Create(CreateOptions),
    /// List accounts, in the order in which they were made
    List(ListOptions),
    /// Make an account an ADMIN
    Grant(RoleOptions),
    /// Take the role ADMIN from an account; not from the last one
    Revoke(RoleOptions),
    /// Refuse all that an account holds, at once; not of the last ADMIN
    Disable {
        #[command(flatten)]
        user: UserOption,
    },
    /// Let an account be used again; the sessions and keys of before stay ended
    Enable {
        #[command(flatten)]
        user: UserOption,
    },
    /// Set an account's password, and end its sessions and its API key
    ResetPassword(ResetOptions),
    /// Take away the second factor that somebody has lost, and end the sessions, the API key and the trusted devices
    ResetMfa {
        #[command(flatten)]
        user: UserOption,
    },
}

/// Which account.
#[derive(Args)]
pub(super) struct UserOption {
    /// Its username, e-mail address, id or wallet
    #[arg(value_name = "WHO")]
    pub(super) who: String,
}

const PASSWORD_HELP: &str = "\
The password is never an argument, since other users of the machine see those. Without --password-file it is asked for \
on the terminal, twice; without a terminal it is the first line of standard input.";

/// What a new account has.
#[derive(Args)]
#[command(after_help = PASSWORD_HELP)]
pub(super) struct CreateOptions {
    /// The username to sign in by; this or an e-mail address is needed
    #[arg(long, value_name = "NAME", required_unless_present = "email")]
    pub(super) username: Option<String>,

    /// The e-mail address to sign in by. It counts as verified: whoever operates the gateway vouches for it
    #[arg(long, value_name = "ADDRESS")]
    pub(super) email: Option<String>,

    /// The display name
    #[arg(long, value_name = "DISPLAY", default_value = "", hide_default_value = true)]
    pub(super) name: String,

    /// The account is an ADMIN
    #[arg(long)]
    pub(super) admin: bool,

    /// A file whose first line is the password
    #[arg(long, value_name = "FILE", conflicts_with = "no_password")]
    pub(super) password_file: Option<PathBuf>,

    /// No password: nobody signs in by one until it is reset
    #[arg(long)]
    pub(super) no_password: bool,
}

/// Which accounts are listed.
#[derive(Args)]
pub(super) struct ListOptions {
    /// Only ADMINs
    #[arg(long)]
    pub(super) admins: bool,

    /// Only those whose display name begins with this
    #[arg(long, value_name = "PREFIX")]
    pub(super) name: Option<String>,

    /// Only those whose e-mail address begins with this
    #[arg(long, value_name = "PREFIX")]
    pub(super) email: Option<String>,

    /// Only this page, from 1 [default: all pages, or 1 with --rows]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(super) page: Option<u32>,

    /// How many accounts a page has [default: 100]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=10_000))]
    pub(super) rows: Option<u32>,
}

/// Whose role, and which.
#[derive(Args)]
pub(super) struct RoleOptions {
    #[command(flatten)]
    pub(super) user: UserOption,

    /// The role; there is no other
    #[arg(value_enum, ignore_case = true, default_value = "ADMIN", hide_possible_values = true)]
    pub(super) role: GrantedRole,
}

/// A role that is granted and revoked.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum GrantedRole {
    /// An operator of this gateway
    #[value(name = "ADMIN")]
    Admin,
}

/// Whose password, and where it is.
#[derive(Args)]
#[command(after_help = PASSWORD_HELP)]
pub(super) struct ResetOptions {
    #[command(flatten)]
    pub(super) user: UserOption,

    /// A file whose first line is the password
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
