//! Which item of a layer is above which: so that few lines cross.

use super::wiring::{Item, Side, Spot, Wiring};

/// Rounds through all layers; more change little.
const ROUNDS: usize = 8;

/// A mean of positions counts in such parts of one.
const PART: usize = 1024;

/// The items of each layer from top to bottom.
pub(super) fn rows(wiring: &Wiring) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); wiring.count];
    for (index, item) in wiring.items.iter().enumerate() {
        rows[item.layer].push(index);
    }
    let [before, after] = neighbours(wiring);
    let mut at = positions(&rows, &wiring.items);
    let (mut best, mut least) = (rows.clone(), usize::MAX);
    for round in 0..=ROUNDS {
        let crossings = rows.iter().map(|row| crossings(row, &after, &at)).sum();
        if crossings < least {
            least = crossings;
            best.clone_from(&rows);
        }
        if least == 0 {
            break;
        }
        let is_onward = round % 2 == 0;
        let others = if is_onward { &before } else { &after };
        for step in 0..rows.len() {
            let row = &mut rows[if is_onward { step } else { wiring.count - 1 - step }];
            row.sort_by_cached_key(|&item| (mean(&others[item], &at).unwrap_or(at[item] * PART), at[item]));
            for (position, &item) in row.iter().enumerate() {
                at[item] = position;
            }
        }
    }
    best
}

/// The position of each item in its layer.
pub(super) fn positions(rows: &[Vec<usize>], items: &[Item]) -> Vec<usize> {
    let mut at = vec![0; items.len()];
    for row in rows {
        for (position, &item) in row.iter().enumerate() {
            at[item] = position;
        }
    }
    at
}

/// The mean position of items, in parts of one.
pub(super) fn mean(items: &[usize], at: &[usize]) -> Option<usize> {
    let sum: usize = items.iter().map(|&item| at[item] * PART).sum();
    sum.checked_div(items.len())
}

/// Before and after each item.
fn neighbours(wiring: &Wiring) -> [Vec<Vec<usize>>; 2] {
    let mut before = vec![Vec::new(); wiring.items.len()];
    let mut after = before.clone();
    for net in &wiring.nets {
        for end in &net.ends {
            if let (Spot::Port { item: hub, .. }, Spot::Port { item: end, .. }) = (net.hub.spot, end.spot) {
                let (from, to) = match net.hub.side {
                    Side::Left => (hub, end),
                    Side::Right => (end, hub),
                };
                after[from].push(to);
                before[to].push(from);
            }
        }
    }
    [before, after]
}

/// Lines after a layer that cross, counted by how many of those before end below (a Fenwick tree).
fn crossings(row: &[usize], after: &[Vec<usize>], at: &[usize]) -> usize {
    let ends = |item: &usize| after[*item].iter().map(|&to| at[to]);
    let Some(last) = row.iter().flat_map(ends).max() else {
        return 0;
    };
    let mut tree = vec![0; last + 2];
    let (mut seen, mut crossings) = (0, 0);
    for item in row {
        for to in ends(item) {
            let mut index = to + 1;
            let mut not_below = 0;
            while index > 0 {
                not_below += tree[index];
                index &= index - 1;
            }
            crossings += seen - not_below;
        }
        for to in ends(item) {
            let mut index = to + 1;
            while index < tree.len() {
                tree[index] += 1;
                index += index & index.wrapping_neg();
            }
            seen += 1;
        }
    }
    crossings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_are_counted() {
        let after = [vec![2, 3], vec![2, 3], vec![], vec![]];
        assert_eq!(crossings(&[0, 1], &after, &[0, 1, 0, 1]), 1);
        let after = [vec![3], vec![2], vec![], vec![]];
        assert_eq!(crossings(&[0, 1], &after, &[0, 1, 0, 1]), 1);
        assert_eq!(crossings(&[1, 0], &after, &[1, 0, 0, 1]), 0);
    }
}
