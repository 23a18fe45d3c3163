//! Which accounts are listed, and in which order.

/// By what accounts are ordered. Accounts that are equal by it follow each other by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By number.
    Number,
    /// By display name.
    Name,
    /// By e-mail address; accounts without one come first.
    Email,
    /// By when they were made.
    Created,
    /// By when they were last changed.
    Updated,
}

/// In which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The least one first.
    Ascending,
    /// The greatest one first.
    Descending,
}

/// A page of accounts.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The page, from 1.
    pub page: u32,
    /// How many accounts a page has.
    pub rows: u32,
    /// The order.
    pub order: Order,
    /// Its direction.
    pub direction: Direction,
    /// The canonical form of what the display name begins with.
    pub name: Option<String>,
    /// The canonical form of what the e-mail address begins with.
    pub email: Option<String>,
}

impl Listing {
    /// How many accounts come before the page.
    #[must_use]
    pub fn offset(&self) -> i64 {
        i64::from(self.page.saturating_sub(1)) * i64::from(self.rows)
    }
}
