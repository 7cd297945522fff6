//! Spreads groups over bins so that every stratum fills all bins alike.
//!
//! The greedy rule is that of scikit-learn's `StratifiedGroupKFold`: the largest groups first, each to the bin where
//! it disturbs the balance least. It differs in that bins may have unequal shares, that groups are counted beside
//! rows, and that equal groups are ordered by a hash of their names instead of by shuffling rows.

use std::collections::BTreeMap;

/// What is to be balanced: per group, how much it adds to which feature.
pub(super) struct Features {
    /// `(feature, amount)` of each group.
    amounts: Vec<Vec<(usize, f64)>>,
    /// Rows of each group.
    sizes: Vec<usize>,
    /// Number of features.
    count: usize,
}

impl Features {
    /// Features of each list of strata: groups of each stratum, then rows of each stratum. Sizes follow from them, and
    /// are not counted again: that would weigh them against the classes. Without strata all rows are of one.
    pub(super) fn new(rows: &[u32], groups: usize, strata: &[Vec<String>]) -> Self {
        let mut sizes = vec![0; groups];
        rows.iter().for_each(|&group| sizes[group as usize] += 1);
        let mut features = Self {
            amounts: vec![Vec::new(); groups],
            sizes,
            count: 0,
        };
        if strata.is_empty() {
            features.add(rows, |_| "");
        }
        for values in strata {
            features.add(rows, |row| &values[row]);
        }
        features
    }

    /// Adds the features of one list of strata.
    fn add<'a>(&mut self, rows: &[u32], stratum: impl Fn(usize) -> &'a str) {
        let mut per_group: Vec<BTreeMap<&str, usize>> = vec![BTreeMap::new(); self.sizes.len()];
        for (row, &group) in rows.iter().enumerate() {
            *per_group[group as usize].entry(stratum(row)).or_default() += 1;
        }
        let mut groups_with: BTreeMap<&str, usize> = BTreeMap::new();
        for stratum in per_group.iter().flat_map(BTreeMap::keys) {
            *groups_with.entry(stratum).or_default() += 1;
        }
        let place: BTreeMap<&str, usize> = groups_with
            .keys()
            .enumerate()
            .map(|(place, &stratum)| (stratum, self.count + place))
            .collect();
        for (strata, amounts) in per_group.iter().zip(&mut self.amounts) {
            let rarest = strata.keys().min_by_key(|&&stratum| (groups_with[stratum], stratum));
            amounts.extend(rarest.map(|&stratum| (place[stratum], 1.0)));
            let of_rows = strata.iter();
            amounts.extend(of_rows.map(|(&stratum, &rows)| (place.len() + place[stratum], rows as f64)));
        }
        self.count += 2 * place.len();
    }
}

/// Groups, what is to be balanced in them, and the seed of their order.
pub(super) struct Balance<'a> {
    /// Names of the groups.
    pub(super) names: &'a [String],
    /// What is balanced.
    pub(super) features: Features,
    /// The seed.
    pub(super) seed: u64,
}

impl Balance<'_> {
    /// The bin of each of `groups`, in their order. `shares` are the bins' shares and sum to 1; none is 0. `counters`
    /// tell one draw of the same seed from another. No bin is empty while there are as many groups as bins.
    pub(super) fn bins(&self, groups: &[u32], shares: &[f64], counters: &[u32]) -> Vec<usize> {
        let mut filling = Filling::new(&self.features, groups, shares);
        let mut bins = vec![0; groups.len()];
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by_cached_key(|&place| {
            let group = groups[place] as usize;
            (
                usize::MAX - self.features.sizes[group],
                self.draw(group, counters),
                group,
            )
        });
        for &place in &order {
            let group = groups[place];
            bins[place] = filling.best_bin(group);
            filling.add(group, bins[place], 1.0);
        }
        for bin in 0..shares.len() {
            if !bins.contains(&bin) {
                filling.fill(bin, groups, &order, &mut bins);
            }
        }
        bins
    }

    /// A number for a group that depends on nothing but its name, the seed and the counters.
    fn draw(&self, group: usize, counters: &[u32]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("mtl split order 1");
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&[u8::try_from(counters.len()).unwrap_or(u8::MAX)]);
        for counter in counters {
            hasher.update(&counter.to_le_bytes());
        }
        hasher.update(self.names[group].as_bytes());
        *hasher.finalize().as_bytes()
    }
}

/// Bins while they are filled.
struct Filling<'a> {
    features: &'a Features,
    shares: &'a [f64],
    /// Total of each feature.
    totals: Vec<f64>,
    /// `[bin][feature]`.
    filled: Vec<Vec<f64>>,
}

impl<'a> Filling<'a> {
    fn new(features: &'a Features, groups: &[u32], shares: &'a [f64]) -> Self {
        let mut totals = vec![0.0; features.count];
        for &(feature, amount) in groups.iter().flat_map(|&group| &features.amounts[group as usize]) {
            totals[feature] += amount;
        }
        let filled = vec![vec![0.0; features.count]; shares.len()];
        Self {
            features,
            shares,
            totals,
            filled,
        }
    }

    /// How much the sum of `(filled - share * total)^2 / (share * total^2)` over features changes with a group.
    fn cost(&self, group: u32, bin: usize, sign: f64) -> f64 {
        let share = self.shares[bin];
        self.features.amounts[group as usize]
            .iter()
            .map(|&(feature, amount)| {
                let (total, amount) = (self.totals[feature], sign * amount);
                amount * (2.0 * (self.filled[bin][feature] - share * total) + amount) / (share * total * total)
            })
            .sum()
    }

    /// The bin that a group disturbs least; of equal ones the first.
    fn best_bin(&self, group: u32) -> usize {
        let mut best = (f64::INFINITY, 0);
        for bin in 0..self.shares.len() {
            let cost = self.cost(group, bin, 1.0);
            if cost < best.0 {
                best = (cost, bin);
            }
        }
        best.1
    }

    fn add(&mut self, group: u32, bin: usize, sign: f64) {
        for &(feature, amount) in &self.features.amounts[group as usize] {
            self.filled[bin][feature] += sign * amount;
        }
    }

    /// Moves to an empty bin the group whose move disturbs least, from a bin that keeps others.
    fn fill(&mut self, empty: usize, groups: &[u32], order: &[usize], bins: &mut [usize]) {
        let mut best = (f64::INFINITY, None);
        for &place in order {
            let (group, from) = (groups[place], bins[place]);
            if bins.iter().filter(|&&bin| bin == from).count() < 2 {
                continue;
            }
            let cost = self.cost(group, from, -1.0) + self.cost(group, empty, 1.0);
            if cost < best.0 {
                best = (cost, Some(place));
            }
        }
        if let Some(place) = best.1 {
            self.add(groups[place], bins[place], -1.0);
            self.add(groups[place], empty, 1.0);
            bins[place] = empty;
        }
    }
}
