//! PathCount numbers of any size, as far as counting paths needs them.

use std::fmt;

/// The largest power of ten in a limb.
const CHUNK: u64 = 10_000_000_000_000_000_000;
const CHUNK_DIGITS: usize = 19;

/// A natural number: limbs of 64 bits, the lowest first, the highest not 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathCount(Vec<u64>);

impl PathCount {
    /// One.
    pub fn one() -> Self {
        Self(vec![1])
    }

    /// Adds another number.
    pub fn add(&mut self, other: &Self) {
        let mut carry = false;
        for (at, limb) in other.0.iter().enumerate() {
            if at == self.0.len() {
                self.0.push(0);
            }
            carry = add_limb(&mut self.0[at], *limb, carry);
        }
        for limb in self.0.iter_mut().skip(other.0.len()) {
            if !carry {
                return;
            }
            carry = add_limb(limb, 0, true);
        }
        if carry {
            self.0.push(1);
        }
    }

    /// Divides by a limb and gives the rest.
    fn divide(&mut self, by: u64) -> u64 {
        let mut rest = 0_u64;
        for limb in self.0.iter_mut().rev() {
            let whole = u128::from(rest) << 64 | u128::from(*limb);
            *limb = u64::try_from(whole / u128::from(by)).expect("the rest is less than the divisor");
            rest = u64::try_from(whole % u128::from(by)).expect("a rest is less than its divisor");
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        rest
    }
}

/// Adds to a limb and gives the carry.
fn add_limb(limb: &mut u64, other: u64, carry: bool) -> bool {
    let (sum, first) = limb.overflowing_add(other);
    let (sum, second) = sum.overflowing_add(u64::from(carry));
    *limb = sum;
    first || second
}

impl fmt::Display for PathCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.clone();
        let mut chunks = Vec::new();
        while !rest.0.is_empty() {
            chunks.push(rest.divide(CHUNK));
        }
        write!(f, "{}", chunks.pop().unwrap_or(0))?;
        chunks.iter().rev().try_for_each(|chunk| write!(f, "{chunk:0CHUNK_DIGITS$}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn natural(value: u128) -> PathCount {
        let mut limbs = vec![value as u64, (value >> 64) as u64];
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        PathCount(limbs)
    }

    proptest! {
        #[test]
        fn sums_and_digits_are_those_of_ordinary_numbers(one: u128, other: u128) {
            let (one, other) = (one >> 1, other >> 1);
            let mut sum = natural(one);
            sum.add(&natural(other));
            prop_assert_eq!(sum.to_string(), (one + other).to_string());
        }
    }

    #[test]
    fn powers_of_two() {
        let mut power = PathCount::one();
        for _ in 0..200 {
            let copy = power.clone();
            power.add(&copy);
        }
        assert_eq!(power.to_string(), "1606938044258990275541962092341162602522202993782792835301376");
        assert_eq!(PathCount::default().to_string(), "0");
    }
}
