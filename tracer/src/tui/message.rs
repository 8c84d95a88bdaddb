//! What the user can ask for, and what then has to be done outside of the model.

use super::model::View;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Towards the first row, or the top.
    Up,
    /// Towards the last row, or the bottom.
    Down,
    /// In a graph: towards what is held.
    Left,
    /// In a graph: towards what is requested.
    Right,
}

/// How far in a list or a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One row.
    Row,
    /// What a turn of the mouse wheel is.
    Rows,
    /// As many rows as are shown.
    Page,
    /// As far as it goes.
    End,
}

/// What was seen at which moment of the run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the newest dependency that is shown came.
    EarlierEdge,
    /// When the next one came.
    LaterEdge,
    /// Where the reload before this moment begins or ends.
    EarlierReload,
    /// Where the next one begins or ends.
    LaterReload,
    /// The end of the run; live: from now on as it goes.
    Now,
}

/// One thing that the user or the terminal asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Go to a view.
    Show(View),
    /// The view after this one.
    NextView,
    /// The view before this one.
    PreviousView,
    /// Select another row or lock, or scroll.
    Move(Way, Step),
    /// Move what is seen of the graph.
    Pan(Way),
    /// Show what is selected.
    Open,
    /// Out of what was opened last.
    Back,
    /// Draw what is selected as a graph.
    Draw,
    /// How far the graph reaches around the lock.
    Reach,
    /// One node a class instead of one a lock, and back.
    Fold,
    /// Begin to type a filter.
    Filter,
    /// One character of it.
    Typed(char),
    /// Take the last one back.
    Erase,
    /// The filter is done.
    Accept,
    /// Sort by the next column.
    Sort,
    /// Sort the other way round.
    Reverse,
    /// Keep what is seen as it is, or go on.
    Pause,
    /// Another moment of the run.
    Moment(Moment),
    /// Choose a format to export in.
    Export,
    /// To the clipboard.
    Copy,
    /// All keys.
    Help,
    /// Leave the program.
    Leave,
    /// The terminal has so many columns and rows.
    Resize(u16, u16),
    /// The mouse was pressed at a column and a row.
    Click(u16, u16),
    /// Something to tell the user.
    Notice(String),
}

/// What has to be done outside of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Leave the program.
    Leave,
    /// Write a file.
    Export {
        /// In which of the formats.
        format: usize,
        /// Only this finding, by its id; everything otherwise.
        finding: Option<u32>,
    },
    /// Put a text into the clipboard of the terminal.
    Copy(String),
}
