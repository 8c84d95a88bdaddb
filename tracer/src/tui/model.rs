//! What the user looks at. Nothing of what was seen is in it: that is the [`Scene`](super::scene::Scene).

use super::list::ListKind;
use super::theme::Theme;

/// The views, in the order of their number keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Cycles and violations.
    #[default]
    Findings,
    /// Locks and dependencies, drawn.
    Graph,
    /// Every lock.
    Locks,
    /// Every task.
    Tasks,
    /// Devlink reloads.
    Reloads,
    /// What happened to the trace.
    Log,
}

impl View {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Findings,
        Self::Graph,
        Self::Locks,
        Self::Tasks,
        Self::Reloads,
        Self::Log,
    ];

    /// As its tab calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Findings => "Findings",
            Self::Graph => "Graph",
            Self::Locks => "Locks",
            Self::Tasks => "Tasks",
            Self::Reloads => "Reloads",
            Self::Log => "Log",
        }
    }

    /// The list that it shows, unless it is the graph.
    pub fn list(self) -> Option<ListKind> {
        match self {
            Self::Findings => Some(ListKind::Findings),
            Self::Graph => None,
            Self::Locks => Some(ListKind::Locks),
            Self::Tasks => Some(ListKind::Tasks),
            Self::Reloads => Some(ListKind::Reloads),
            Self::Log => Some(ListKind::Log),
        }
    }
}

/// Where keys go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// A view.
    View(View),
    /// What was opened.
    Detail,
    /// The line in which a filter is typed.
    Filter,
    /// The choice of a format.
    Export,
    /// All keys.
    Help,
}

impl Screen {
    /// As help and docs call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::View(view) => view.name(),
            Self::Detail => "Detail",
            Self::Filter => "Filter",
            Self::Export => "Export",
            Self::Help => "Help",
        }
    }
}

/// A row of a list, found again in the next scene: numbers change while the trace grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Of which list.
    pub list: ListKind,
    /// What stays the same of it.
    pub key: u64,
}

/// What is seen of a list.
#[derive(Clone, Debug, Default)]
pub struct ListState {
    /// Rows that are shown, in order: numbers of the scene's rows.
    pub rows: Vec<u32>,
    /// Which of them is selected.
    pub selected: usize,
    /// By the user; otherwise it is what is on top.
    pub is_chosen: bool,
    /// Which row that is.
    pub key: Option<u64>,
    /// Words that a row must have.
    pub filter: String,
    /// The column it is sorted by, if not by the list's own order.
    pub sort: Option<usize>,
    /// Sorted the other way round.
    pub is_reversed: bool,
}

/// What was opened, and how far it is scrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail {
    /// What it shows.
    pub subject: Subject,
    /// Lines above the first one that is seen.
    pub top: usize,
}

/// How far a graph reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The cycle of the finding alone, or all cycles that the lock is in.
    #[default]
    Cycle,
    /// What is next to it.
    One,
    /// And what is next to that.
    Two,
}

/// What is seen of the graph.
#[derive(Clone, Debug, Default)]
pub struct GraphState {
    /// What it is drawn around: a finding or a lock.
    pub root: Option<Subject>,
    /// How far.
    pub reach: Reach,
    /// One node a class.
    pub is_folded: bool,
    /// The selected lock, by its key.
    pub selected: Option<u64>,
    /// Columns and rows that are left of and above what is seen; none: so that the selected lock is seen.
    pub pan: Option<(usize, usize)>,
}

/// What lies over everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popup {
    /// All keys, so many lines scrolled.
    Help(usize),
    /// The choice of a format.
    Export(usize),
}

/// What the user looks at.
#[derive(Clone, Debug)]
pub struct Model {
    /// The view.
    pub view: View,
    /// What is seen of each list.
    pub lists: [ListState; ListKind::ALL.len()],
    /// What was opened of the view.
    pub detail: Option<Detail>,
    /// What is seen of the graph.
    pub graph: GraphState,
    /// What lies over it.
    pub popup: Option<Popup>,
    /// The filter has the keys.
    pub is_typing: bool,
    /// What was seen up to this time is shown, in ns since the start; none: all of it.
    pub moment: Option<u64>,
    /// New scenes wait.
    pub is_paused: bool,
    /// The trace still runs.
    pub is_live: bool,
    /// How long it has run, in ns.
    pub elapsed_ns: Option<u64>,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// What is told at the bottom until the next key.
    pub notice: Option<String>,
    /// Names of the formats that can be exported.
    pub formats: Vec<String>,
    /// How it is drawn.
    pub theme: Theme,
}

impl Model {
    /// At the begin: the list of findings.
    pub fn new(size: (u16, u16), is_live: bool, formats: Vec<String>, theme: Theme) -> Self {
        Self {
            view: View::default(),
            lists: Default::default(),
            detail: None,
            graph: GraphState::default(),
            popup: None,
            is_typing: false,
            moment: None,
            is_paused: false,
            is_live,
            elapsed_ns: None,
            size,
            notice: None,
            formats,
            theme,
        }
    }

    /// Where keys go to.
    pub fn screen(&self) -> Screen {
        match self.popup {
            Some(Popup::Help(_)) => Screen::Help,
            Some(Popup::Export(_)) => Screen::Export,
            None => self.screen_below(),
        }
    }

    /// Where they go to without what lies over it.
    pub fn screen_below(&self) -> Screen {
        match (self.is_typing, self.detail, self.view) {
            (true, ..) => Screen::Filter,
            (false, Some(_), _) => Screen::Detail,
            (false, None, view) => Screen::View(view),
        }
    }

    /// What is seen of a list.
    pub fn list(&self, kind: ListKind) -> &ListState {
        &self.lists[kind as usize]
    }

    /// The same, to change it.
    pub fn list_mut(&mut self, kind: ListKind) -> &mut ListState {
        &mut self.lists[kind as usize]
    }

    /// What is opened, drawn or selected.
    pub fn subject(&self) -> Option<Subject> {
        match (self.detail, self.view) {
            (Some(detail), _) => Some(detail.subject),
            (None, View::Graph) => self.graph.root,
            (None, _) => self.selected(),
        }
    }

    /// What is selected in the list of the view.
    pub fn selected(&self) -> Option<Subject> {
        let list = self.view.list()?;
        let key = self.list(list).key?;
        Some(Subject { list, key })
    }
}
