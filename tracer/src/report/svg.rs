//! The findings' dependencies as a drawing, for a page or a bug tracker: readable on light and on dark.

use super::graph::layout::{self, Place};
use super::graph::{self, Edge, Graph};
use super::wrap::cut;
use super::{clean, excerpt};
use crate::analysis::snapshot::Snapshot;

// Pixels: a node's height, the distance of two layers, the margin, and a line of the legend.
const HEIGHT: i32 = 30;
const LAYER: i32 = 110;
const MARGIN: i32 = 24;
const LINE: i32 = 18;

/// Room at the right of the nodes for edges that lead back and to themselves.
const BESIDE: i32 = 150;

/// Width of a character of the names and of the legend.
const CHARACTER: i32 = 8;

/// Pixels between two nodes of a layer.
const GAP: i32 = 48;

/// Columns of a name before it is cut.
const NAME: usize = 48;

/// Follows the reader's light or dark theme; without one it is light.
const STYLE: &str = "\
    svg { background: #ffffff; color: #101418 }\n\
    text { font: 13px ui-monospace, monospace; fill: currentColor }\n\
    rect { fill: #f4f6f8; stroke: #808890 }\n\
    path { fill: none; stroke-width: 2 }\n\
    circle { fill: #ffffff; stroke-width: 2 }\n\
    @media (prefers-color-scheme: dark) {\n\
      svg { background: #14181d; color: #e6eaee }\n\
      rect { fill: #20262d }\n\
      circle { fill: #14181d }\n\
    }\n";

/// The drawing: locks, numbered edges, and a legend that says what each edge is.
pub fn render(snapshot: &Snapshot, notes: bool) -> String {
    let shown = excerpt::shown(snapshot, notes);
    let excerpt = excerpt::of(snapshot, &shown);
    let excerpt = &*clean::printable(&excerpt);
    let graph = graph::of(excerpt, true, false);
    let drawing = Drawing::new(&graph);
    let mut legend = Vec::new();
    for finding in &excerpt.findings {
        let verdict = finding.verdict.as_deref().unwrap_or(&finding.kind);
        let text = format!("#{} {}: {verdict}: {}", finding.id, finding.severity, finding.title);
        legend.push((graph::color(Some(&finding.severity)), text));
    }
    for (number, edge) in (1..).zip(&graph.edges) {
        let name = |index: usize| graph.nodes.get(index).map_or("?", |node| &node.name);
        let head = format!("({number}) {} -> {} ({})", name(edge.from), name(edge.to), edge.modes);
        legend.push((graph::color(edge.severity.as_deref()), head));
        legend.push(("currentColor", format!("    {}", edge.places.join(", "))));
    }
    if legend.is_empty() {
        legend.push(("currentColor", "No findings.".to_string()));
    }
    drawing.render(&legend)
}

struct Drawing<'a> {
    graph: &'a Graph,
    places: Vec<Place>,
    widths: Vec<i32>,
    width: i32,
    height: i32,
}

impl<'a> Drawing<'a> {
    fn new(graph: &'a Graph) -> Self {
        let names = graph.nodes.iter().map(|node| length(&cut(&node.name, NAME)) + 16);
        let widths: Vec<_> = names.collect();
        let edges: Vec<_> = graph.edges.iter().map(|edge| (edge.from, edge.to)).collect();
        let (places, width) = layout::places(&edges, &widths, GAP);
        let layers = places.iter().map(|place| place.layer + 1).max().unwrap_or_default();
        Self {
            graph,
            places,
            widths,
            width,
            // The last layer needs no room for edges below it.
            height: i32::try_from(layers).unwrap_or(i32::MAX).saturating_mul(LAYER) - (LAYER - HEIGHT - MARGIN),
        }
    }

