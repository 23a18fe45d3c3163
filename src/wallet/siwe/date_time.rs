//! The `date-time` of RFC 3339 section 5.6, kept as written: the text is what was signed, the moment is what is judged.

use std::fmt;
use std::ops::RangeInclusive;

use time::{Date, Month};

use super::rfc3986::Misfit;
use crate::clock::Timestamp;

/// The Julian day on which the Unix epoch lies.
const EPOCH_DAY: i64 = 2_440_588;
const DAY: i64 = 24 * 60 * 60;

/// A date and time in the spelling of whoever wrote it, and the moment that it means.
///
/// Two are equal if they are spelled alike; compare their moments to know which is earlier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    text: String,
    moment: Timestamp,
}

impl DateTime {
    /// Reads a `date-time`: with any offset and any number of decimals, `T` and `Z` in either case.
    ///
    /// Only days of the calendar and hours up to 23 exist. Second 60 exists where a leap second can be inserted
    /// (section 5.7): as the last one in UTC of a month; since Unix time has no place for it, it is the moment of the
    /// second that follows it. Decimals beyond the microsecond do not count.
    ///
    /// # Errors
    /// [`Misfit`] at the first character that does not fit, or where a number begins that is out of its range.
    pub fn parse(text: &str) -> Result<Self, Misfit> {
        let mut reader = Reader { text, at: 0 };
        let day = reader.date()?;
        reader.mark(['T', 't'], "\"T\" between date and time")?;
        let (seconds, second_at) = reader.time()?;
        let micros = reader.decimals()?;
        let utc = day * DAY + seconds - reader.offset()?;
        reader.end()?;
        // Only a second 60 has a position to complain about.
        if let Some(at) = second_at
            && !is_after_month_end(utc)
        {
            return Err(Misfit::new(at, "a second of 00 to 59; 60 only as the last second in UTC of a month"));
        }
        Ok(Self { text: text.to_owned(), moment: Timestamp::from_micros(utc * 1_000_000 + micros) })
    }

