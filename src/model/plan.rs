//! What people may subscribe to, as the operator offers it, and how long its periods are.

use time::{Date, Month, OffsetDateTime};

use crate::clock::Timestamp;

/// The most characters of an id, and of a name.
pub const LONGEST: usize = 64;

/// Something to subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// By what requests name it: `premium_monthly`.
    pub id: String,
    /// What it gives, by which answers and tokens name it: `premium`. Several plans may give the same.
    pub name: String,
    /// What a period costs, in the smallest unit of the currency; zero for nothing.
    pub price: u64,
    /// The currency, by its three letters in lower case (ISO 4217).
    pub currency: String,
    /// How long a period is.
    pub interval: Interval,
    /// For how many days it is tried for nothing.
    pub trial_days: u16,
    /// What Stripe knows the price by.
    pub stripe_price: String,
}

impl Plan {
    /// Whether it costs nothing.
    #[must_use]
    pub const fn is_free(&self) -> bool {
        self.price == 0
    }
}

/// All that there is to subscribe to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plans(pub Vec<Plan>);

impl Plans {
    /// The plan of this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Plan> {
        self.0.iter().find(|plan| plan.id == id)
    }

    /// The plan that Stripe knows by this price.
    #[must_use]
    pub fn of_stripe_price(&self, price: &str) -> Option<&Plan> {
        self.0.iter().find(|plan| plan.stripe_price == price)
    }

    /// What the plan of this id gives. One that is not offered any more goes by its id.
    #[must_use]
    pub fn name_of<'a>(&'a self, id: &'a str) -> &'a str {
        self.find(id).map_or(id, |plan| &plan.name)
    }
}

/// How long a period is, by the calendar in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// A day.
    Day,
    /// Seven days.
    Week,
    /// A month.
    Month,
    /// Twelve months.
    Year,
}

/// From when until when something is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first moment.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

const MICROS_OF_DAY: i64 = 86_400 * 1_000_000;

impl Interval {
    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// What a word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Month, Self::Year].into_iter().find(|interval| interval.word() == word)
    }

    /// The period that `now` is in, of those that follow each other from `anchor` on; before that, the first one.
    ///
    /// Each begins on the anchor's day of the month, or on the last day of a month that is shorter, so that the 31st stays
    /// the 31st.
    #[must_use]
    pub fn period(self, anchor: Timestamp, now: Timestamp) -> Period {
        let now = now.max(anchor);
        let passed = now.micros().saturating_sub(anchor.micros());
        let guess = match self {
            Self::Day => passed / MICROS_OF_DAY,
            Self::Week => passed / (7 * MICROS_OF_DAY),
            Self::Month => months_between(anchor, now),
            Self::Year => months_between(anchor, now) / 12,
        };
        // The last month that began may not have come to the anchor's day yet.
        let at = if self.begin(anchor, guess) > now { guess.saturating_sub(1) } else { guess };
        Period { start: self.begin(anchor, at), end: self.begin(anchor, at.saturating_add(1)) }
    }

    /// When the period begins before which there were so many.
    fn begin(self, anchor: Timestamp, before: i64) -> Timestamp {
        let days = |days: i64| {
            let span = days.saturating_mul(MICROS_OF_DAY).saturating_mul(before);
            Timestamp::from_micros(anchor.micros().saturating_add(span))
        };
        match self {
            Self::Day => days(1),
            Self::Week => days(7),
            Self::Month => months_after(anchor, before),
            Self::Year => months_after(anchor, before.saturating_mul(12)),
        }
    }
}

fn moment(at: Timestamp) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.micros()) * 1_000).ok()
}

/// Months since the year 0.
fn month_number(moment: OffsetDateTime) -> i64 {
    i64::from(moment.year()) * 12 + i64::from(u8::from(moment.month())) - 1
}

fn months_between(from: Timestamp, to: Timestamp) -> i64 {
    let between = moment(from).zip(moment(to)).map(|(from, to)| month_number(to) - month_number(from));
    between.unwrap_or(0)
}