    fn render(&self, legend: &[(&str, String)]) -> String {
        let columns = legend.iter().map(|(_, text)| length(text)).max().unwrap_or_default();
        let width = columns.max(self.width + BESIDE) + 2 * MARGIN;
        let lines = i32::try_from(legend.len()).unwrap_or(i32::MAX);
        let height = self.height + lines.saturating_mul(LINE) + 2 * MARGIN;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n<style>\n{STYLE}</style>\n"
        );
        out.push_str("<defs>\n");
        for color in ["critical", "error", "warning", "note"].map(|severity| graph::color(Some(severity))) {
            let id = color.trim_start_matches('#');
            out.push_str(&format!("<marker id=\"a{id}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\"><path d=\"M0 0L10 5L0 10z\" style=\"fill:{color}\"/></marker>\n"));
        }
        out.push_str("</defs>\n");
        out.extend(
            (1..)
                .zip(&self.graph.edges)
                .map(|(number, edge)| self.edge(number, edge)),
        );
        out.extend((0..self.graph.nodes.len()).filter_map(|node| self.node(node)));
        for (number, (color, text)) in (1..).zip(legend) {
            let y = self.height + MARGIN + number * LINE;
            out.push_str(&format!(
                "<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\" style=\"fill:{color}\">{}</text>\n",
                escape(text)
            ));
        }
        out.push_str("</svg>\n");
        out
    }

    /// Centre of a node.
    fn centre(&self, node: usize) -> Option<(i32, i32)> {
        let place = self.places.get(node)?;
        let layer = i32::try_from(place.layer).unwrap_or(i32::MAX);
        Some((MARGIN + place.x, MARGIN + HEIGHT / 2 + layer.saturating_mul(LAYER)))
    }

    fn node(&self, node: usize) -> Option<String> {
        let (x, y) = self.centre(node)?;
        let (of, width) = (self.graph.nodes.get(node)?, *self.widths.get(node)?);
        let class = of.class.as_ref().unwrap_or(&of.name);
        Some(format!(
            "<g><title>{}: class {}</title><rect x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{HEIGHT}\" rx=\"6\"/><text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text></g>\n",
            escape(&of.name),
            escape(class),
            x - width / 2,
            y - HEIGHT / 2,
            y + 4,
            escape(&cut(&of.name, NAME)),
        ))
    }

    /// Down on the left, back up on the right, to itself beside the node.
    fn edge(&self, number: i32, edge: &Edge) -> String {
        let (Some((x1, y1)), Some((x2, y2))) = (self.centre(edge.from), self.centre(edge.to)) else {
            return String::new();
        };
        let half = HEIGHT / 2;
        let (path, middle) = if edge.from == edge.to {
            let right = x1 + self.widths.get(edge.from).copied().unwrap_or_default() / 2;
            let path = format!(
                "M{right} {} C{} {} {} {} {right} {}",
                y1 - 7,
                right + 70,
                y1 - 32,
                right + 70,
                y1 + 32,
                y1 + 7
            );
            (path, (right + 52, y1))
        } else if y2 > y1 {
            let bow = (y2 - y1 - LAYER) / 2;
            let (x1, x2, y1, y2) = (x1 - 12, x2 - 12, y1 + half, y2 - half);
            let path = format!(
                "M{x1} {y1} C{} {} {} {} {x2} {y2}",
                x1 - bow,
                y1 + 40,
                x2 - bow,
                y2 - 40
            );
            (path, ((x1 + x2) / 2 - bow * 3 / 4, (y1 + y2) / 2))
        } else {
            let bow = 60 + (y1 - y2 - LAYER).max(0) / 2;
            let (x1, x2, y1, y2) = (x1 + 12, x2 + 12, y1 - half, y2 + half);
            let path = format!(
                "M{x1} {y1} C{} {} {} {} {x2} {y2}",
                x1 + bow,
                y1 - 30,
                x2 + bow,
                y2 + 30
            );
            (path, ((x1 + x2) / 2 + bow * 3 / 4, (y1 + y2) / 2))
        };
        let color = graph::color(edge.severity.as_deref());
        let (x, y) = middle;
        format!(
            "<path d=\"{path}\" stroke=\"{color}\" marker-end=\"url(#a{})\"/><circle cx=\"{x}\" cy=\"{y}\" r=\"10\" stroke=\"{color}\"/><text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{number}</text>\n",
            color.trim_start_matches('#'),
            y + 4
        )
    }
}

fn length(text: &str) -> i32 {
    i32::try_from(text.chars().count())
        .unwrap_or(i32::MAX / CHARACTER)
        .saturating_mul(CHARACTER)
}

/// Text of XML. Two characters that are no control characters cannot be in it at all.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('?'),
            other => out.push(other),
        }
    }
    out
}
