//! Identifiers.
//!
//! A task id is a UUIDv7 whose lowest 16 bits are zero; the id of its step number `n` is the same value with
//! `n + 1` there. Both are valid UUIDv7 strings, a step's id costs no storage, and the task and the position
//! are read off it without a lookup. What remains random (58 bits beside the millisecond) is ample.

use std::{fmt, str::FromStr};

use uuid::{NoContext, Timestamp, Uuid};

/// The most steps that a task can have, because of how step ids are made.
pub const STEPS_PER_TASK_CEILING: usize = 30_000;

const STEP_BITS: u128 = 0xffff;

/// The id of a task.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(Uuid);

/// The id of a step: its task and its number in the handler's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId {
    /// The task.
    pub task: TaskId,
    /// The position in the handler's order, from 0.
    pub no: StepNo,
}

/// The position of a step in its handler's order, from 0.
pub type StepNo = u16;

/// The text is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {0} id")]
pub struct Malformed(pub &'static str);

/// The fewest digits of the beginning of an id: those say the minute in which it was made.
pub const PREFIX_DIGITS_MIN: usize = 8;

/// The first and the last value that an id with this beginning can have. Dashes are ignored; `None` when it is not 8 to
/// 32 hexadecimal digits.
pub fn range_of_prefix(prefix: &str) -> Option<(Uuid, Uuid)> {
    const DIGITS: usize = 32;
    let digits = prefix.replace('-', "");
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || !(PREFIX_DIGITS_MIN..=DIGITS).contains(&digits.len()) {
        return None;
    }
    let filled = |digit: &str| u128::from_str_radix(&format!("{digits}{}", digit.repeat(DIGITS - digits.len())), 16);
    Some((Uuid::from_u128(filled("0").ok()?), Uuid::from_u128(filled("f").ok()?)))
}

impl TaskId {
    /// Makes the id of a new task from the time in microseconds since 1970 and random bits.
    pub fn new(micros: i64, random: u64) -> Self {
        let micros = micros.max(0).unsigned_abs();
        let seconds = micros / 1_000_000;
        let nanos = u32::try_from((micros % 1_000_000) * 1_000).expect("less than a second");
        let stamp = Timestamp::from_unix(NoContext, seconds, nanos);
        let millis = u128::from(stamp.to_unix().0) * 1_000 + u128::from(stamp.to_unix().1 / 1_000_000);
        // The 12 bits after the version keep the order within a millisecond.
        let fraction = u128::from((nanos % 1_000_000) / 245);
        let bits = (millis << 80)
            | (0x7 << 76)
            | ((fraction & 0xfff) << 64)
            | (0b10 << 62)
            | (u128::from(random) << 16 & 0x3fff_ffff_ffff_0000);
        Self(Uuid::from_u128(bits))
    }

    /// Takes a stored id as it is.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id as a UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// When the id was made, in microseconds since 1970, to the millisecond.
    pub fn made_at(self) -> i64 {
        i64::try_from(self.0.as_u128() >> 80).map_or(i64::MAX, |millis| millis.saturating_mul(1_000))
    }

    /// The id of one of its steps.
    pub const fn step(self, no: StepNo) -> StepId {
        StepId { task: self, no }
    }

    /// A number that spreads tasks evenly, for choosing a lane.
    pub fn spread(self) -> u64 {
        let bits = self.0.as_u128();
        let mixed = ((bits >> 16) as u64) ^ ((bits >> 80) as u64);
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
    }
}

impl StepId {
    /// The id as a UUID.
    pub const fn uuid(self) -> Uuid {
        Uuid::from_u128(self.task.0.as_u128() | (self.no as u128 + 1))
    }

    /// Reads the task and the number off a UUID; `None` when it is a task's id, or has a number that no step can have.
    pub const fn from_uuid(uuid: Uuid) -> Option<Self> {
        let bits = uuid.as_u128();
        match bits & STEP_BITS {
            0 => None,
            low if low > STEPS_PER_TASK_CEILING as u128 => None,
            low => Some(Self { task: TaskId(Uuid::from_u128(bits & !STEP_BITS)), no: (low - 1) as StepNo }),
        }
    }
}

impl FromStr for TaskId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match Uuid::try_parse(text) {
            Ok(uuid) if uuid.as_u128() & STEP_BITS == 0 => Ok(Self(uuid)),
            _ => Err(Malformed("task")),
        }
    }
}

impl FromStr for StepId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Uuid::try_parse(text).ok().and_then(Self::from_uuid).ok_or(Malformed("step"))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid().fmt(f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.task, self.no)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_range() {
        let check = |prefix: &str, expected: Option<(&str, &str)>| {
            let found = range_of_prefix(prefix).map(|(first, last)| (first.to_string(), last.to_string()));
            assert_eq!(found, expected.map(|(first, last)| (first.to_owned(), last.to_owned())), "{prefix}");
        };
        let first = "01932c07-0000-0000-0000-000000000000";
        check("01932c07", Some((first, "01932c07-ffff-ffff-ffff-ffffffffffff")));
        check("01932C07-6", Some(("01932c07-6000-0000-0000-000000000000", "01932c07-6fff-ffff-ffff-ffffffffffff")));
        let whole = "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000";
        check(whole, Some((whole, whole)));
        check("01932c0", None);
        check("01932c0x", None);
        check(&format!("{whole}0"), None);
        check("", None);
        check("+1932c07", None);
    }

    #[test]
    fn a_step_id_tells_its_task_and_number() {
        let task = TaskId::new(1_700_000_000_123_456, u64::MAX);
        assert_eq!(task.uuid().get_version_num(), 7);
        for no in [0, 1, 9_999] {
            let step = task.step(no);
            assert_eq!(step.uuid().get_version_num(), 7);
            assert_eq!(step.to_string().parse(), Ok(step));
        }
        assert_eq!(task.to_string().parse(), Ok(task));
        assert_eq!(task.to_string().parse::<StepId>(), Err(Malformed("step")));
        assert_eq!(task.step(3).to_string().parse::<TaskId>(), Err(Malformed("task")));
    }

    #[test]
    fn a_number_that_no_step_can_have_is_no_step_id() {
        let task = TaskId::new(1_700_000_000_123_456, 7);
        let check = |low: u128, expected: Result<StepNo, Malformed>| {
            let text = Uuid::from_u128(task.uuid().as_u128() | low).to_string();
            assert_eq!(text.parse::<StepId>().map(|step| step.no), expected, "{text}");
        };
        check(0x7530, Ok(29_999));
        check(0x7531, Err(Malformed("step")));
        check(0x8000, Err(Malformed("step")));
        check(0xffff, Err(Malformed("step")));
    }

    #[test]
    fn ids_are_ordered_by_time() {
        let early = TaskId::new(1_700_000_000_000_000, u64::MAX);
        let late = TaskId::new(1_700_000_000_001_000, 0);
        let later = TaskId::new(1_700_000_000_001_500, 0);
        assert!(early < late && late < later);
    }
}
