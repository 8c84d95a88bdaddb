
// The page: lists, details, filters. Everything from the report is set as text, never as markup.

const report = JSON.parse(document.getElementById("report").textContent);
const byId = (id) => document.getElementById(id);
const locks = new Map(report.locks.map((lock) => [lock.id, lock]));
const dependencies = new Map(report.dependencies.map((dependency) => [dependency.id, dependency]));
const MOST_ROWS = 500;

// Children can be texts or elements; nothing else is ever put into the page.
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "click") made.addEventListener("click", value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const nameOf = (id) => (locks.get(id) ? locks.get(id).name : "?");
const taskOf = (of) => (of.pid === null || of.pid === undefined ? of.task : `${of.task} (pid ${of.pid})`);
const millisOf = (ns) => Math.round(ns / 1e3) / 1e3;
const secondsOf = (ns) => `${(ns / 1e9).toFixed(6)} s`;
const heldOf = (held) => held.map((lock) => `${nameOf(lock.lock)} (${lock.mode}${lock.trylock ? ", trylock" : ""})`).join(" -> ");
const countOf = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
const sources = new Map(report.sources.map((source) => [source.frame, source.places]));
// As in the text report: the line behind the frame, what is inlined there below it, the innermost first.
function frameOf(frame) {
  const places = sources.get(frame);
  if (!places || !places.length) return frame;
  const own = places[places.length - 1];
  const inlined = places.slice(0, -1).map((place) => `\n  (inlined) ${place.function} at ${place.file}:${place.line}`);
  return `${frame} (${own.file}:${own.line})${inlined.join("")}`;
}
const stack = (title, frames) => element("div", {}, element("p", { class: "faint" }, title), element("pre", {}, frames.length ? frames.map(frameOf).join("\n") : "not known"));
const link = (text, kind, id) => element("button", { class: "link", type: "button", click: () => choose(kind, id) }, text);
const badge = (finding) => element("span", { class: `badge ${finding.severity}` }, `${finding.severity.toUpperCase()}: ${finding.verdict || finding.kind}`);

// Which findings a dependency is a side of, the most severe first.
const findingsOf = new Map();
for (const finding of report.findings) {
  for (const id of finding.dependencies) {
    if (!findingsOf.has(id)) findingsOf.set(id, []);
    findingsOf.get(id).push(finding);
  }
}

function windowName(window, index) {
  const where = window.netns_to ? `, netns ${window.netns_from} -> ${window.netns_to}` : "";
  return `${index + 1}: ${window.kind} ${window.handle} (${window.action})${where}`;
}

const FILTERS = [
  ["findings", "cycles of all findings", (of) => findingsOf.has(of.id)],
  ["all", "all dependencies", () => true],
  ...report.findings.filter((finding) => finding.dependencies.length).map((finding) => [`f${finding.id}`, `finding #${finding.id}: ${finding.title}`, (of) => finding.dependencies.includes(of.id)]),
  ...report.windows.map((window, index) => [`w${index}`, `reload window ${windowName(window, index)}`, (of) => of.windows.includes(index)]),
];

function place(evidence, of) {
  const window = evidence.window === null ? null : link(windowName(report.windows[evidence.window], evidence.window), "w", evidence.window);
  return element("div", {},
    element("h3", {}, `${taskOf(evidence)} at ${secondsOf(evidence.time_ns)}`),
    evidence.origin ? element("p", {}, `in: ${evidence.origin}`) : null,
    window ? element("p", {}, "reload window ", window) : null,
    element("p", {}, `holding: ${heldOf(evidence.held)}`),
    element("div", { class: "pair" }, stack(`${nameOf(of.from)} was taken at:`, evidence.from_stack), stack(`${nameOf(of.to)} is requested at:`, evidence.to_stack)));
}

function dependencyDetails(of) {
  const found = findingsOf.get(of.id) || [];
  const left = of.more_evidence ? `; ${countOf(of.more_evidence, "more situation")} in the JSON report` : "";
  return [
    element("h2", {}, link(nameOf(of.from), "l", of.from), ` (${of.from_mode}${of.trylock ? ", trylock" : ""}) -> `, link(nameOf(of.to), "l", of.to), ` (${of.to_mode})`),
    element("p", { class: "faint" }, `seen ${countOf(of.count, "time")} by ${countOf(of.tasks, "task")} or more${left}`),
    ...found.map((finding) => element("p", {}, badge(finding), " ", link(`#${finding.id} ${finding.title}`, "f", finding.id))),
    ...of.evidence.map((evidence) => place(evidence, of)),
  ];
}

function scenario(finding) {
  const body = element("tbody");
  finding.scenario.forEach((side, column) => {
    for (const waits of [false, true]) {
      for (const step of side.steps.filter((step) => (step.state === "waits") === waits)) {
        const cells = finding.scenario.map(() => element("td", {}));
        cells[column].append(`${step.mode === "shared" ? "r" : ""}${step.op}(${step.lock});`);
        const row = element("tr", {}, ...cells);
        row.dataset.waits = waits;
        body.append(row);
      }
    }
  });
  // All take what they hold, then all wait.
  body.append(...[...body.children].filter((row) => row.dataset.waits === "true"));
  return element("table", { class: "scenario" }, element("thead", {}, element("tr", {}, ...finding.scenario.map((side) => element("th", {}, taskOf(side))))), body);
}

function findingDetails(finding) {
  const sides = finding.scenario.map((side) => {
    const of = dependencies.get(side.dependency);
    const evidence = of && of.evidence.find((evidence) => evidence.number === side.evidence);
    return evidence ? place(evidence, of) : null;
  });
  return [
    element("h2", {}, badge(finding), ` #${finding.id} ${finding.title}`),
    element("p", {}, `why: ${finding.reason}`),
    element("p", { class: "faint" }, `${finding.level} level, fingerprint ${finding.fingerprint}`),
    finding.scenario.length ? scenario(finding) : null,
    ...sides,
  ];
}

function lockDetails(lock) {
  const row = (of) => element("li", {}, link(`${nameOf(of.from)} (${of.from_mode}) -> ${nameOf(of.to)} (${of.to_mode})`, "d", of.id));
  const held = report.dependencies.filter((of) => of.from === lock.id);
  const wanted = report.dependencies.filter((of) => of.to === lock.id);
  const times = (what, spent) => (spent ? element("p", {}, `${what} ${countOf(spent.count, "time")}, ${millisOf(spent.total_ns)} ms in all, ${millisOf(spent.max_ns)} ms at most`) : null);
  const places = report.contention.filter((of) => of.lock === lock.id);
  const at = (of) => element("div", {}, times(`${of.mode}:`, of.waited), stack("waited for at:", of.stack));
  return [
    element("h2", {}, lock.name),
    element("p", {}, `class ${lock.class}, ${lock.kind}${lock.label ? `, ${lock.label}` : ""}${lock.address ? `, ${lock.address}` : ""}`),
    times("waited for", lock.waited), times("held", lock.held_for),
    element("h3", {}, `requested while it is held: ${held.length}`), element("ul", {}, ...held.slice(0, MOST_ROWS).map(row)),
    element("h3", {}, `held while it is requested: ${wanted.length}`), element("ul", {}, ...wanted.slice(0, MOST_ROWS).map(row)),
    places.length ? element("h3", {}, `places where it was waited for: ${places.length}`) : null, ...places.slice(0, MOST_ROWS).map(at),
  ].filter(Boolean);
}

// How long a wait took, or takes at the end of the report.
const tookOf = (wait) => ((wait.until_ns ?? report.capture.duration_ns ?? wait.since_ns) - wait.since_ns);

function waitDetails(wait) {
  return [
    element("h2", {}, `${taskOf(wait)} ${wait.until_ns === undefined ? "waits" : "waited"} for ${nameOf(wait.lock)} (${wait.mode})`),
    element("p", {}, `since ${secondsOf(wait.since_ns)}, for ${secondsOf(tookOf(wait))}${wait.on.length ? `; held by ${wait.on.join(", ")}` : ""}`),
    wait.finding === null ? null : element("p", {}, link(`finding #${wait.finding}`, "f", wait.finding)),
    element("p", {}, `holding: ${wait.held.length ? heldOf(wait.held) : "nothing"}`),
    stack("is at:", wait.stack),
    ...(wait.holders || []).map((holder) => element("div", {}, element("h3", {}, taskOf(holder)), element("p", {}, `holding: ${holder.held.length ? heldOf(holder.held) : "nothing that is known"}`), stack("is at:", holder.stack))),
  ].filter(Boolean);
}

const resultOf = (window) => (window.end_ns === null ? "not ended" : `${window.result ? `failed with ${window.result}` : "done"} after ${secondsOf(window.end_ns - window.start_ns)}`);

function windowDetails(window, index) {
  const shown = report.dependencies.filter((of) => of.windows.includes(index));
  const row = (of) => element("li", {}, link(`${nameOf(of.from)} (${of.from_mode}) -> ${nameOf(of.to)} (${of.to_mode})`, "d", of.id));
  return [
    element("h2", {}, `reload window ${windowName(window, index)}`),
    element("p", {}, `${taskOf(window)} from ${secondsOf(window.start_ns)}: ${resultOf(window)}`),
    element("h3", {}, `dependencies seen in it: ${shown.length}`), element("ul", {}, ...shown.slice(0, MOST_ROWS).map(row)),
  ];
}

function table(heads, rows) {
  let shown = rows;
  const body = element("tbody");
  const fill = () => body.replaceChildren(...shown.slice(0, MOST_ROWS).map((cells) => element("tr", {}, ...cells.map((cell) => element("td", typeof cell === "number" ? { class: "number" } : {}, cell instanceof Node ? cell : String(cell ?? ""))))));
  const sort = (column) => {
    const text = (cell) => (cell instanceof Node ? cell.textContent : cell);
    const order = (a, b) => (typeof a === "number" ? b - a : String(a ?? "").localeCompare(String(b ?? "")));
    shown = [...rows].sort((a, b) => order(text(a[column]), text(b[column])));
    fill();
  };
  fill();
  const head = heads.map((name, column) => element("th", {}, element("button", { type: "button", title: "Sort", click: () => sort(column) }, name)));
  const more = rows.length > MOST_ROWS ? element("p", { class: "faint" }, `${rows.length - MOST_ROWS} more: search for them`) : "";
  return element("div", {}, element("table", {}, element("thead", {}, element("tr", {}, ...head)), body), more);
}

const matches = (words, ...texts) => words === "" || texts.some((text) => text && text.toLowerCase().includes(words));
const framesOf = (finding) => finding.scenario.flatMap((side) => {
  const of = dependencies.get(side.dependency);
  const evidence = of && of.evidence.find((evidence) => evidence.number === side.evidence);
  return [side.task, side.origin, ...side.steps.map((step) => step.lock), ...(evidence ? [...evidence.from_stack, ...evidence.to_stack] : [])];
});

const TABS = {
  Findings: (words) => {
    const found = report.findings.filter((finding) => matches(words, finding.title, finding.reason, finding.kind, finding.verdict, finding.fingerprint, ...finding.locks, ...framesOf(finding)));
    const card = (finding) => element("button", { class: "finding", type: "button", "data-id": finding.id, click: () => choose("f", finding.id) },
      badge(finding), element("span", { class: "faint" }, ` #${finding.id} ${finding.level} level`), element("div", {}, finding.title), element("div", { class: "faint" }, finding.reason));
    return found.length ? found.map(card) : [element("p", {}, report.findings.length ? "No finding matches." : "No findings.")];
  },
  Locks: (words) => {
    const count = (key) => {
      const counts = new Map();
      for (const of of report.dependencies) counts.set(of[key], (counts.get(of[key]) || 0) + 1);
      return counts;
    };
    const [held, wanted] = [count("from"), count("to")];
    const rows = report.locks.filter((lock) => matches(words, lock.name, lock.class, lock.label, lock.kind));
    // Times only where there are some: old kernels do not tell.
    const spent = ["waited", "held_for"].filter((key) => report.locks.some((lock) => lock[key]));
    const heads = { waited: ["waits", "wait ms", "longest wait ms"], held_for: ["holds", "hold ms", "longest hold ms"] };
    const times = (of) => [of ? of.count : 0, of ? millisOf(of.total_ns) : 0, of ? millisOf(of.max_ns) : 0];
    return [table(["name", "class", "kind", "belongs to", "held first", "requested", ...spent.flatMap((key) => heads[key])],
      rows.map((lock) => [link(lock.name, "l", lock.id), lock.class, lock.kind, lock.label, held.get(lock.id) || 0, wanted.get(lock.id) || 0, ...spent.flatMap((key) => times(lock[key]))]))];
  },
  Waits: (words) => {
    const rows = report.waits.map((wait, index) => [wait, index]).filter(([wait]) => matches(words, wait.task, nameOf(wait.lock), ...wait.on));
    const cells = ([wait, index]) => [link(nameOf(wait.lock), "t", index), wait.mode, taskOf(wait), wait.on.join(", "), wait.until_ns === undefined ? "goes on" : "is over", millisOf(tookOf(wait))];
    return [rows.length ? table(["waited for", "mode", "by", "held by", "it", "ms"], rows.map(cells)) : element("p", {}, "No task waited for long.")];
  },
  "Reload windows": (words) => {
    const rows = report.windows.map((window, index) => [window, index]).filter(([window]) => matches(words, window.handle, window.task, window.action));
    const cells = ([window, index]) => [link(windowName(window, index), "w", index), secondsOf(window.start_ns), taskOf(window), resultOf(window)];
    return [rows.length ? table(["window", "begin", "task", "end"], rows.map(cells)) : element("p", {}, "No devlink reload was seen.")];
  },
  Capture: () => {
    const { capture, kernel, tool } = report;
    const counts = (of) => Object.entries(of).map(([name, count]) => `${name.replaceAll("_", " ")} ${count}`).join(", ") || "nothing";
    const rows = [
      ["tool", `${tool.name} ${tool.version}`], ["kernel", [kernel.release, kernel.version, kernel.machine].filter(Boolean).join(" ") || "not known"],
      ["backend", capture.backend], ["command", capture.command ? `${capture.command.join(" ")} (${capture.command_status === null ? "not ended" : `exit ${capture.command_status}`})` : "none"],
      ["traced", capture.selection || "everything"], ["started", capture.started || "not known"], ["duration", capture.duration_ns === null ? "not known" : secondsOf(capture.duration_ns)],
      ["complete", capture.complete ? "yes" : "no: findings may be missing"], ["lost", counts(capture.lost)], ["counted", counts(capture.counters)],
      ["hooked", capture.probes.attached.join(", ") || "nothing"], ["not hooked", capture.probes.missing.join(", ") || "nothing"],
    ];
    return [table(["what", "is"], rows)];
  },
};

let tab = "Findings";
const graph = new Graph(byId("graph"), (kind, id) => choose(kind, id));

function showList() {
  const words = byId("search").value.trim().toLowerCase();
  byId("tabs").replaceChildren(...Object.keys(TABS).map((name) => element("button", { type: "button", role: "tab", "aria-selected": name === tab, click: () => { tab = name; showList(); } }, name)));
  byId("list").replaceChildren(...TABS[tab](words));
  graph.mark(words);
}

function showGraph(filter) {
  const [key, , keep] = FILTERS.find(([name]) => name === filter) || FILTERS[0];
  byId("filter").value = key;
  const shown = report.dependencies.filter(keep);
  const ids = new Set(shown.flatMap((of) => [of.from, of.to]));
  const nodes = [...ids].sort((a, b) => a - b).map((id) => ({ id, name: nameOf(id), about: `${nameOf(id)}: class ${locks.get(id) ? locks.get(id).class : "?"}` }));
  const edges = shown.map((of) => {
    const found = findingsOf.get(of.id) || [];
    const about = `${nameOf(of.from)} (${of.from_mode}) -> ${nameOf(of.to)} (${of.to_mode}), seen ${countOf(of.count, "time")}`;
    return { id: of.id, from: of.from, to: of.to, severity: found.length ? found[0].severity : null, mark: found.map((finding) => `#${finding.id}`).join(" "), about };
  });
  graph.show(nodes, edges);
  graph.mark(byId("search").value.trim().toLowerCase());
  byId("count").textContent = `${countOf(nodes.length, "lock")}, ${edges.length} ${edges.length === 1 ? "dependency" : "dependencies"}`;
}

// What is chosen stands in the address, so that it can be linked to: #f2, #d175, #l3, #w0.
function choose(kind, id, keep) {
  const details = { f: () => report.findings.find((of) => of.id === id), d: () => dependencies.get(id), l: () => locks.get(id), w: () => report.windows[id], t: () => report.waits[id] }[kind];
  const chosen = details && details();
  if (!chosen) return;
  if (kind === "f") byId("details").replaceChildren(...findingDetails(chosen).filter(Boolean));
  if (kind === "d") byId("details").replaceChildren(...dependencyDetails(chosen));
  if (kind === "l") byId("details").replaceChildren(...lockDetails(chosen));
  if (kind === "t") byId("details").replaceChildren(...waitDetails(chosen));
  if (kind === "f" && chosen.dependencies.length && !keep) showGraph(`f${id}`);
  if (kind === "w") {
    byId("details").replaceChildren(...windowDetails(chosen, id));
    showGraph(`w${id}`);
  }
  graph.chosen(kind === "d" ? id : null);
  for (const card of document.querySelectorAll(".finding")) card.setAttribute("aria-current", kind === "f" && card.dataset.id === String(id));
  if (!keep) history.replaceState(null, "", `#${kind}${id}`);
}

function begin() {
  const counts = ["critical", "error", "warning", "note"].map((severity) => [severity, report.findings.filter((finding) => finding.severity === severity).length]).filter(([, count]) => count);
  const findings = counts.map(([severity, count]) => (severity === "critical" ? `${count} critical` : countOf(count, severity))).join(", ") || "no findings";
  byId("about").textContent = `${report.kernel.release || report.capture.backend}: ${findings}${report.capture.complete ? "" : "; the capture is incomplete"}`;
  byId("filter").append(...FILTERS.map(([key, name]) => element("option", { value: key }, name)));
  byId("filter").addEventListener("change", (event) => showGraph(event.target.value));
  byId("search").addEventListener("input", showList);
  byId("closer").addEventListener("click", () => graph.zoom(1 / 1.3));
  byId("farther").addEventListener("click", () => graph.zoom(1.3));
  byId("fit").addEventListener("click", () => graph.fit());
  showList();
  showGraph(findingsOf.size ? "findings" : "all");
  const [, kind, id] = /^#([fdlwt])(\d+)$/.exec(location.hash) || [];
  if (kind) choose(kind, Number(id));
  else if (report.findings.length) choose("f", report.findings[0].id, true);
}

begin();