    /// `moment` in UTC, ending in `Z`; `None` outside of the years 0 to 9999, for which there is no spelling.
    #[must_use]
    pub fn of(moment: Timestamp) -> Option<Self> {
        Self::parse(&moment.rfc3339()).ok().filter(|written| written.moment == moment)
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The moment that the text means.
    #[must_use]
    pub const fn moment(&self) -> Timestamp {
        self.moment
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a month in UTC ends at this moment, in seconds since the Unix epoch: where second 60 was inserted.
fn is_after_month_end(utc: i64) -> bool {
    let eve = i32::try_from(utc.div_euclid(DAY) + EPOCH_DAY - 1).ok().and_then(|day| Date::from_julian_day(day).ok());
    utc.rem_euclid(DAY) == 0 && eve.is_some_and(|date| date.day() == date.month().length(date.year()))
}

/// Reads one production after the other.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    /// `full-date`, in days since the Unix epoch.
    fn date(&mut self) -> Result<i64, Misfit> {
        let year = self.number(4, 0..=9999, "a year of four digits")?;
        self.mark(['-'], "\"-\" after the year")?;
        let month = self.number(2, 1..=12, "a month of 01 to 12")?;
        self.mark(['-'], "\"-\" after the month")?;
        let day_at = self.at;
        let no_day = Misfit::new(day_at, "a day that this month has");
        let day = self.number(2, 1..=31, no_day.expected)?;
        let month = Month::try_from(month.to_le_bytes()[0]).map_err(|_| no_day)?;
        let date = Date::from_calendar_date(i32::from(year), month, day.to_le_bytes()[0]).map_err(|_| no_day)?;
        Ok(i64::from(date.to_julian_day()) - EPOCH_DAY)
    }

    /// `partial-time` without its decimals, in seconds of the day, and where the second stands if it is the 60th.
    fn time(&mut self) -> Result<(i64, Option<usize>), Misfit> {
        let minutes = self.hour_and_minute()?;
        self.mark([':'], "\":\" after the minute")?;
        let second_at = self.at;
        let second = self.number(2, 0..=60, "a second of 00 to 59, or 60 for a leap second")?;
        Ok((minutes * 60 + i64::from(second), (second == 60).then_some(second_at)))
    }

    /// `time-hour ":" time-minute`, in minutes.
    fn hour_and_minute(&mut self) -> Result<i64, Misfit> {
        let hour = self.number(2, 0..=23, "an hour of 00 to 23")?;
        self.mark([':'], "\":\" after the hour")?;
        let minute = self.number(2, 0..=59, "a minute of 00 to 59")?;
        Ok(i64::from(hour) * 60 + i64::from(minute))
    }

    /// `[ time-secfrac ]`, in microseconds.
    fn decimals(&mut self) -> Result<i64, Misfit> {
        let Some(rest) = self.text[self.at..].strip_prefix('.') else { return Ok(0) };
        let count = rest.bytes().take_while(u8::is_ascii_digit).count();
        self.at += 1 + count;
        if count == 0 {
            return Err(Misfit::new(self.at, "a digit after the decimal point"));
        }
        let digits = rest[..count].bytes().chain(std::iter::repeat(b'0')).take(6);
        Ok(digits.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')))
    }

    /// `time-offset`, in seconds. `-00:00` is UTC too; it says that the local offset is not known (section 4.3).
    fn offset(&mut self) -> Result<i64, Misfit> {
        let sign = match self.mark(['Z', 'z', '+', '-'], "\"Z\" or an offset from UTC")? {
            '+' => 60,
            '-' => -60,
            _ => return Ok(0),
        };
        Ok(sign * self.hour_and_minute()?)
    }

    fn end(&self) -> Result<(), Misfit> {
        if self.at == self.text.len() { Ok(()) } else { Err(Misfit::new(self.at, "the end of the date and time")) }
    }

    /// A number of exactly `digits` digits that is in `range`.
    fn number(&mut self, digits: usize, range: RangeInclusive<u16>, expected: &'static str) -> Result<u16, Misfit> {
        let begin = self.at;
        let mut number = 0;
        for digit in self.text.as_bytes()[begin..].iter().take(digits).take_while(|digit| digit.is_ascii_digit()) {
            number = number * 10 + u16::from(digit - b'0');
            self.at += 1;
        }
        if self.at - begin < digits {
            return Err(Misfit::new(self.at, expected));
        }
        if range.contains(&number) { Ok(number) } else { Err(Misfit::new(begin, expected)) }
    }

    /// One of these characters.
    fn mark<const N: usize>(&mut self, marks: [char; N], expected: &'static str) -> Result<char, Misfit> {
        let next = self.text[self.at..].chars().next().filter(|c| marks.contains(c));
        let mark = next.ok_or(Misfit::new(self.at, expected))?;
        self.at += mark.len_utf8();
        Ok(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        DateTime::parse(text).unwrap().moment().micros()
    }

    #[test]
    fn the_examples_of_the_rfc_mean_what_it_says() {
        // Section 5.8.
        assert_eq!(micros("1985-04-12T23:20:50.52Z"), 482_196_050_520_000);
        assert_eq!(micros("1996-12-19T16:39:57-08:00"), micros("1996-12-20T00:39:57Z"));
        assert_eq!(micros("1990-12-31T23:59:60Z"), micros("1991-01-01T00:00:00Z"));
        assert_eq!(micros("1990-12-31T15:59:60-08:00"), micros("1990-12-31T23:59:60Z"));
        assert_eq!(micros("1937-01-01T12:00:27.87+00:20"), micros("1937-01-01T11:40:27.870Z"));
    }

    #[test]
    fn every_spelling_of_a_moment_is_kept() {
        for text in [
            "2021-09-30T16:25:24Z",
            "2021-09-30t16:25:24z",
            "2021-09-30T16:25:24-00:00",
            "2021-09-30T16:25:24.000000000000000000000000000000Z",
            "2021-09-30T16:25:24.0000009+00:00",
            "2021-10-01T16:24:24+23:59",
            "2021-09-29T16:26:24-23:59",
        ] {
            let read = DateTime::parse(text).unwrap();
            assert_eq!(read.as_str(), text);
            assert_eq!(read.moment(), Timestamp::from_seconds(1_633_019_124), "{text}");
        }
        assert_eq!(micros("1970-01-01T00:00:00.1Z"), 100_000);
        assert_eq!(micros("1969-12-31T23:59:59.999999999Z"), -1);
        assert_eq!(micros("0000-01-01T00:00:00Z"), -62_167_219_200_000_000);
        assert_eq!(micros("9999-12-31T23:59:59.999999Z"), 253_402_300_799_999_999);
        assert_eq!(micros("9999-12-31T23:59:60Z"), 253_402_300_800_000_000);
        assert_eq!(micros("0000-01-01T00:59:60+01:00"), -62_167_219_200_000_000);
    }

    #[test]
    fn a_misfit_is_at_the_first_character_that_does_not_fit() {
        for (text, at) in [
            ("", 0),
            ("2021", 4),
            ("202é-09-30T16:25:24Z", 3),
            ("+021-09-30T16:25:24Z", 0),
            ("20210930T162524Z", 4),
            ("2021-9-30T16:25:24Z", 6),
            ("2021-00-30T16:25:24Z", 5),
            ("2021-13-30T16:25:24Z", 5),
            ("2021-09-00T16:25:24Z", 8),
            ("2021-09-31T16:25:24Z", 8),
            ("2021-02-29T16:25:24Z", 8),
            ("1900-02-29T16:25:24Z", 8),
            ("2021-09-30", 10),
            ("2021-09-30 16:25:24Z", 10),
            ("2021-09-30T24:00:00Z", 11),
            ("2021-09-30T16:60:24Z", 14),
            ("2021-09-30T16:25Z", 16),
            ("2021-09-30T16:25:61Z", 17),
            ("2021-09-30T16:25:60Z", 17),
            ("2021-09-29T23:59:60Z", 17),
            ("2021-09-30T23:59:60+01:00", 17),
            ("2021-09-30T16:25:24", 19),
            ("2021-09-30T16:25:24.Z", 20),
            ("2021-09-30T16:25:24,1Z", 19),
            ("2021-09-30T16:25:24.1", 21),
            ("2021-09-30T16:25:24+24:00", 20),
            ("2021-09-30T16:25:24+01:60", 23),
            ("2021-09-30T16:25:24+0100", 22),
            ("2021-09-30T16:25:24+01", 22),
            ("2021-09-30T16:25:24\u{2212}01:00", 19),
            ("2021-09-30T16:25:24Z ", 20),
            ("2021-09-30T16:25:24Z+01:00", 20),
            ("Wed Oct 05 2011 16:48:00 GMT+0200 (CEST)", 0),
        ] {
            assert_eq!(DateTime::parse(text).map_err(|misfit| misfit.at), Err(at), "{text}");
        }
        for text in ["2000-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2016-06-30T23:59:60.5Z"] {
            assert!(DateTime::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_moment_is_written_so_that_it_is_read_again() {
        for micros in [0, 1, -1, 1_633_019_124_000_000, 253_402_300_799_999_999, -62_167_219_200_000_000] {
            let moment = Timestamp::from_micros(micros);
            let written = DateTime::of(moment).unwrap();
            assert_eq!((written.moment(), written.as_str()), (moment, moment.rfc3339().as_str()));
        }
        for micros in [i64::MAX, i64::MIN, 253_402_300_800_000_000, -62_167_219_200_000_001] {
            assert_eq!(DateTime::of(Timestamp::from_micros(micros)), None);
        }
    }
}
