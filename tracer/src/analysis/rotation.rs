//! One canonical form for what goes round.

/// Where the smallest rotation of a circle starts; the first such place when there are several. Linear, however long the circle.
///
/// The two candidates `a` and `b` are compared item by item; where they differ, the larger one and all that starts within the part
/// compared are out.
pub(crate) fn smallest<T: Ord>(circle: &[T]) -> usize {
    let length = circle.len();
    let at = |position: usize| circle.get(position % length.max(1));
    let (mut a, mut b, mut same) = (0, 1, 0);
    while a < length && b < length && same < length {
        match at(a + same).cmp(&at(b + same)) {
            std::cmp::Ordering::Equal => {
                same += 1;
                continue;
            }
            std::cmp::Ordering::Greater => a += same + 1,
            std::cmp::Ordering::Less => b += same + 1,
        }
        if a == b {
            b += 1;
        }
        same = 0;
    }
    a.min(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_as_trying_all() {
        for length in 0..7u32 {
            for number in 0..3usize.pow(length) {
                let circle: Vec<_> = (0..length).map(|digit| number / 3usize.pow(digit) % 3).collect();
                let rotated = |start: usize| [&circle[start..], &circle[..start]].concat();
                let all = (0..circle.len()).min_by_key(|&start| rotated(start)).unwrap_or(0);
                assert_eq!(smallest(&circle), all, "{circle:?}");
            }
        }
    }
}