/// The same day and time of day so many months later; beyond the year 9999, the end of time.
fn months_after(anchor: Timestamp, months: i64) -> Timestamp {
    let after = moment(anchor).and_then(|anchor| {
        let number = month_number(anchor).checked_add(months)?;
        let year = i32::try_from(number.div_euclid(12)).ok()?;
        let month = Month::try_from(u8::try_from(number.rem_euclid(12)).ok()? + 1).ok()?;
        let date = (1..=anchor.day()).rev().find_map(|day| Date::from_calendar_date(year, month, day).ok())?;
        i64::try_from(anchor.replace_date(date).unix_timestamp_nanos() / 1_000).ok()
    });
    Timestamp::from_micros(after.unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;

    fn at(text: &str) -> Timestamp {
        let moment = OffsetDateTime::parse(text, &Rfc3339).unwrap();
        Timestamp::from_micros(i64::try_from(moment.unix_timestamp_nanos() / 1_000).unwrap())
    }

    #[test]
    fn a_period_begins_on_the_day_of_the_first_one_or_the_last_of_a_shorter_month() {
        let table = [
            (Interval::Month, "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", "2026-01-31", "2026-02-28"),
            (Interval::Month, "2026-01-31T12:00:00Z", "2026-02-28T11:59:59Z", "2026-01-31", "2026-02-28"),
            (Interval::Month, "2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z", "2026-02-28", "2026-03-31"),
            (Interval::Month, "2026-01-31T12:00:00Z", "2026-03-31T11:59:59Z", "2026-02-28", "2026-03-31"),
            (Interval::Month, "2026-01-31T12:00:00Z", "2026-04-01T00:00:00Z", "2026-03-31", "2026-04-30"),
            (Interval::Month, "2027-12-31T00:00:00Z", "2028-02-28T23:59:59Z", "2028-01-31", "2028-02-29"),
            (Interval::Month, "2027-12-31T00:00:00Z", "2028-02-29T00:00:00Z", "2028-02-29", "2028-03-31"),
            (Interval::Month, "2025-11-01T00:00:00Z", "2025-11-30T23:59:59Z", "2025-11-01", "2025-12-01"),
            (Interval::Month, "2025-11-15T00:00:00Z", "2027-02-03T00:00:00Z", "2027-01-15", "2027-02-15"),
            (Interval::Year, "2024-02-29T00:00:00Z", "2025-02-27T00:00:00Z", "2024-02-29", "2025-02-28"),
            (Interval::Year, "2024-02-29T00:00:00Z", "2025-02-28T00:00:00Z", "2025-02-28", "2026-02-28"),
            (Interval::Year, "2024-02-29T00:00:00Z", "2028-03-01T00:00:00Z", "2028-02-29", "2029-02-28"),
            (Interval::Year, "2024-07-01T00:00:00Z", "2025-06-30T00:00:00Z", "2024-07-01", "2025-07-01"),
            (Interval::Week, "2026-01-01T00:00:00Z", "2026-01-14T23:59:59Z", "2026-01-08", "2026-01-15"),
            (Interval::Day, "2026-01-01T06:00:00Z", "2026-03-01T05:59:59Z", "2026-02-28", "2026-03-01"),
            // A clock that went back shows the first period.
            (Interval::Month, "2026-01-31T12:00:00Z", "2025-01-01T00:00:00Z", "2026-01-31", "2026-02-28"),
        ];
        for (interval, anchor, now, start, end) in table {
            let period = interval.period(at(anchor), at(now));
            assert_eq!((period.start.date(), period.end.date()), (start.to_owned(), end.to_owned()), "{anchor} {now}");
            let time = |text: &str| text[10..].to_owned();
            assert_eq!(time(&period.end.rfc3339()), time(anchor));
        }
    }

    #[test]
    fn periods_follow_each_other_without_a_gap() {
        for interval in [Interval::Day, Interval::Week, Interval::Month, Interval::Year] {
            for anchor in ["2024-02-29T23:59:59Z", "2025-12-31T00:00:00Z", "2026-08-30T01:02:03Z"] {
                let mut period = interval.period(at(anchor), at(anchor));
                assert_eq!(period.start, at(anchor));
                for _ in 0..60 {
                    let just_before = Timestamp::from_micros(period.end.micros() - 1);
                    assert_eq!(interval.period(at(anchor), just_before), period);
                    let next = interval.period(at(anchor), period.end);
                    assert!(next.start == period.end && next.end > next.start, "{interval:?} {anchor} {next:?}");
                    period = next;
                }
            }
        }
    }

    #[test]
    fn beyond_the_calendar_nothing_breaks() {
        let last = Timestamp::from_micros(i64::MAX);
        for interval in [Interval::Day, Interval::Week, Interval::Month, Interval::Year] {
            for (anchor, now) in [(last, last), (Timestamp::from_seconds(0), last), (at("9999-12-31T00:00:00Z"), last)]
            {
                let period = interval.period(anchor, now);
                assert!(period.start <= period.end, "{interval:?} {period:?}");
            }
        }
    }

    #[test]
    fn a_plan_that_is_gone_goes_by_its_id() {
        let plan = Plan {
            id: "premium_monthly".to_owned(),
            name: "premium".to_owned(),
            price: 0,
            currency: "usd".to_owned(),
            interval: Interval::Month,
            trial_days: 0,
            stripe_price: "price_1".to_owned(),
        };
        let plans = Plans(vec![plan]);
        assert_eq!((plans.name_of("premium_monthly"), plans.name_of("gold")), ("premium", "gold"));
        assert!(plans.of_stripe_price("price_1").is_some() && plans.of_stripe_price("premium_monthly").is_none());
    }
}
