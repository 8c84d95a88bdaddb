//! Drawings as a person sees them, and a reader that follows each edge from its node to the other.

use proptest::prelude::*;

use super::*;

fn graph(names: &[&str], edges: &[(usize, usize, &str)]) -> Graph {
    Graph {
        nodes: names
            .iter()
            .map(|name| {
                let (name, below) = name.split_once('|').unwrap_or((name, ""));
                Node {
                    name: name.to_owned(),
                    below: below.to_owned(),
                }
            })
            .collect(),
        edges: edges
            .iter()
            .map(|&(from, to, how)| Edge {
                from,
                to,
                is_shared: how.contains('s'),
                is_heavy: how.contains('h'),
                is_marked: how.contains('m'),
            })
            .collect(),
    }
}

fn both(graph: &Graph) -> String {
    [Charset::Unicode, Charset::Ascii]
        .map(|charset| draw(graph, charset).text())
        .join("\n")
}

#[test]
fn the_founding_circle() {
    let names = [
        "pernet_ops_rwsem",
        "device dlock/dlock0|&dev->mutex",
        "devlink dlock0|&devlink->lock",
        "intf_state_mutex",
        "dlock_intf_mutex",
        "device dlock.ib.0|&dev->mutex",
    ];
    let circle = [
        (0, 1, "h"),
        (1, 2, "hm"),
        (2, 3, "hm"),
        (3, 4, "hm"),
        (4, 5, "hm"),
        (5, 0, "hm"),
        (0, 0, "h"),
    ];
    insta::assert_snapshot!(both(&graph(&names, &circle)));
}

#[test]
fn two_locks_taken_both_ways_round() {
    insta::assert_snapshot!(both(&graph(&["A", "B"], &[(0, 1, "h"), (1, 0, "h")])));
}

#[test]
fn ways_that_part_and_meet() {
    let edges = [
        (0, 1, ""),
        (0, 2, "s"),
        (1, 3, "m"),
        (2, 3, "s"),
        (0, 3, ""),
        (3, 4, "h"),
        (4, 2, "h"),
    ];
    insta::assert_snapshot!(both(&graph(&["rtnl_mutex", "B", "a long name", "D", "E"], &edges)));
}

#[test]
fn a_fan() {
    let edges: Vec<_> = (1..8).map(|to| (0, to, if to % 3 == 0 { "s" } else { "" })).collect();
    insta::assert_snapshot!(both(&graph(&["rtnl_mutex", "a", "b", "c", "d", "e", "f", "g"], &edges)));
}

#[test]
fn little_is_drawn_too() {
    assert_eq!(draw(&Graph::default(), Charset::Unicode).text(), "");
    assert_eq!(both(&graph(&["alone"], &[])), "  [alone]\n\n  [alone]\n");
}

/// The arms of a symbol.
fn arms(symbol: char) -> [bool; 4] {
    let place = (0..81).find(|&place| canvas::box_of(place) == symbol);
    match (symbol, place) {
        ('╌' | '╍' | '◆' | '◀', _) => [false, true, false, true],
        ('╎' | '╏', _) => [true, false, true, false],
        (' ', _) | (_, None) => [false; 4],
        (_, Some(place)) => [place / 27, place / 9 % 3, place / 3 % 3, place % 3].map(|arm| arm > 0),
    }
}

/// Whether a reader who follows lines from behind one node gets to the arrow before another.
fn leads(drawing: &Drawing, from: Place, to: Place) -> bool {
    let end = (to.x - 1, to.y);
    let mut open = vec![(from.x + from.width, from.y)];
    let mut seen = std::collections::BTreeSet::new();
    while let Some((x, y)) = open.pop() {
        if (x, y) == end {
            return true;
        }
        let Some(cell) = drawing.cell(x, y).filter(|cell| matches!(cell.part, Part::Edge(_))) else {
            continue;
        };
        if !seen.insert((x, y)) {
            continue;
        }
        let [up, right, down, left] = arms(cell.symbol);
        open.extend((up && y > 0).then(|| (x, y.wrapping_sub(1))));
        open.extend(right.then_some((x + 1, y)));
        open.extend(down.then_some((x, y + 1)));
        open.extend((left && x > 0).then(|| (x.wrapping_sub(1), y)));
    }
    false
}

prop_compose! {
    fn any_graph()(count in 1..14usize)(
        names in prop::collection::vec("[a-z_]{1,12}([|][a-z]{1,8})?", count),
        edges in prop::collection::btree_map((0..count, 0..count), "[shm]?", 0..24),
    ) -> Graph {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let edges: Vec<_> = edges.iter().map(|(&(from, to), how)| (from, to, how.as_str())).collect();
        graph(&names, &edges)
    }
}

proptest! {
    #[test]
    fn each_edge_can_be_followed_and_no_node_is_in_the_way(graph in any_graph()) {
        let drawing = draw(&graph, Charset::Unicode);
        let places: Vec<_> = (0..graph.nodes.len()).map(|node| drawing.place(node)).collect();
        for (number, place) in places.iter().enumerate() {
            prop_assert!(place.x + place.width < drawing.width + 1 && place.y + place.height <= drawing.height);
            for other in &places[..number] {
                let is_apart = place.x >= other.x + other.width || other.x >= place.x + place.width
                    || place.y >= other.y + other.height || other.y >= place.y + place.height;
                prop_assert!(is_apart, "{}", drawing.text());
            }
        }
        for edge in &graph.edges {
            prop_assert!(leads(&drawing, places[edge.from], places[edge.to]), "{edge:?}\n{}", drawing.text());
        }
        // Names are whole: no line runs over them.
        for (node, place) in graph.nodes.iter().zip(&places) {
            let shown: String = (place.x..place.x + node.name.len() + 2).map(|x| drawing.cell(x, place.y).unwrap().symbol).collect();
            prop_assert_eq!(shown, format!("[{}]", node.name));
        }
        prop_assert_eq!(drawing.text(), draw(&graph, Charset::Unicode).text());
        prop_assert!(draw(&graph, Charset::Ascii).text().is_ascii());
    }

    /// Without the edge, nobody gets there: the reader is no good if it goes anywhere.
    #[test]
    fn what_is_not_there_is_not_read(names in prop::collection::vec("[a-z]{1,6}", 2..6)) {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let drawing = draw(&graph(&names, &[]), Charset::Unicode);
        prop_assert!(!leads(&drawing, drawing.place(0), drawing.place(1)));
    }
}
