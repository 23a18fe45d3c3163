//! Password hashes: argon2id (RFC 9106) as PHC strings.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::config::Cost;
use crate::model::{Error, Password};

/// How many bytes of output are made.
const OUTPUT: usize = 32;

/// How many bytes of salt a new hash has.
pub const SALT: usize = 16;

/// The most that a stored hash may ask for, in KiB and passes: one that was imported, or tampered with, must not take
/// the machine's memory.
const MOST_MEMORY: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 64;

/// The memory that hashing works on, kept from one hash to the next: to get it from the system costs a third of a hash.
#[derive(Default)]
pub struct Buffer(Vec<Block>);

/// What a comparison says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password, or the hash can't be read.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, and this is its hash at today's cost.
    RightAndOutdated(String),
}

/// The hash of a password.
///
/// # Errors
/// [`Error::Internal`] if the cost is none of argon2's.
pub fn hash(password: &Password, salt: &[u8; SALT], cost: Cost, buffer: &mut Buffer) -> Result<String, Error> {
    let params = Params::new(cost.memory, cost.passes, 1, Some(OUTPUT)).map_err(fault)?;
    let mut output = [0; OUTPUT];
    derive(password, salt, params, &mut output, buffer)?;
    let Cost { memory, passes } = cost;
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p=1${salt}${output}"))
}

/// Compares a password with a stored hash; `stored` is `None` for nobody's, which takes as long as somebody's. A hash
/// that can't be read is a wrong password, and takes as long.
///
/// # Errors
/// [`Error::Internal`] if the cost is none of argon2's.
pub fn verify(
    password: &Password,
    stored: Option<&str>,
    fresh_salt: &[u8; SALT],
    cost: Cost,
    buffer: &mut Buffer,
) -> Result<Verdict, Error> {
    let Some((params, salt, expected)) = stored.and_then(read) else {
        hash(password, fresh_salt, cost, buffer)?;
        return Ok(Verdict::Wrong);
    };
    let at = Cost { memory: params.m_cost(), passes: params.t_cost() };
    let weaker = at.memory < cost.memory || at.passes < cost.passes || expected.len() < OUTPUT;
    let mut output = vec![0; expected.len()];
    derive(password, &salt, params, &mut output, buffer)?;
    if constant_time::verify_slices_are_equal(&output, &expected).is_err() {
        // As long as nobody's takes, also where the cost was raised since.
        let work = |cost: Cost| u64::from(cost.memory) * u64::from(cost.passes);
        let missing = work(cost).saturating_sub(work(at)) / u64::from(cost.memory.max(1));
        if let Ok(passes @ 1..) = u32::try_from(missing) {
            hash(password, fresh_salt, Cost { passes, ..cost }, buffer)?;
        }
        return Ok(Verdict::Wrong);
    }
    if weaker { Ok(Verdict::RightAndOutdated(hash(password, fresh_salt, cost, buffer)?)) } else { Ok(Verdict::Right) }
}

/// The parts of a PHC string of argon2id that we are ready to compute.
fn read(stored: &str) -> Option<(Params, Vec<u8>, Vec<u8>)> {
    let parsed = PasswordHash::new(stored).ok()?;
    if parsed.algorithm.as_str() != Algorithm::Argon2id.as_str() || parsed.version != Some(Version::V0x13.into()) {
        return None;
    }
    let output = parsed.hash.as_ref()?.as_bytes().to_vec();
    let given = Params::try_from(&parsed).ok()?;
    if given.m_cost() > MOST_MEMORY || given.t_cost() > MOST_PASSES || given.p_cost() > 16 || output.len() < 16 {
        return None;
    }
    let params = Params::new(given.m_cost(), given.t_cost(), given.p_cost(), Some(output.len())).ok()?;
    let salt = parsed.salt.as_ref()?.to_vec();
    (salt.len() >= 8).then_some((params, salt, output))
}

fn derive(
    password: &Password,
    salt: &[u8],
    params: Params,
    output: &mut [u8],
    buffer: &mut Buffer,
) -> Result<(), Error> {
    let blocks = params.block_count();
    if buffer.0.len() < blocks {
        buffer.0.resize(blocks, Block::default());
    }
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into_with_memory(password.expose(), salt, output, &mut buffer.0[..blocks]).map_err(fault)
}

