
"use strict";

// The graph: where nodes stand, how they are drawn, pan and zoom. As report/graph/layout.rs: layers, so that most edges go down.

const SVG = "http://www.w3.org/2000/svg";
const BOX = { height: 28, gap: 44, layer: 104, character: 7.4, longest: 46 };

function shorten(text) {
  return text.length > BOX.longest ? text.slice(0, BOX.longest - 1) + "~" : text;
}

// Layers by the longest way down, without the edges that lead back.
function layersOf(ids, edges) {
  const out = new Map(ids.map((id) => [id, []]));
  for (const edge of edges) out.get(edge.from).push(edge);
  const state = new Map();
  const back = new Set();
  const done = [];
  for (const start of ids) {
    if (state.has(start)) continue;
    state.set(start, "open");
    const path = [[start, 0]];
    while (path.length) {
      const top = path[path.length - 1];
      const edge = out.get(top[0])[top[1]++];
      if (!edge) {
        state.set(top[0], "done");
        done.push(top[0]);
        path.pop();
      } else if (!state.has(edge.to)) {
        state.set(edge.to, "open");
        path.push([edge.to, 0]);
      } else if (state.get(edge.to) === "open") {
        back.add(edge);
      }
    }
  }
  const layer = new Map(ids.map((id) => [id, 0]));
  for (const id of done.reverse()) {
    for (const edge of out.get(id)) {
      if (!back.has(edge)) layer.set(edge.to, Math.max(layer.get(edge.to), layer.get(id) + 1));
    }
  }
  return layer;
}

// Centre and width of each node.
function placesOf(nodes, edges) {
  const ids = nodes.map((node) => node.id);
  const layer = layersOf(ids, edges);
  const width = new Map(nodes.map((node) => [node.id, shorten(node.name).length * BOX.character + 18]));
  const rows = [];
  for (const id of ids) (rows[layer.get(id)] ||= []).push(id);
  const near = new Map(ids.map((id) => [id, []]));
  for (const { from, to } of edges) {
    if (from !== to) {
      near.get(from).push(to);
      near.get(to).push(from);
    }
  }
  const wide = (row) => row.reduce((sum, id) => sum + width.get(id) + BOX.gap, -BOX.gap);
  const whole = Math.max(0, ...rows.map(wide));
  const x = new Map();
  for (let round = 0; round <= 8; round++) {
    for (const row of rows) {
      if (round > 0) {
        const mean = new Map(row.map((id) => {
          const others = near.get(id);
          return [id, others.length ? others.reduce((sum, other) => sum + x.get(other), 0) / others.length : x.get(id)];
        }));
        row.sort((a, b) => mean.get(a) - mean.get(b) || a - b);
      }
      let left = (whole - wide(row)) / 2;
      for (const id of row) {
        x.set(id, left + width.get(id) / 2);
        left += width.get(id) + BOX.gap;
      }
    }
  }
  return new Map(ids.map((id) => [id, { x: x.get(id), y: layer.get(id) * BOX.layer, width: width.get(id) }]));
}

