//! Which key asks for what, on which screen: keys, footer, help and the table in `docs/tui.md` are made of this table.

use crossterm::event::{KeyCode, KeyModifiers};

use super::message::{Message, Moment, Step, Way};
use super::model::{Model, Screen, View};

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Press(pub KeyCode, pub KeyModifiers);

/// One row of the table.
#[derive(Debug)]
pub struct Binding {
    /// Each of these keys; the first is told in the footer.
    pub keys: &'static [Press],
    /// On these screens.
    pub screens: &'static [Screen],
    /// What it asks for.
    pub message: Message,
    /// In the footer; empty where it is not told there.
    pub label: &'static str,
    /// In the help.
    pub about: &'static str,
    /// Only for a trace that runs.
    pub is_live: bool,
}

const fn plain(code: KeyCode) -> Press {
    Press(code, KeyModifiers::NONE)
}

const fn key(character: char) -> Press {
    plain(KeyCode::Char(character))
}

const fn control(character: char) -> Press {
    Press(KeyCode::Char(character), KeyModifiers::CONTROL)
}

const fn shift(code: KeyCode) -> Press {
    Press(code, KeyModifiers::SHIFT)
}

/// Some screens, and more of them; so many in all.
const fn and<const ALL: usize>(some: &[Screen], more: &[Screen]) -> [Screen; ALL] {
    let mut all = [Screen::Help; ALL];
    let mut place = 0;
    while place < ALL {
        all[place] = if place < some.len() {
            some[place]
        } else {
            more[place - some.len()]
        };
        place += 1;
    }
    all
}

const FINDINGS: Screen = Screen::View(View::Findings);
const GRAPH: Screen = Screen::View(View::Graph);
const LOCKS: Screen = Screen::View(View::Locks);
const TASKS: Screen = Screen::View(View::Tasks);
const RELOADS: Screen = Screen::View(View::Reloads);
const LOG: Screen = Screen::View(View::Log);

const GRAPH_ONLY: &[Screen] = &[GRAPH];
const SORTED: &[Screen] = &[FINDINGS, LOCKS, TASKS, RELOADS];
const LISTS: &[Screen] = &and::<5>(SORTED, &[LOG]);
/// What can be scrolled.
const TEXTS: &[Screen] = &and::<7>(LISTS, &[Screen::Detail, Screen::Help]);
const ROWS: &[Screen] = &and::<8>(TEXTS, &[Screen::Export]);
/// All but what lies over them.
const TOP: &[Screen] = &and::<6>(LISTS, GRAPH_ONLY);
/// All but the line in which a filter is typed, and popups.
const VIEWS: &[Screen] = &and::<7>(TOP, &[Screen::Detail]);
const ALL: &[Screen] = &and::<9>(VIEWS, &[Screen::Help, Screen::Export]);

const fn bind(
    keys: &'static [Press],
    screens: &'static [Screen],
    message: Message,
    label: &'static str,
    about: &'static str,
) -> Binding {
    Binding {
        keys,
        screens,
        message,
        label,
        about,
        is_live: false,
    }
}

