//! What is wrong with a sign-in message, and where: nothing here repeats what was sent.

use std::fmt;

use super::rfc3986::Misfit;

/// What kind of fault makes a text no sign-in message that we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The text is not within the grammar, or is too long.
    Grammar,
    /// The address is in mixed case, and that is not its EIP-55 checksum.
    Checksum,
    /// The message is of another version, whose grammar is not known here.
    Version,
}

/// Why a text is no sign-in message, by the first place that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrammarFault {
    /// The line, from 1.
    pub line: usize,
    /// The character of the line that does not fit, from 1; one more than the line has if more is missing. The first
    /// one of a line that does not belong there, and of an address, a number or an IP literal that is wrong as a whole.
    pub column: usize,
    /// What would fit there.
    pub expected: &'static str,
    /// Which kind of fault it is.
    pub kind: FaultKind,
}

impl fmt::Display for GrammarFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: expected {}", self.line, self.column, self.expected)
    }
}

impl std::error::Error for GrammarFault {}

/// Which field of a message that was built here is outside of the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// The field, by its name in [`Message`](super::Message); `message` if the whole is too long.
    pub field: &'static str,
    /// The character of the field that does not fit, from 1; one more than the field has if more is missing.
    pub column: usize,
    /// What would fit there.
    pub expected: &'static str,
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, column {}: expected {}", self.field, self.column, self.expected)
    }
}

impl std::error::Error for FieldFault {}

impl FieldFault {
    /// The fault in a field whose text is `text`.
    pub(super) fn new(field: &'static str, text: &str, misfit: Misfit) -> Self {
        Self { field, column: column(text, misfit.at), expected: misfit.expected }
    }
}

/// A fault whose place is still counted in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) expected: &'static str,
    pub(super) kind: FaultKind,
}

impl Fault {
    /// The same fault in a text that has `offset` bytes more in front.
    pub(super) const fn behind(self, offset: usize) -> Self {
        Self { at: self.at + offset, ..self }
    }

    /// The fault by line and column of the whole `text`.
    pub(super) fn locate(self, text: &str) -> GrammarFault {
        let before = &text[..self.at];
        let line = before.matches('\n').count() + 1;
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        GrammarFault { line, column: column(&text[begin..], self.at - begin), expected: self.expected, kind: self.kind }
    }
}

impl From<Misfit> for Fault {
    fn from(Misfit { at, expected }: Misfit) -> Self {
        Self { at, expected, kind: FaultKind::Grammar }
    }
}

/// The number, from 1, of the character that begins at byte `at`.
fn column(text: &str, at: usize) -> usize {
    text[..at].chars().count() + 1
}
