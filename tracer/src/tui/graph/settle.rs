//! In which row each item begins: so that lines are straight where they can be.

/// Rounds there and back; more change little.
const ROUNDS: usize = 4;

/// What two neighbours would like: that these rows of theirs are the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) from_row: i64,
    pub(super) to: usize,
    pub(super) to_row: i64,
    pub(super) weight: i64,
}

/// Where one neighbour would like an item to begin: so many rows below its own top.
#[derive(Clone, Copy)]
struct Wish {
    other: usize,
    below: i64,
    weight: i64,
}

/// The top row of each item. `step` is the distance between the tops of an item and the one below it.
pub(super) fn tops(rows: &[Vec<usize>], count: usize, step: impl Fn(usize, usize) -> i64, links: &[Link]) -> Vec<i64> {
    let mut before = vec![Vec::new(); count];
    let mut after = before.clone();
    for link in links {
        let (below, weight) = (link.from_row - link.to_row, link.weight);
        before[link.to].push(Wish {
            other: link.from,
            below,
            weight,
        });
        after[link.from].push(Wish {
            other: link.to,
            below: -below,
            weight,
        });
    }
    let mut tops = vec![0; count];
    for round in 0..=2 * ROUNDS {
        let is_onward = round % 2 == 0;
        let wishes = if is_onward { &before } else { &after };
        for index in 0..rows.len() {
            let row = &rows[if is_onward { index } else { rows.len() - 1 - index }];
            place(row, wishes, &step, &mut tops);
        }
    }
    let least = tops.iter().copied().min().unwrap_or_default();
    tops.iter().map(|top| top - least).collect()
}

/// Items that touch and have no place that is better for all of them.
struct Block {
    sum: i64,
    weight: i64,
    items: usize,
}

/// Places the items of a layer in their order, each as near to where its neighbours want it as the others let it: the least sum of squares (pool adjacent
/// violators).
fn place(row: &[usize], wishes: &[Vec<Wish>], step: impl Fn(usize, usize) -> i64, tops: &mut [i64]) {
    let mut blocks: Vec<Block> = Vec::with_capacity(row.len());
    // How far each item is below the first, at least.
    let mut below = Vec::with_capacity(row.len());
    for (index, &item) in row.iter().enumerate() {
        let far = match (index.checked_sub(1), below.last()) {
            (Some(previous), Some(far)) => far + step(row[previous], item),
            _ => 0,
        };
        below.push(far);
        let mut block = Block {
            sum: 0,
            weight: 0,
            items: 1,
        };
        for wish in &wishes[item] {
            block.sum += wish.weight * (tops[wish.other] + wish.below - far);
            block.weight += wish.weight;
        }
        if block.weight == 0 {
            block = Block {
                sum: tops[item] - far,
                weight: 1,
                items: 1,
            };
        }
        while let Some(last) = blocks.pop_if(|last| last.sum * block.weight > block.sum * last.weight) {
            block.sum += last.sum;
            block.weight += last.weight;
            block.items += last.items;
        }
        blocks.push(block);
    }
    let mut placed = row.iter().zip(below);
    for block in blocks {
        let mean = (2 * block.sum + block.weight).div_euclid(2 * block.weight);
        for (&item, far) in placed.by_ref().take(block.items) {
            tops[item] = mean + far;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(from: usize, to: usize) -> Link {
        Link {
            from,
            from_row: 1,
            to,
            to_row: 1,
            weight: 1,
        }
    }

    #[test]
    fn a_chain_is_straight() {
        let tops = tops(&[vec![0], vec![1], vec![2]], 3, |_, _| 4, &[link(0, 1), link(1, 2)]);
        assert_eq!(tops, [0, 0, 0]);
    }

    #[test]
    fn a_fan_is_around_its_source() {
        let links = [link(0, 1), link(0, 2), link(0, 3)];
        assert_eq!(tops(&[vec![0], vec![1, 2, 3]], 4, |_, _| 4, &links), [4, 0, 4, 8]);
    }

    #[test]
    fn what_is_wanted_in_one_place_stands_below_each_other() {
        let links = [link(0, 2), link(1, 3)];
        let tops = tops(&[vec![0, 1], vec![2, 3]], 4, |upper, _| [2, 2, 9, 9][upper], &links);
        assert_eq!(tops[3] - tops[2], 9);
    }
}
