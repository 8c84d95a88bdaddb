//! stub until merged
pub struct Node {
    pub name: String,
    pub below: String,
}
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub is_shared: bool,
    pub is_heavy: bool,
    pub is_marked: bool,
    pub label: String,
}
pub struct Graph {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}
pub enum Charset {
    Unicode,
    Ascii,
}
pub struct Place {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}
#[derive(Clone, Copy)]
pub enum Part {
    Nothing,
    Node(usize),
    Edge(usize),
}
pub struct Cell {
    pub symbol: char,
    pub part: Part,
}
pub struct Drawing {
    pub width: usize,
    pub height: usize,
}
impl Drawing {
    pub fn cell(&self, _x: usize, _y: usize) -> Option<&Cell> {
        None
    }
    pub fn place(&self, _n: usize) -> Place {
        Place {
            x: 0,
            y: 0,
            width: 0,
            height: 0,
        }
    }
}
pub fn draw(_g: &Graph, _c: Charset) -> Drawing {
    Drawing { width: 0, height: 0 }
}
