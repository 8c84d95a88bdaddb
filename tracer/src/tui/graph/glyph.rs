//! The character of a cell by the lines that meet in it.

use super::Charset;

/// To where there are lines from the middle of a cell.
pub(super) type Arms = u8;

pub(super) const UP: Arms = 8;
pub(super) const RIGHT: Arms = 4;
pub(super) const DOWN: Arms = 2;
pub(super) const LEFT: Arms = 1;

/// Lines that meet, light and heavy, by [`Arms`].
const JOINTS: [[char; 16]; 2] = [
    [
        ' ', '╴', '╷', '┐', '╶', '─', '┌', '┬', '╵', '┘', '│', '┤', '└', '┴', '├', '┼',
    ],
    [
        ' ', '╸', '╻', '┓', '╺', '━', '┏', '┳', '╹', '┛', '┃', '┫', '┗', '┻', '┣', '╋',
    ],
];

/// How a line is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stroke {
    pub(super) is_heavy: bool,
    pub(super) is_dashed: bool,
}

/// The character of lines that meet at a place, all of one stroke.
pub(super) fn line(charset: Charset, arms: Arms, stroke: Stroke, at: (usize, usize)) -> char {
    let heavy = usize::from(stroke.is_heavy);
    let is_across = arms == LEFT | RIGHT;
    let is_upright = arms == UP | DOWN;
    match (charset, stroke.is_dashed) {
        (Charset::Unicode, true) if is_across => ['╌', '╍'][heavy],
        (Charset::Unicode, true) if is_upright => ['╎', '╏'][heavy],
        (Charset::Unicode, _) => JOINTS[heavy][usize::from(arms % 16)],
        // What is heavy and dashed takes turns.
        (Charset::Ascii, true) if is_across => ['.', ['=', '.'][at.0 % 2]][heavy],
        (Charset::Ascii, true) if is_upright => [':', ['#', ':'][at.1 % 2]][heavy],
        (Charset::Ascii, _) if is_across => ['-', '='][heavy],
        (Charset::Ascii, _) if is_upright => ['|', '#'][heavy],
        (Charset::Ascii, _) => ['+', '#'][heavy],
    }
}

/// What stands left and right of a node in a row of it.
pub(super) fn brackets(charset: Charset, row: usize, rows: usize) -> [char; 2] {
    match charset {
        _ if rows == 1 => ['[', ']'],
        Charset::Ascii => ['[', ']'],
        Charset::Unicode if row == 0 => ['┌', '┐'],
        Charset::Unicode if row + 1 == rows => ['└', '┘'],
        Charset::Unicode => ['│', '│'],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_are_told() {
        let joint = |arms, is_heavy| {
            let stroke = Stroke {
                is_heavy,
                is_dashed: false,
            };
            line(Charset::Unicode, arms, stroke, (0, 0))
        };
        assert_eq!(joint(UP | RIGHT | DOWN, false), '├');
        assert_eq!(joint(UP | LEFT, true), '┛');
        assert_eq!(joint(RIGHT | DOWN | LEFT, true), '┳');
    }

    #[test]
    fn each_stroke_is_told_from_each_other_in_both_directions() {
        for charset in [Charset::Unicode, Charset::Ascii] {
            for arms in [LEFT | RIGHT, UP | DOWN] {
                let strokes = [(false, false), (false, true), (true, false), (true, true)];
                // Two cells tell them apart: in one, what takes turns may look like another.
                let run = |(is_heavy, is_dashed)| {
                    [(0, 0), (1, 1)].map(|at| line(charset, arms, Stroke { is_heavy, is_dashed }, at))
                };
                let runs: std::collections::BTreeSet<_> = strokes.into_iter().map(run).collect();
                assert_eq!(runs.len(), strokes.len());
            }
        }
    }
}
