//! The graph that the model asks for, as a drawing, and what on it is selected and seen.

use super::around::{Around, Edge};
use super::graph::{self, Charset, Drawing, Graph};
use super::list::ListKind;
use super::message::Way;
use super::model::{Model, Subject};
use super::scene::Scene;
use super::view::graph::room;

/// Cells that a name has at most.
const NAME: usize = 32;

/// A drawing, and what it is of.
pub struct Picture {
    /// What is drawn.
    pub around: Around,
    /// As cells.
    pub drawing: Drawing,
    /// The selected node.
    pub selected: Option<usize>,
}

impl Picture {
    /// What the model asks for.
    pub fn of(model: &Model, scene: &Scene) -> Self {
        let around = Around::of(model, scene);
        let nodes = around.nodes.iter().map(|node| {
            let lock = node.lock(scene);
            let (name, class) = lock.map_or(("?", "?"), |lock| (&*lock.name, &*lock.class));
            let (name, below) = match node.locks.len() {
                1 => (name.to_owned(), if name == class { "" } else { class }),
                count if model.graph.is_folded => (format!("{class} x{count}"), ""),
                _ => (class.to_owned(), ""),
            };
            graph::Node {
                name: model.theme.cut(&name, NAME),
                below: model.theme.cut(below, NAME),
            }
        });
        let edges = around.edges.iter().map(|(&(from, to), edge)| graph::Edge {
            from,
            to,
            is_shared: edge.is_shared,
            is_heavy: edge.is_heavy,
            is_marked: edge.is_marked,
        });
        let graph = Graph {
            nodes: nodes.collect(),
            edges: edges.collect(),
        };
        let charset = if model.theme.ascii {
            Charset::Ascii
        } else {
            Charset::Unicode
        };
        let drawing = graph::draw(&graph, charset);
        let wanted = model.graph.selected.and_then(|key| scene.lock_of(key));
        let selected = wanted.and_then(|lock| around.node_of(lock));
        let selected = selected.or_else(|| (!around.nodes.is_empty()).then_some(0));
        Self {
            around,
            drawing,
            selected,
        }
    }

    /// Columns and rows that are left of and above what is seen: as the user has moved it, or so that the selected lock is seen.
    pub fn pan(&self, model: &Model) -> (usize, usize) {
        let (width, height) = room(model);
        let most = (
            self.drawing.width.saturating_sub(width),
            self.drawing.height.saturating_sub(height),
        );
        let (left, top) = model.graph.pan.unwrap_or_else(|| {
            let place = self.selected.map(|node| self.drawing.place(node));
            place.map_or((0, 0), |place| {
                (
                    (place.x + place.width / 2).saturating_sub(width / 2),
                    (place.y + place.height / 2).saturating_sub(height / 2),
                )
            })
        });
        (left.min(most.0), top.min(most.1))
    }

    /// The key of a node's lock.
    fn key(&self, scene: &Scene, node: usize) -> Option<u64> {
        let lock = self.around.nodes.get(node)?.locks.first()?;
        Some(scene.lock_key(*lock))
    }

    /// The edges of a node: to it and from it.
    pub fn edges_of(&self, node: usize) -> impl Iterator<Item = (usize, usize, &Edge)> {
        let all = self.around.edges.iter().map(|(&(from, to), edge)| (from, to, edge));
        all.filter(move |&(from, to, _)| from == node || to == node)
    }
}

/// The selected lock.
pub fn selected(model: &Model, scene: &Scene) -> Option<Subject> {
    let picture = Picture::of(model, scene);
    let key = picture.key(scene, picture.selected?)?;
    Some(Subject {
        list: ListKind::Locks,
        key,
    })
}

/// The key of the lock that is next to the selected one.
pub fn neighbour(model: &Model, scene: &Scene, way: Way) -> Option<u64> {
    let picture = Picture::of(model, scene);
    let selected = picture.selected?;
    let middle = |node| {
        let place = picture.drawing.place(node);
        let middle = [place.x + place.width / 2, place.y + place.height / 2];
        middle.map(|at| i64::try_from(at).unwrap_or(i64::MAX))
    };
    let [x, y] = middle(selected);
    // What lies that way, the nearest first; what is off the way counts more.
    let far = |node: usize| {
        let [dx, dy] = {
            let [other_x, other_y] = middle(node);
            [other_x - x, other_y - y]
        };
        let (along, off) = match way {
            Way::Left => (-dx, dy.abs() * 4),
            Way::Right => (dx, dy.abs() * 4),
            Way::Up => (-dy * 4, dx.abs()),
            Way::Down => (dy * 4, dx.abs()),
        };
        (along > 0).then_some(along + 2 * off)
    };
    let nodes = (0..picture.around.nodes.len()).filter(|&node| node != selected);
    let nearest = nodes.filter_map(|node| Some((far(node)?, node))).min();
    nearest.and_then(|(_, node)| picture.key(scene, node))
}

/// The key of the lock at a place of the view.
pub fn node_at(model: &Model, scene: &Scene, column: usize, row: usize) -> Option<u64> {
    let picture = Picture::of(model, scene);
    let (width, height) = room(model);
    if column >= width || row >= height {
        return None;
    }
    let (left, top) = picture.pan(model);
    let (x, y) = (column + left, row + top);
    let hit = (0..picture.around.nodes.len()).find(|&node| {
        let place = picture.drawing.place(node);
        (place.x..place.x + place.width).contains(&x) && (place.y..place.y + place.height).contains(&y)
    });
    hit.and_then(|node| picture.key(scene, node))
}