function make(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// Down on the left, back up on the right, to itself beside the node.
function curve(from, to) {
  const half = BOX.height / 2;
  if (from === to) {
    const right = from.x + from.width / 2;
    return { line: `M${right} ${from.y - 7} C${right + 64} ${from.y - 30} ${right + 64} ${from.y + 30} ${right} ${from.y + 7}`, x: right + 48, y: from.y };
  }
  const down = to.y > from.y;
  const side = down ? -12 : 12;
  const bow = down ? -(to.y - from.y - BOX.layer) / 2 : 56 + Math.max(0, from.y - to.y - BOX.layer) / 2;
  const [x1, x2] = [from.x + side, to.x + side];
  const [y1, y2] = down ? [from.y + half, to.y - half] : [from.y - half, to.y + half];
  const reach = down ? 38 : -30;
  return { line: `M${x1} ${y1} C${x1 + bow} ${y1 + reach} ${x2 + bow} ${y2 - reach} ${x2} ${y2}`, x: (x1 + x2) / 2 + bow * 0.75, y: (y1 + y2) / 2 };
}

class Graph {
  constructor(svg, choose) {
    this.svg = svg;
    this.choose = choose;
    this.view = { x: 0, y: 0, width: 100, height: 100 };
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, event);
    }, { passive: false });
    let last = null;
    svg.addEventListener("pointerdown", (event) => { last = event; });
    addEventListener("pointerup", () => { last = null; });
    svg.addEventListener("pointermove", (event) => {
      if (!last) return;
      const scale = this.scale();
      this.view.x -= (event.clientX - last.clientX) * scale;
      this.view.y -= (event.clientY - last.clientY) * scale;
      last = event;
      this.apply();
    });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (step && event.target === svg) {
        this.view.x += step[0] * this.view.width / 10;
        this.view.y += step[1] * this.view.height / 10;
        event.preventDefault();
      } else if (event.key === "+") this.zoom(1 / 1.2);
      else if (event.key === "-") this.zoom(1.2);
      else if (event.key === "0") this.fit();
      this.apply();
    });
  }

  scale() {
    const box = this.svg.getBoundingClientRect();
    return Math.max(this.view.width / (box.width || 1), this.view.height / (box.height || 1));
  }

  zoom(factor, at) {
    const box = this.svg.getBoundingClientRect();
    const [fx, fy] = at ? [(at.clientX - box.left) / box.width, (at.clientY - box.top) / box.height] : [0.5, 0.5];
    const { width, height } = this.view;
    this.view.x += width * fx * (1 - factor);
    this.view.y += height * fy * (1 - factor);
    this.view.width = width * factor;
    this.view.height = height * factor;
    this.apply();
  }

  fit() {
    const places = [...this.places.values()];
    const left = Math.min(0, ...places.map((place) => place.x - place.width / 2)) - 30;
    const right = Math.max(100, ...places.map((place) => place.x + place.width / 2)) + 110;
    const bottom = Math.max(0, ...places.map((place) => place.y)) + 40;
    const box = this.svg.getBoundingClientRect();
    // Small graphs are not blown up.
    const width = Math.max(right - left, box.width * 0.8);
    const height = Math.max(bottom + 40, box.height * 0.8);
    this.view = { x: left - (width - (right - left)) / 2, y: -40 - (height - bottom - 40) / 2, width, height };
    this.apply();
  }

  apply() {
    const { x, y, width, height } = this.view;
    this.svg.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
  }

  // nodes: { id, name, about }; edges: { id, from, to, severity, mark, about }
  show(nodes, edges) {
    this.places = placesOf(nodes, edges);
    this.svg.replaceChildren();
    const draw = (edge) => {
      const { line, x, y } = curve(this.places.get(edge.from), this.places.get(edge.to));
      const head = make("marker", { id: `head${edge.id}`, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" }, make("path", { d: "M0 0L10 5L0 10z", class: "head" }));
      const group = make("g", { class: `edge ${edge.severity || "plain"}`, tabindex: 0, role: "button" });
      const title = make("title", {});
      title.textContent = edge.about;
      group.append(title, head, make("path", { d: line, class: "line", "marker-end": `url(#head${edge.id})` }), make("path", { d: line, class: "hit" }));
      if (edge.mark) {
        const text = make("text", { x, y: y + 4 });
        text.textContent = edge.mark;
        const radius = Math.max(10, edge.mark.length * 4 + 3);
        group.append(make("circle", { cx: x, cy: y, r: radius }), text);
      }
      group.dataset.id = edge.id;
      group.addEventListener("click", () => this.choose("d", edge.id));
      group.addEventListener("keydown", (event) => { if (event.key === "Enter") this.choose("d", edge.id); });
      return group;
    };
    // What is part of a finding is drawn above the rest.
    this.svg.append(...edges.filter((edge) => !edge.severity).map(draw), ...edges.filter((edge) => edge.severity).map(draw));
    for (const node of nodes) {
      const place = this.places.get(node.id);
      const group = make("g", { class: "node" }, make("rect", { x: place.x - place.width / 2, y: place.y - BOX.height / 2, width: place.width, height: BOX.height, rx: 5 }));
      const [title, text] = [make("title", {}), make("text", { x: place.x, y: place.y + 4 })];
      title.textContent = node.about;
      text.textContent = shorten(node.name);
      group.append(title, text);
      group.dataset.name = node.about.toLowerCase();
      group.addEventListener("click", () => this.choose("l", node.id));
      this.svg.append(group);
    }
    this.fit();
  }

  mark(words) {
    for (const node of this.svg.querySelectorAll(".node")) {
      node.classList.toggle("found", words !== "" && node.dataset.name.includes(words));
    }
  }

  chosen(id) {
    for (const edge of this.svg.querySelectorAll(".edge")) edge.classList.toggle("chosen", edge.dataset.id === String(id));
  }
}
