//! What a message makes of the model. The only place where the model changes.

use super::detail;
use super::list::ListKind;
use super::message::{Effect, Message, Step, Way};
use super::model::{Detail, GraphState, Model, Popup, Reach, Screen, View};
use super::moment;
use super::picture::{self, Picture};
use super::rows::refresh;
use super::scene::Scene;
use super::view::areas::Areas;
use super::view::{header, help};

/// Rows of a turn of the mouse wheel.
const WHEEL: usize = 3;

/// Columns and rows that a graph is moved by.
const PAN: [usize; 2] = [8, 4];

/// Takes in a message; what is to be done outside of the model comes out.
pub fn update(model: &mut Model, scene: &Scene, message: Message) -> Option<Effect> {
    if !matches!(message, Message::Resize(..)) {
        model.notice = None;
    }
    match message {
        Message::Show(view) if view == model.view && model.detail.is_none() => again(model, scene),
        Message::Show(view) => show(model, view),
        Message::NextView => show(model, turn(model.view, 1)),
        Message::PreviousView => show(model, turn(model.view, View::ALL.len() - 1)),
        Message::Move(way, step) => travel(model, scene, way, step),
        Message::Pan(way) => pan(model, scene, way),
        Message::Open => return open(model, scene),
        Message::Back => back(model, scene),
        Message::Draw => draw(model, scene),
        Message::Reach => {
            model.graph.reach = match model.graph.reach {
                Reach::Cycle => Reach::One,
                Reach::One => Reach::Two,
                Reach::Two => Reach::Cycle,
            };
            model.graph.pan = None;
        }
        Message::Fold => {
            model.graph.is_folded = !model.graph.is_folded;
            model.graph.pan = None;
        }
        Message::Filter => model.is_typing = true,
        Message::Typed(typed) => filter(model, scene, |filter| filter.push(typed)),
        Message::Erase => filter(model, scene, |filter| {
            filter.pop();
        }),
        Message::Accept => model.is_typing = false,
        Message::Sort => sort(model, scene),
        Message::Reverse => reverse(model, scene),
        Message::Pause => model.is_paused = !model.is_paused,
        Message::Moment(to) => {
            model.moment = moment::step(model.moment, scene, to);
            model.notice = moment::notice(model, scene);
            refreshed(model, scene);
        }
        Message::Export => model.popup = Some(Popup::Export(0)),
        Message::Copy => return copy(model, scene),
        Message::Help => model.popup = Some(Popup::Help(0)),
        Message::Leave => return Some(Effect::Leave),
        Message::Resize(width, height) => {
            model.size = (width, height);
            clamp(model, scene);
        }
        Message::Click(column, row) => return click(model, scene, column, row),
        Message::Notice(text) => model.notice = Some(text),
    }
    None
}

/// A new scene came, or another moment is looked at: the same rows stay selected.
pub fn refreshed(model: &mut Model, scene: &Scene) {
    for kind in ListKind::ALL {
        refresh(model, scene, kind);
    }
    clamp(model, scene);
}

fn turn(view: View, by: usize) -> View {
    View::ALL[(view as usize + by) % View::ALL.len()]
}

fn show(model: &mut Model, view: View) {
    model.view = view;
    model.detail = None;
}

/// To where a view begins.
fn again(model: &mut Model, scene: &Scene) {
    match model.view.list() {
        Some(kind) => {
            select(model, scene, kind, 0);
            model.list_mut(kind).is_chosen = false;
            refresh(model, scene, kind);
        }
        None => model.graph = GraphState::default(),
    }
}

fn travel(model: &mut Model, scene: &Scene, way: Way, step: Step) {
    let page = usize::from(Areas::of(model).body.height.saturating_sub(2)).max(1);
    let by = match step {
        Step::Row => 1,
        Step::Rows => WHEEL,
        Step::Page => page,
        Step::End => usize::MAX,
    };
    let moved = |at: usize| {
        if way == Way::Up {
            at.saturating_sub(by)
        } else {
            at.saturating_add(by)
        }
    };
    match (model.popup, &mut model.detail, model.view.list()) {
        (Some(Popup::Help(top)), ..) => model.popup = Some(Popup::Help(moved(top))),
        (Some(Popup::Export(format)), ..) => model.popup = Some(Popup::Export(moved(format))),
        (None, Some(detail), _) => detail.top = moved(detail.top),
        (None, None, Some(kind)) => select(model, scene, kind, moved(model.list(kind).selected)),
        (None, None, None) => {
            if let Some(selected) = picture::neighbour(model, scene, way) {
                model.graph.selected = Some(selected);
                model.graph.pan = None;
            }
        }
    }
    clamp(model, scene);
}

/// Nothing is scrolled further than it goes.
fn clamp(model: &mut Model, scene: &Scene) {
    let body = Areas::of(model).body;
    model.popup = model.popup.map(|popup| match popup {
        Popup::Help(top) => {
            let (length, height) = help::extent(model);
            Popup::Help(top.min(length.saturating_sub(height)))
        }
        Popup::Export(format) => Popup::Export(format.min(model.formats.len().saturating_sub(1))),
    });
    if let Some(opened) = model.detail {
        let length = detail::lines(model, scene, opened.subject, usize::from(body.width)).len();
        let most = length.saturating_sub(usize::from(body.height));
        model.detail = Some(Detail {
            top: opened.top.min(most),
            ..opened
        });
    }
}