/// The table. Where the footer has no room for all, those that come first are told.
#[rustfmt::skip]
pub static BINDINGS: &[Binding] = &[
    bind(&[plain(KeyCode::Enter), key('l'), plain(KeyCode::Right)], LISTS, Message::Open, "details", "show all about what is selected"),
    bind(&[plain(KeyCode::Enter)], GRAPH_ONLY, Message::Open, "details", "show all about the selected lock"),
    bind(&[plain(KeyCode::Enter)], &[Screen::Export], Message::Open, "write", "write the file"),
    bind(&[plain(KeyCode::Esc), key('h'), plain(KeyCode::Left)], &[Screen::Detail], Message::Back, "back", "back to the list"),
    bind(&[plain(KeyCode::Esc), key('?')], &[Screen::Help], Message::Back, "back", "out of the help"),
    bind(&[plain(KeyCode::Esc)], &[Screen::Export], Message::Back, "back", "write nothing"),
    bind(&[plain(KeyCode::Esc)], TOP, Message::Back, "", "drop the filter, or go back to now"),
    bind(&[plain(KeyCode::Enter)], &[Screen::Filter], Message::Accept, "keep", "keep the filter"),
    bind(&[plain(KeyCode::Esc)], &[Screen::Filter], Message::Back, "drop", "drop the filter"),
    bind(&[plain(KeyCode::Backspace)], &[Screen::Filter], Message::Erase, "", "take back a character"),
    bind(&[key('d')], &[FINDINGS, LOCKS, Screen::Detail], Message::Draw, "draw", "draw it as a graph"),
    bind(&[key('d')], GRAPH_ONLY, Message::Draw, "centre", "draw the graph around the selected lock"),
    bind(&[key('z')], GRAPH_ONLY, Message::Reach, "reach", "show the cycle, what is next to it, or two steps"),
    bind(&[key('f')], GRAPH_ONLY, Message::Fold, "fold", "draw all locks of a class as one, or each"),
    bind(&[key('e')], &[FINDINGS, Screen::Detail, GRAPH], Message::Export, "export", "write the finding, or the whole report, to a file"),
    bind(&[key('y')], &[FINDINGS, Screen::Detail], Message::Copy, "copy", "copy it: a finding as the splat of lockdep (OSC 52)"),
    bind(&[key('/')], LISTS, Message::Filter, "filter", "show only rows that have all these words"),
    bind(&[key('s')], SORTED, Message::Sort, "sort", "sort by the next column"),
    bind(&[key('r')], SORTED, Message::Reverse, "", "sort the other way round"),
    Binding { keys: &[key('p')], screens: VIEWS, message: Message::Pause, label: "pause", about: "keep what is shown as it is, or go on", is_live: true },
    bind(&[key('[')], VIEWS, Message::Moment(Moment::EarlierEdge), "earlier", "step back: before the newest dependency came"),
    bind(&[key(']')], VIEWS, Message::Moment(Moment::LaterEdge), "later", "step on: when the next dependency came"),
    bind(&[key('{')], VIEWS, Message::Moment(Moment::EarlierReload), "", "back to where a devlink reload begins or ends"),
    bind(&[key('}')], VIEWS, Message::Moment(Moment::LaterReload), "", "on to where a devlink reload begins or ends"),
    bind(&[key('n')], VIEWS, Message::Moment(Moment::Now), "", "back to now"),
    bind(&[plain(KeyCode::Up), key('k')], ROWS, Message::Move(Way::Up, Step::Row), "", "one row up"),
    bind(&[plain(KeyCode::Down), key('j')], ROWS, Message::Move(Way::Down, Step::Row), "", "one row down"),
    bind(&[plain(KeyCode::PageUp), control('b')], TEXTS, Message::Move(Way::Up, Step::Page), "", "one page up"),
    bind(&[plain(KeyCode::PageDown), control('f')], TEXTS, Message::Move(Way::Down, Step::Page), "", "one page down"),
    bind(&[plain(KeyCode::Home), key('g')], TEXTS, Message::Move(Way::Up, Step::End), "", "to the first row"),
    bind(&[plain(KeyCode::End), key('G')], TEXTS, Message::Move(Way::Down, Step::End), "", "to the last row"),
    bind(&[plain(KeyCode::Left), key('h')], GRAPH_ONLY, Message::Move(Way::Left, Step::Row), "", "select the lock to the left"),
    bind(&[plain(KeyCode::Right), key('l')], GRAPH_ONLY, Message::Move(Way::Right, Step::Row), "", "select the lock to the right"),
    bind(&[plain(KeyCode::Up), key('k')], GRAPH_ONLY, Message::Move(Way::Up, Step::Row), "", "select the lock above"),
    bind(&[plain(KeyCode::Down), key('j')], GRAPH_ONLY, Message::Move(Way::Down, Step::Row), "", "select the lock below"),
    bind(&[shift(KeyCode::Left), key('H')], GRAPH_ONLY, Message::Pan(Way::Left), "pan", "move the graph: see what is left of it"),
    bind(&[shift(KeyCode::Right), key('L')], GRAPH_ONLY, Message::Pan(Way::Right), "", "see what is right of it"),
    bind(&[shift(KeyCode::Up), key('K')], GRAPH_ONLY, Message::Pan(Way::Up), "", "see what is above it"),
    bind(&[shift(KeyCode::Down), key('J')], GRAPH_ONLY, Message::Pan(Way::Down), "", "see what is below it"),
    bind(&[key('1')], VIEWS, Message::Show(View::Findings), "", "Findings: what can deadlock; again: to where the view begins"),
    bind(&[key('2')], VIEWS, Message::Show(View::Graph), "", "Graph: locks and dependencies, drawn"),
    bind(&[key('3')], VIEWS, Message::Show(View::Locks), "", "Locks: every lock"),
    bind(&[key('4')], VIEWS, Message::Show(View::Tasks), "", "Tasks: who held what, who waits for whom"),
    bind(&[key('5')], VIEWS, Message::Show(View::Reloads), "", "Reloads: devlink reloads, and what each brought"),
    bind(&[key('6')], VIEWS, Message::Show(View::Log), "", "Log: attaching, losses, reloads, the command's output"),
    bind(&[plain(KeyCode::Tab)], VIEWS, Message::NextView, "", "the next view"),
    bind(&[plain(KeyCode::BackTab)], VIEWS, Message::PreviousView, "", "the view before"),
    bind(&[key('?')], VIEWS, Message::Help, "all keys", "all keys of this screen"),
    bind(&[key('q'), control('c')], ALL, Message::Leave, "quit", "end the trace, or leave the report"),
    bind(&[control('c')], &[Screen::Filter], Message::Leave, "", "end the trace, or leave the report"),
];

