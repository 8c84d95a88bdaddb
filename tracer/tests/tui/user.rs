//! Somebody who looks at a scene and presses keys.

use crossterm::event::{KeyCode, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use tracer::tui::keys::{self, Press};
use tracer::tui::message::{Effect, Message};
use tracer::tui::model::Model;
use tracer::tui::scene::Scene;
use tracer::tui::theme::Theme;
use tracer::tui::update::{refreshed, update};
use tracer::tui::view;

/// What they see and what they did.
pub struct User<'a> {
    pub scene: &'a Scene,
    pub model: Model,
    pub effects: Vec<Effect>,
}

impl<'a> User<'a> {
    pub fn new(scene: &'a Scene, size: (u16, u16)) -> Self {
        Self::with(
            scene,
            size,
            Theme {
                color: true,
                ascii: false,
            },
        )
    }

    pub fn with(scene: &'a Scene, size: (u16, u16), theme: Theme) -> Self {
        let formats = ["text", "json"].map(str::to_owned).to_vec();
        let mut model = Model::new(size, false, formats, theme);
        refreshed(&mut model, scene);
        Self {
            scene,
            model,
            effects: Vec::new(),
        }
    }

    /// The trace has gone on.
    pub fn look_at(&mut self, scene: &'a Scene) {
        self.scene = scene;
        refreshed(&mut self.model, scene);
    }

    pub fn tell(&mut self, message: Message) {
        self.effects.extend(update(&mut self.model, self.scene, message));
    }

    /// Presses keys: characters, or the names of others: `/ r t n l Enter`.
    pub fn press(&mut self, names: &str) -> &mut Self {
        for name in names.split_whitespace() {
            let message = keys::message(&self.model, press(name));
            self.tell(message.unwrap_or_else(|| panic!("{name} means nothing on {:?}", self.model.screen())));
        }
        self
    }

    pub fn buffer(&self) -> Buffer {
        let (width, height) = self.model.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        view::render(&self.model, self.scene, &mut buffer);
        buffer
    }

    /// The screen as text.
    pub fn screen(&self) -> String {
        text(&self.buffer())
    }

    /// And how it looks.
    pub fn styled(&self) -> String {
        let buffer = self.buffer();
        format!("{}{}", text(&buffer), styles(&buffer))
    }
}

/// A key by its name.
pub fn press(name: &str) -> Press {
    let (modifiers, name) = match name.strip_prefix("Ctrl-") {
        Some(name) => (KeyModifiers::CONTROL, name),
        None => (KeyModifiers::NONE, name),
    };
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "PageDown" => KeyCode::PageDown,
        "PageUp" => KeyCode::PageUp,
        "End" => KeyCode::End,
        "Home" => KeyCode::Home,
        "Backspace" => KeyCode::Backspace,
        name => KeyCode::Char(name.parse().expect("one character")),
    };
    Press(code, modifiers)
}

fn rows(buffer: &Buffer) -> impl Iterator<Item = Vec<&ratatui::buffer::Cell>> {
    let area = buffer.area;
    (0..area.height).map(move |y| (0..area.width).map(|x| &buffer[(x, y)]).collect())
}

fn text(buffer: &Buffer) -> String {
    let line = |row: Vec<&ratatui::buffer::Cell>| row.iter().map(|cell| cell.symbol()).collect::<String>();
    rows(buffer).map(|row| format!("{}\n", line(row).trim_end())).collect()
}

/// One line a row: from which column to which it looks like what.
fn styles(buffer: &Buffer) -> String {
    let mut out = String::new();
    for (number, row) in rows(buffer).enumerate() {
        let looks: Vec<_> = row.iter().map(|cell| look(cell.fg, cell.modifier)).collect();
        let mut begin = 0;
        let mut spans = Vec::new();
        for run in looks.chunk_by(|a, b| a == b) {
            if !run[0].is_empty() {
                spans.push(format!("{begin}-{} {}", begin + run.len() - 1, run[0]));
            }
            begin += run.len();
        }
        if !spans.is_empty() {
            out.push_str(&format!("{number}: {}\n", spans.join(", ")));
        }
    }
    out
}

fn look(color: Color, modifier: Modifier) -> String {
    let color = if color == Color::Reset {
        String::new()
    } else {
        color.to_string().to_lowercase()
    };
    let modifiers = modifier.iter_names().map(|(name, _)| name.to_lowercase());
    let parts: Vec<_> = [color]
        .into_iter()
        .filter(|color| !color.is_empty())
        .chain(modifiers)
        .collect();
    parts.join("+")
}
