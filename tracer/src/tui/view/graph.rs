//! The graph, and below it what is known of the selected lock.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use super::areas::Areas;
use crate::tui::around::{Edge, current};
use crate::tui::graph::Part;
use crate::tui::list::seconds;
use crate::tui::model::{Model, Reach};
use crate::tui::picture::Picture;
use crate::tui::scene::Scene;

/// Lines below the drawing.
const BELOW: u16 = 6;

/// Columns and rows of the drawing that are seen.
pub fn room(model: &Model) -> (usize, usize) {
    let body = Areas::of(model).body;
    (usize::from(body.width), usize::from(body.height.saturating_sub(BELOW)))
}

pub(super) fn render(model: &Model, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let picture = Picture::of(model, scene);
    let (width, height) = room(model);
    let (left, top) = picture.pan(model);
    for (y, row) in (area.y..).zip(top..top + height) {
        for (x, column) in (area.x..).zip(left..left + width) {
            if let Some(cell) = picture.drawing.cell(column, row)
                && (cell.symbol != ' ' || matches!(cell.part, Part::Node(_)))
                && let Some(drawn) = buffer.cell_mut((x, y))
            {
                drawn.set_char(cell.symbol).set_style(style(model, &picture, cell.part));
            }
        }
    }
    let below = area.bottom().saturating_sub(BELOW.min(area.height));
    let below = Rect::new(area.x, below, area.width, BELOW.min(area.height));
    super::text(about(model, scene, &picture).into_iter(), below, buffer);
}

fn style(model: &Model, picture: &Picture, part: Part) -> Style {
    match part {
        Part::Nothing => Style::new(),
        Part::Node(node) if picture.selected == Some(node) => model.theme.selected().add_modifier(Modifier::BOLD),
        Part::Node(_) => Style::new(),
        Part::Edge(edge) => match picture.around.edges.get_index(edge).map(|(_, edge)| edge) {
            Some(edge) if edge.is_heavy => model.theme.severity("error"),
            Some(edge) if edge.is_marked => model.theme.reload(),
            _ => model.theme.quiet(),
        },
    }
}

/// What is drawn, and the edges of the selected lock.
fn about(model: &Model, scene: &Scene, picture: &Picture) -> Vec<Line<'static>> {
    let cut = |text: &str| model.theme.cut(text, usize::from(model.size.0));
    let mut lines = vec![Line::styled(cut(&drawn(model, scene, picture)), model.theme.quiet())];
    let Some(node) = picture.selected else {
        return lines;
    };
    let drawn = &picture.around.nodes[node];
    let Some(lock) = drawn.lock(scene) else {
        return lines;
    };
    let others = if drawn.locks.len() > 1 {
        format!(" and {} more", drawn.locks.len() - 1)
    } else {
        String::new()
    };
    lines.push(Line::styled(
        cut(&format!("{}{others}: {} of class {}", lock.name, lock.kind, lock.class)),
        model.theme.heading(),
    ));
    let edges: Vec<_> = picture.edges_of(node).collect();
    let room = usize::from(BELOW) - lines.len();
    for &(from, to, edge) in edges.iter().take(if edges.len() > room { room - 1 } else { room }) {
        let other = if from == node { to } else { from };
        let name = picture.around.nodes[other].lock(scene);
        let name = name.map_or("?", |lock| &*lock.name);
        let way = if from == node {
            format!("-> {name}")
        } else {
            format!("<- {name}")
        };
        lines.push(Line::from(cut(&format!("  {way}{}", words(scene, edge)))));
    }
    if edges.len() > room {
        lines.push(Line::styled(
            format!("  and {} more", edges.len() - (room - 1)),
            model.theme.quiet(),
        ));
    }
    lines
}

/// What is drawn, in words.
fn drawn(model: &Model, scene: &Scene, picture: &Picture) -> String {
    let reach = match (model.graph.reach, picture.around.nodes.is_empty()) {
        (_, true) => return "nothing here yet".to_owned(),
        (Reach::Cycle, _) => "cycle",
        (Reach::One, _) => "one step around",
        (Reach::Two, _) => "two steps around",
    };
    let left_out = match picture.around.left_out {
        0 => String::new(),
        count => format!(", {count} locks not drawn"),
    };
    let sign = if model.theme.ascii { "*" } else { "◆" };
    let window = current(scene, model.moment).and_then(|row| scene.snapshot.windows.get(row as usize));
    let marked = window.map_or_else(String::new, |window| {
        format!("; {sign} came in {} {}", window.kind, window.handle)
    });
    let [heavy, shared] = if model.theme.ascii { ["=", "."] } else { ["━", "╌"] };
    let (width, height) = room(model);
    let drawing = &picture.drawing;
    let beyond = if drawing.width > width || drawing.height > height {
        " (there is more: H J K L)"
    } else {
        ""
    };
    format!(
        "{reach}: {} locks{left_out}{beyond}; {heavy} cycle, {shared} shared{marked}",
        picture.around.nodes.len()
    )
}

/// How an edge came about.
fn words(scene: &Scene, edge: &Edge) -> String {
    let Some(dependency) = edge
        .dependencies
        .first()
        .and_then(|&row| scene.snapshot.dependencies.get(row as usize))
    else {
        return " (trylock)".to_owned();
    };
    let by = dependency.evidence.first().map_or("?", |evidence| &*evidence.task);
    let more = if edge.dependencies.len() > 1 {
        format!(", and {} more", edge.dependencies.len() - 1)
    } else {
        String::new()
    };
    format!(
        " ({} then {}) x{}, first at {} by {by}{more}",
        dependency.from_mode,
        dependency.to_mode,
        dependency.count,
        seconds(dependency.first_ns)
    )
}