impl Buffer {
    /// Gives back what is more than a hash at this cost needs: a stored hash may have asked for more.
    pub fn shrink_to(&mut self, cost: Cost) {
        let most = cost.memory as usize;
        if self.0.len() > most {
            self.0.truncate(most);
            self.0.shrink_to_fit();
        }
    }
}

fn fault(error: argon2::Error) -> Error {
    Error::Internal(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost { memory: 64, passes: 1 };
    const OTHER: [u8; SALT] = [9; SALT];

    fn password(text: &str) -> Password {
        Password::attempt(text).unwrap()
    }

    fn check(stored: &str, text: &str, cost: Cost) -> Verdict {
        verify(&password(text), Some(stored), &OTHER, cost, &mut Buffer::default()).unwrap()
    }

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let stored = hash(&password("correct horse"), &[7; SALT], COST, &mut Buffer::default()).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
        assert_eq!(check(&stored, "correct horse", COST), Verdict::Right);
        for text in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert_eq!(check(&stored, text, COST), Verdict::Wrong, "{text:?}");
        }
    }

    #[test]
    fn a_hash_of_others_is_understood() {
        // Made by the reference implementation, by way of argon2-cffi.
        for stored in [
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        ] {
            assert_eq!(check(stored, "password", COST), Verdict::Right, "{stored}");
            assert_eq!(check(stored, "password1", COST), Verdict::Wrong, "{stored}");
        }
        let shorter = "$argon2id$v=19$m=4096,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$ufpk+iKgnbcWjTYVXG86w902E5i6OZpJ";
        assert!(matches!(check(shorter, "password", COST), Verdict::RightAndOutdated(_)));
    }

    #[test]
    fn a_weaker_hash_is_right_and_gets_a_stronger_one() {
        let stored = hash(&password("correct horse"), &[7; SALT], COST, &mut Buffer::default()).unwrap();
        for cost in [Cost { memory: 128, ..COST }, Cost { passes: 2, ..COST }] {
            let Verdict::RightAndOutdated(stronger) = check(&stored, "correct horse", cost) else { panic!("weaker") };
            assert_eq!(check(&stronger, "correct horse", cost), Verdict::Right);
            assert_eq!(check(&stored, "wrong horse", cost), Verdict::Wrong);
        }
        assert_eq!(
            check(&stored, "correct horse", Cost { memory: 32, passes: 1 }),
            Verdict::Right,
            "never a weaker one"
        );
    }

    #[test]
    fn a_hash_that_cannot_be_read_is_a_wrong_password_and_harms_nothing() {
        let whole = hash(&password("correct horse"), &[7; SALT], COST, &mut Buffer::default()).unwrap();
        for damaged in [
            String::new(),
            "correct horse".to_owned(),
            "$2b$12$C6UzMDM.H6dfI/f/IKcEeO7ZtnEUWFXxOYbJBC8Xjr1RM5Lp8qK2W".to_owned(),
            whole.replace("argon2id", "argon2i"),
            whole.replace("v=19", "v=16"),
            whole.replace("m=64", "m=4294967295"),
            whole.replace("m=64", "m=0"),
            whole.replace("t=1", "t=4294967295"),
            whole.replace("p=1", "p=99999"),
            whole.replace("m=64,", ""),
            whole[..whole.len() - 30].to_owned(),
            whole.rsplit_once('$').unwrap().0.to_owned(),
            format!("{whole}$"),
            format!("{whole}\0"),
        ] {
            assert_eq!(check(&damaged, "correct horse", COST), Verdict::Wrong, "{damaged}");
        }
    }

    #[test]
    fn a_buffer_is_kept_and_shrinks_to_what_one_hash_needs() {
        let mut buffer = Buffer::default();
        hash(&password("correct horse"), &OTHER, Cost { memory: 256, passes: 1 }, &mut buffer).unwrap();
        let first = hash(&password("correct horse"), &OTHER, COST, &mut buffer).unwrap();
        buffer.shrink_to(COST);
        assert_eq!(buffer.0.len(), 64);
        assert_eq!(hash(&password("correct horse"), &OTHER, COST, &mut buffer).unwrap(), first);
    }
}
