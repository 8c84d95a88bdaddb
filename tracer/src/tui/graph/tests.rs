//! Drawings as a person sees them, and a reader that follows the lines.

mod reader;

use std::collections::BTreeSet;

use proptest::prelude::*;
use reader::Reader;

use super::*;

/// Edges are `h`eavy, `s`hared, `m`arked.
fn graph(names: &[&str], edges: &[(usize, usize, &str)]) -> Graph {
    let node = |name: &&str| {
        let (name, below) = name.split_once('|').unwrap_or((name, ""));
        Node {
            name: name.to_owned(),
            below: below.to_owned(),
        }
    };
    let edge = |&(from, to, how): &(usize, usize, &str)| Edge {
        from,
        to,
        is_shared: how.contains('s'),
        is_heavy: how.contains('h'),
        is_marked: how.contains('m'),
    };
    Graph {
        nodes: names.iter().map(node).collect(),
        edges: edges.iter().map(edge).collect(),
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
        "device dlock/dlock0",
        "devlink dlock/dlock0",
        "&dlock_dev->intf_state_mutex",
        "dlock_intf_mutex",
        "device dlock.ib.0",
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
fn a_circle_with_what_is_around_it() {
    let names = [
        "rtnl_mutex",
        "pernet_ops_rwsem|held by cleanup_net",
        "devlink dlock0|&devlink->lock",
        "intf_mutex",
        "devnet_rename_sem",
        "uevent_sock_mutex",
    ];
    let edges = [
        (1, 2, "h"),
        (2, 3, "hm"),
        (3, 1, "hm"),
        (1, 1, "hs"),
        (1, 0, ""),
        (0, 4, "s"),
        (0, 5, ""),
        (2, 5, "s"),
        (3, 5, ""),
        (1, 5, ""),
    ];
    insta::assert_snapshot!(both(&graph(&names, &edges)));
}

#[test]
fn two_locks_taken_both_ways_round() {
    insta::assert_snapshot!(both(&graph(&["A", "B"], &[(0, 1, "h"), (1, 0, "hs")])));
}

#[test]
fn a_diamond() {
    let edges = [(0, 1, ""), (0, 2, "s"), (1, 3, "m"), (2, 3, "sm"), (0, 3, "")];
    insta::assert_snapshot!(both(&graph(&["rtnl_mutex", "B", "a long name", "D"], &edges)));
}

#[test]
fn lines_that_cross() {
    let edges = [
        (0, 3, ""),
        (0, 4, ""),
        (1, 3, "h"),
        (1, 4, "s"),
        (2, 3, ""),
        (2, 5, "hs"),
        (1, 5, ""),
    ];
    insta::assert_snapshot!(both(&graph(&["A", "B", "C", "D", "E", "F"], &edges)));
}

#[test]
fn a_fan() {
    let mut edges: Vec<_> = (1..8).map(|to| (0, to, if to % 3 == 0 { "s" } else { "" })).collect();
    edges.extend((4..8).map(|from| (from, 8, "")));
    let names = ["rtnl_mutex", "a", "b", "c", "d", "e", "f", "g", "sk_lock"];
    insta::assert_snapshot!(both(&graph(&names, &edges)));
}

#[test]
fn little_is_drawn_too() {
    let empty = draw(&Graph::default(), Charset::Unicode);
    assert_eq!((empty.width, empty.height, empty.text()), (0, 0, String::new()));
    assert_eq!(both(&graph(&["alone"], &[])), "[alone]\n\n[alone]\n");
    assert_eq!(
        both(&graph(&["itself"], &[(0, 0, "h")])),
        "┏━▶[itself]━┓\n┗━━━━━━◀━━━━┛\n\n#=>[itself]=#\n#======<====#\n"
    );
    // An edge to nowhere.
    assert_eq!(
        draw(&graph(&["alone"], &[(0, 1, "")]), Charset::Unicode).text(),
        "[alone]\n"
    );
}

#[test]
fn wide_characters_take_two_cells_and_others_none() {
    let drawing = draw(&graph(&["锁\u{7}ab|a\u{301}bc"], &[]), Charset::Unicode);
    assert_eq!(drawing.text(), "┌锁ab┐\n└abc ┘\n");
    assert_eq!(drawing.width, 6);
    assert_eq!(drawing.cell(6, 0), None);
}

#[test]
fn cells_say_what_they_belong_to() {
    let drawing = draw(&graph(&["A", "B"], &[(0, 1, "m"), (1, 0, "")]), Charset::Unicode);
    let part = |x, y| drawing.cell(x, y).map(|cell| cell.part);
    let place = drawing.place(1);
    assert_eq!(part(place.x, place.y), Some(Part::Node(1)));
    assert_eq!(part(place.x - 1, place.y), Some(Part::Edge(0)));
    assert_eq!(part(place.x, place.y + 1), Some(Part::Edge(1)));
    assert_eq!(part(0, drawing.height), None);
}

prop_compose! {
    fn any_graph()(count in 1..24usize)(
        names in prop::collection::vec("[a-z_]{1,12}([|][a-z]{1,8})?", count),
        edges in prop::collection::vec((0..count, 0..count, "h?s?m?"), 0..4 * count),
    ) -> Graph {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let edges: Vec<_> = edges.iter().map(|(from, to, how)| (*from, *to, how.as_str())).collect();
        graph(&names, &edges)
    }
}

/// What a reader of a drawing of this graph has to find.
fn targets(graph: &Graph, node: usize) -> BTreeSet<(usize, reader::Stroke)> {
    let from = graph.edges.iter().filter(|edge| edge.from == node);
    from.map(|edge| (edge.to, (edge.is_heavy, edge.is_shared))).collect()
}

fn overlap(one: Place, other: Place) -> bool {
    let is_beside = one.x + one.width <= other.x || other.x + other.width <= one.x;
    let is_above = one.y + one.height <= other.y || other.y + other.height <= one.y;
    !is_beside && !is_above
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Every edge can be followed to its target, and no line leads to where no edge does.
    #[test]
    fn lines_lead_to_where_the_edges_do(graph in any_graph()) {
        let drawing = draw(&graph, Charset::Unicode);
        let reader = Reader::new(&drawing, graph.nodes.len());
        for node in 0..graph.nodes.len() {
            let read = reader.targets(node);
            prop_assert_eq!(read, Ok(targets(&graph, node)), "from {} in\n{}", node, drawing.text());
        }
    }

    #[test]
    fn nodes_are_whole_and_apart(graph in any_graph()) {
        let drawing = draw(&graph, Charset::Unicode);
        let places: Vec<_> = (0..graph.nodes.len()).map(|node| drawing.place(node)).collect();
        for (number, (node, place)) in graph.nodes.iter().zip(&places).enumerate() {
            prop_assert!(place.x + place.width <= drawing.width && place.y + place.height <= drawing.height);
            prop_assert!(places[..number].iter().all(|other| !overlap(*place, *other)), "{}", drawing.text());
            let drawing = &drawing;
            let row = |y| (place.x..place.x + place.width).map(move |x| drawing.cell(x, y).unwrap());
            let rows: Vec<String> = (place.y..place.y + place.height).map(|y| row(y).map(|cell| cell.symbol).collect()).collect();
            prop_assert!(rows.iter().any(|row| row.contains(&node.name)), "{}", drawing.text());
            prop_assert!(rows.iter().any(|row| row.contains(&node.below)), "{}", drawing.text());
            prop_assert!((place.y..place.y + place.height).flat_map(row).all(|cell| cell.part == Part::Node(number)));
        }
    }

    /// Each marked edge has its own mark, and nothing else has one.
    #[test]
    fn marks_are_those_of_marked_edges(graph in any_graph()) {
        let drawing = draw(&graph, Charset::Unicode);
        let all = (0..drawing.height).flat_map(|y| (0..drawing.width).map(move |x| (x, y)));
        let cells = all.filter_map(|(x, y)| drawing.cell(x, y));
        let mut marked: Vec<_> = cells.filter(|cell| cell.symbol == '◆').map(|cell| cell.part).collect();
        let key = |edge: &Edge| (edge.from, edge.to, edge.is_heavy, edge.is_shared);
        let mut first = BTreeSet::new();
        let edges = graph.edges.iter().enumerate().filter(|(_, edge)| edge.is_marked && first.insert(key(edge)));
        let mut expected: Vec<_> = edges.map(|(index, _)| Part::Edge(index)).collect();
        let number = |part: &Part| match part { Part::Edge(edge) => *edge, _ => usize::MAX };
        marked.sort_by_key(number);
        expected.sort_by_key(number);
        prop_assert_eq!(marked, expected, "{}", drawing.text());
    }

    #[test]
    fn each_charset_draws_the_same_and_always_the_same(graph in any_graph()) {
        let [unicode, ascii] = [Charset::Unicode, Charset::Ascii].map(|charset| draw(&graph, charset));
        prop_assert!(ascii.text().is_ascii());
        prop_assert_eq!((unicode.width, unicode.height), (ascii.width, ascii.height));
        for (x, y) in (0..unicode.height).flat_map(|y| (0..unicode.width).map(move |x| (x, y))) {
            let [one, other] = [&unicode, &ascii].map(|drawing| drawing.cell(x, y).unwrap());
            prop_assert_eq!(one.part, other.part);
            prop_assert_eq!(one.symbol == ' ', other.symbol == ' ');
        }
        prop_assert_eq!(unicode.text(), draw(&graph, Charset::Unicode).text());
    }

    /// The reader is no good if it goes anywhere.
    #[test]
    fn what_is_not_there_is_not_read(names in prop::collection::vec("[a-z]{1,6}", 2..6)) {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let drawing = draw(&graph(&names, &[]), Charset::Unicode);
        prop_assert_eq!(Reader::new(&drawing, names.len()).targets(0), Ok(BTreeSet::new()));
    }
}
