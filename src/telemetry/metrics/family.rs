//! One metric with all its series.

use std::{
    collections::{BTreeMap, HashMap, hash_map::RandomState},
    fmt,
    hash::BuildHasher as _,
    sync::{PoisonError, RwLock},
};

use super::{Definition, Gauge, Instrument, OTHER, Reading};

/// One metric: an instrument for each combination of label values, found by it.
///
/// There are at most so many combinations; then free labels are called `other`, so that users' names cannot grow a
/// metric without end.
pub struct Family<I, const LABELS: usize> {
    definition: &'static Definition,
    series_max: usize,
    hasher: RandomState,
    series: RwLock<Found<I, LABELS>>,
}

type Found<I, const LABELS: usize> = HashMap<u64, Vec<([Box<str>; LABELS], I)>>;

/// One combination of label values and what it says.
pub type Series = (Vec<String>, Reading);

impl<I: Instrument, const LABELS: usize> Family<I, LABELS> {
    /// Begins without series, but one without labels is there from the start. No series are allowed: recording is
    /// off.
    pub(super) fn new(definition: &'static Definition, series_max: usize) -> Self {
        let family = Self { definition, series_max, hasher: RandomState::new(), series: RwLock::default() };
        if LABELS == 0 && series_max > 0 {
            family.insert([""; LABELS], false);
        }
        family
    }

    /// The instrument of a combination of label values. Cheap enough for every call; who records for every step keeps
    /// it.
    pub fn with(&self, values: [&str; LABELS]) -> I {
        if self.series_max == 0 {
            return I::disabled();
        }
        if let Some(found) = self.find(&values) {
            return found;
        }
        let full = self.len() >= self.series_max;
        if full {
            let cut = self.cut(values);
            return self.find(&cut).unwrap_or_else(|| self.insert(cut, true));
        }
        self.insert(values, false)
    }

    /// What the metric is.
    pub const fn definition(&self) -> &'static Definition {
        self.definition
    }

    /// What all series say, by their label values.
    pub fn read(&self) -> Vec<Series> {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let all = series.values().flatten();
        let read =
            all.map(|(values, instrument)| (values.iter().map(ToString::to_string).collect(), instrument.read()));
        // By label values, so that two scrapes differ only in numbers.
        let sorted: BTreeMap<Vec<String>, Reading> = read.collect();
        sorted.into_iter().collect()
    }

    fn find(&self, values: &[&str; LABELS]) -> Option<I> {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let candidates = series.get(&self.hash(values))?;
        candidates.iter().find(|(known, _)| same(known, values)).map(|(_, instrument)| instrument.clone())
    }

    fn insert(&self, values: [&str; LABELS], past_limit: bool) -> I {
        let hash = self.hash(&values);
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        let candidates = series.get(&hash).into_iter().flatten();
        if let Some((_, instrument)) = candidates.clone().find(|(known, _)| same(known, &values)) {
            return instrument.clone();
        }
        let count: usize = series.values().map(Vec::len).sum();
        if !past_limit && count >= self.series_max && LABELS > 0 {
            drop(series);
            return self.with(values);
        }
        let instrument = I::begin(self.definition);
        series.entry(hash).or_default().push((values.map(Box::from), instrument.clone()));
        instrument
    }

    fn len(&self) -> usize {
        self.series.read().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }

    fn cut<'a>(&self, mut values: [&'a str; LABELS]) -> [&'a str; LABELS] {
        for (value, label) in values.iter_mut().zip(self.definition.labels) {
            if Definition::is_free(label) {
                *value = OTHER;
            }
        }
        values
    }

    fn hash(&self, values: &[&str; LABELS]) -> u64 {
        self.hasher.hash_one(values)
    }
}

impl<const LABELS: usize> Family<Gauge, LABELS> {
    /// Sets what was observed and forgets the series that were not. Where names are told apart no more, `combine` makes
    /// one value of two.
    pub fn replace(&self, observed: &[([&str; LABELS], f64)], combine: impl Fn(f64, f64) -> f64) {
        if self.series_max == 0 {
            return;
        }
        let mut found: Found<Gauge, LABELS> = HashMap::new();
        for (position, (values, value)) in observed.iter().enumerate() {
            let values = if position < self.series_max { *values } else { self.cut(*values) };
            let candidates = found.entry(self.hash(&values)).or_default();
            match candidates.iter().find(|(known, _)| same(known, &values)) {
                Some((_, gauge)) => gauge.set(combine(gauge.get(), *value)),
                None => {
                    let gauge = Gauge::begin(self.definition);
                    gauge.set(*value);
                    candidates.push((values.map(Box::from), gauge));
                }
            }
        }
        *self.series.write().unwrap_or_else(PoisonError::into_inner) = found;
    }
}

fn same<const LABELS: usize>(known: &[Box<str>; LABELS], values: &[&str; LABELS]) -> bool {
    known.iter().zip(values).all(|(known, value)| **known == **value)
}

impl<I, const LABELS: usize> fmt::Debug for Family<I, LABELS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("name", &self.definition.name).finish_non_exhaustive()
    }
}
