//! The graph of the locks for Graphviz: `tracer report --format dot FILE | dot -Tsvg`.

use super::graph::{self, Edge, Node};
use super::{clean, excerpt};
use crate::analysis::snapshot::Snapshot;

/// The dependencies of the findings, or all of them. Colours are told from white and from black paper.
pub fn render(snapshot: &Snapshot, notes: bool, all: bool) -> String {
    let whole = &*clean::printable(snapshot);
    let graph = graph::of(whole, notes, all);
    let mut out = "digraph locks {\n".to_string();
    out.push_str("  graph [bgcolor=\"transparent\", fontname=\"sans-serif\", fontcolor=\"#808890\"];\n");
    out.push_str("  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f4f6f8\", color=\"#808890\", fontcolor=\"#101418\", fontname=\"monospace\", fontsize=11];\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=9];\n");
    for finding in excerpt::shown(whole, notes) {
        let verdict = finding.verdict.as_deref().unwrap_or(&finding.kind);
        out.push_str(&format!(
            "  // #{} {}: {verdict}: {}\n",
            finding.id, finding.severity, finding.title
        ));
    }
    if graph.edges.is_empty() {
        out.push_str("  label=\"No findings.\";\n");
    }
    out.extend(graph.nodes.iter().map(node));
    out.extend(graph.edges.iter().filter_map(|edge| {
        let (from, to) = (graph.nodes.get(edge.from)?, graph.nodes.get(edge.to)?);
        Some(self::edge(from, to, edge))
    }));
    out.push_str("}\n");
    out
}

fn node(node: &Node) -> String {
    let tooltip = node.class.as_ref().unwrap_or(&node.name);
    format!(
        "  l{} [label={}, tooltip={}];\n",
        node.id,
        quoted(&node.name),
        quoted(&format!("class {tooltip}"))
    )
}

fn edge(from: &Node, to: &Node, edge: &Edge) -> String {
    let color = graph::color(edge.severity.as_deref());
    let findings: Vec<_> = edge.findings.iter().map(|id| format!("#{id}")).collect();
    let mut lines = vec![
        format!("{} {}", findings.join(" "), edge.modes)
            .trim_start()
            .to_string(),
    ];
    let mut attributes = format!("color=\"{color}\", fontcolor=\"{color}\"");
    if edge.findings.is_empty() {
        attributes.push_str(&format!(", tooltip={}", quoted(&edge.places.join("\n"))));
    } else {
        lines.extend(edge.places.iter().cloned());
        attributes.push_str(", penwidth=2");
    }
    format!(
        "  l{} -> l{} [label={}, {attributes}];\n",
        from.id,
        to.id,
        quoted(&lines.join("\n"))
    )
}

/// A string of the DOT language: lines are left-aligned.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    let lines = escaped.matches('\n').count();
    let aligned = if lines > 0 {
        escaped.replace('\n', "\\l") + "\\l"
    } else {
        escaped
    };
    format!("\"{aligned}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted() {
        assert_eq!(quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
        assert_eq!(quoted("a\nb"), "\"a\\lb\\l\"");
    }
}