/// The keys of the screen that they go to.
pub fn of(model: &Model) -> impl Iterator<Item = &'static Binding> + use<> {
    on(model.screen(), model.is_live)
}

/// The keys of a screen.
pub fn on(screen: Screen, is_live: bool) -> impl Iterator<Item = &'static Binding> {
    let is_here = move |binding: &&Binding| binding.screens.contains(&screen) && (is_live || !binding.is_live);
    BINDINGS.iter().filter(is_here)
}

/// What a key asks for; nothing when it has no meaning here.
pub fn message(model: &Model, press: Press) -> Option<Message> {
    let bound = of(model).find(|binding| binding.keys.contains(&press));
    let typed = || match press {
        Press(KeyCode::Char(typed), modifiers) if modifiers.difference(KeyModifiers::SHIFT).is_empty() => {
            (model.screen() == Screen::Filter).then_some(Message::Typed(typed))
        }
        _ => None,
    };
    bound.map(|binding| binding.message.clone()).or_else(typed)
}

impl Press {
    /// As the terminal tells it: a capital letter is a letter of its own, with or without the modifier.
    pub fn of(code: KeyCode, modifiers: KeyModifiers) -> Self {
        match code {
            KeyCode::Char(_) => Self(code, modifiers.difference(KeyModifiers::SHIFT)),
            KeyCode::BackTab => plain(code),
            code => Self(code, modifiers),
        }
    }

    /// As the footer and the help call it.
    pub fn name(self, ascii: bool) -> String {
        let arrow = |unicode: &str, word: &str| if ascii { word } else { unicode }.to_owned();
        let name = match self.0 {
            KeyCode::Char(character) => character.to_string(),
            KeyCode::Up => arrow("↑", "Up"),
            KeyCode::Down => arrow("↓", "Down"),
            KeyCode::Left => arrow("←", "Left"),
            KeyCode::Right => arrow("→", "Right"),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            code => format!("{code:?}"),
        };
        match self.1 {
            KeyModifiers::CONTROL => format!("^{}", name.to_uppercase()),
            KeyModifiers::SHIFT => format!("Shift-{name}"),
            _ => name,
        }
    }
}