fn select(model: &mut Model, scene: &Scene, kind: ListKind, selected: usize) {
    let state = model.list_mut(kind);
    state.selected = selected.min(state.rows.len().saturating_sub(1));
    state.is_chosen = true;
    let row = state.rows.get(state.selected).copied();
    model.list_mut(kind).key = row.map(|row| kind.list().key(scene, row));
}

fn pan(model: &mut Model, scene: &Scene, way: Way) {
    let picture = Picture::of(model, scene);
    let (left, top) = picture.pan(model);
    model.graph.pan = Some(match way {
        Way::Left => (left.saturating_sub(PAN[0]), top),
        Way::Right => (left + PAN[0], top),
        Way::Up => (left, top.saturating_sub(PAN[1])),
        Way::Down => (left, top + PAN[1]),
    });
    // As far as the drawing goes.
    model.graph.pan = Some(picture.pan(model));
}

fn open(model: &mut Model, scene: &Scene) -> Option<Effect> {
    if let Some(Popup::Export(format)) = model.popup.take() {
        let finding = finding(model, scene).map(|row| scene.snapshot.findings[row as usize].id);
        return Some(Effect::Export { format, finding });
    }
    let subject = match model.view.list() {
        None => picture::selected(model, scene),
        Some(list) => {
            model.list_mut(list).is_chosen = true;
            model.selected()
        }
    };
    model.detail = subject.map(|subject| Detail { subject, top: 0 });
    None
}

fn back(model: &mut Model, scene: &Scene) {
    match model.screen() {
        Screen::Help | Screen::Export => model.popup = None,
        Screen::Detail => model.detail = None,
        Screen::Filter => {
            model.is_typing = false;
            filter(model, scene, String::clear);
        }
        _ => {
            let list = model.view.list();
            if list.is_some_and(|kind| !model.list(kind).filter.is_empty()) {
                filter(model, scene, String::clear);
            } else if model.moment.take().is_some() {
                refreshed(model, scene);
            }
        }
    }
}

fn draw(model: &mut Model, scene: &Scene) {
    let subject = if model.view == View::Graph && model.detail.is_none() {
        picture::selected(model, scene)
    } else {
        model.subject()
    };
    let subject = subject.filter(|subject| matches!(subject.list, ListKind::Findings | ListKind::Locks));
    let Some(subject) = subject else {
        model.notice = Some("findings and locks can be drawn".to_owned());
        return;
    };
    model.graph.root = Some(subject);
    model.graph.selected = (subject.list == ListKind::Locks).then_some(subject.key);
    model.graph.pan = None;
    if subject.list == ListKind::Findings {
        model.graph.reach = Reach::Cycle;
    }
    show(model, View::Graph);
}

fn filter(model: &mut Model, scene: &Scene, change: impl FnOnce(&mut String)) {
    if let Some(kind) = model.view.list() {
        change(&mut model.list_mut(kind).filter);
        refresh(model, scene, kind);
    }
}

fn sort(model: &mut Model, scene: &Scene) {
    let Some(kind) = model.view.list() else { return };
    let columns = kind.list().columns();
    let width = Areas::of(model).body.width;
    let state = model.list_mut(kind);
    // Through the columns that are seen, then back to the list's own order.
    let next = state.sort.map_or(0, |column| column + 1);
    state.sort = (next..columns.len()).find(|&column| columns[column].from <= width);
    state.is_reversed = false;
    refresh(model, scene, kind);
}

fn reverse(model: &mut Model, scene: &Scene) {
    if let Some(kind) = model.view.list() {
        let state = model.list_mut(kind);
        state.is_reversed = !state.is_reversed;
        refresh(model, scene, kind);
    }
}

/// The row of the finding that is selected, opened or drawn.
pub(super) fn finding(model: &Model, scene: &Scene) -> Option<u32> {
    let subject = model.subject().filter(|subject| subject.list == ListKind::Findings)?;
    scene.row_of(ListKind::Findings, subject.key)
}

fn copy(model: &mut Model, scene: &Scene) -> Option<Effect> {
    let text = match (finding(model, scene), model.detail) {
        (Some(row), _) => detail::splat(scene, row),
        (None, Some(opened)) => {
            let lines = detail::lines(model, scene, opened.subject, usize::from(model.size.0));
            lines.iter().map(|line| format!("{line}\n")).collect()
        }
        (None, None) => return None,
    };
    let count = text.lines().count();
    model.notice = Some(format!(
        "{count} lines for the clipboard of the terminal, if it takes them (OSC 52)"
    ));
    Some(Effect::Copy(text))
}

fn click(model: &mut Model, scene: &Scene, column: u16, row: u16) -> Option<Effect> {
    let areas = Areas::of(model);
    if model.popup.is_some() {
        return None;
    }
    if row == areas.tabs.y {
        if let Some(view) = header::tab_at(model, column) {
            show(model, view);
        }
        return None;
    }
    let line = usize::from(row.checked_sub(areas.body.y)?);
    if row >= areas.body.bottom() || model.detail.is_some() {
        return None;
    }
    let Some(kind) = model.view.list() else {
        if let Some(key) = picture::node_at(model, scene, usize::from(column), line) {
            model.graph.selected = Some(key);
        }
        return None;
    };
    // The first line is the heading.
    let line = line.checked_sub(1)?;
    let state = model.list(kind);
    let clicked = areas.first_row(state) + line;
    if clicked >= state.rows.len() {
        return None;
    }
    if clicked == state.selected && model.selected().is_some() {
        return open(model, scene);
    }
    select(model, scene, kind, clicked);
    None
}
