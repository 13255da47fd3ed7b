"""The style sheet and the script of a report, put into the page as they are."""

from __future__ import annotations

from protein_enn.report.colours import DARK, LIGHT, PICTURE, PLOT, variables

STYLE = (
    f"""
:root {{ color-scheme: light dark; {variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}
"""
    + """
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", "DejaVu Sans",
  sans-serif; }
header, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 36px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin: 44px 0 10px; padding-top: 14px; border-top: 1px solid var(--rule); }
h3 { font-size: 16px; margin: 26px 0 8px; overflow-wrap: anywhere; }
p { margin: 8px 0; max-width: 76ch; }
a { color: var(--accent); }
nav a { margin-right: 18px; }
footer { color: var(--soft); padding-top: 36px; padding-bottom: 36px; font-size: 13px; }
.note, caption, figcaption { color: var(--soft); font-size: 13.5px; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 20px 0 8px; padding: 0; list-style: none; }
.tiles li { background: var(--wash); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 16px;
  min-width: 116px; }
.tiles b { display: block; font-size: 22px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; margin: 12px 0; max-height: 560px; overflow-y: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 2px 0 6px; }
th, td { padding: 5px 10px; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top;
  overflow-wrap: break-word; max-width: 64ch; }
thead th { position: sticky; top: 0; background: var(--paper); color: var(--soft); vertical-align: bottom;
  font-weight: 600; font-size: 13px; line-height: 1.3; box-shadow: inset 0 -1px var(--rule); }
tbody th { font-weight: 500; }
tbody tr:hover { background: var(--wash); }
td.number, th.number { text-align: right; } td.number { white-space: nowrap; }
th button { font: inherit; color: inherit; text-align: inherit; max-width: 15ch;
  background: none; border: 0; padding: 0; cursor: pointer; }
th button { text-decoration: underline dotted; text-underline-offset: 3px; }
th button:hover { color: var(--accent); }
th[aria-sort=ascending] button::after { content: " ↑"; }
th[aria-sort=descending] button::after { content: " ↓"; }
.better { color: var(--good); font-weight: 600; white-space: nowrap; }
.worse { color: var(--bad); font-weight: 600; white-space: nowrap; }
.same { color: var(--soft); white-space: nowrap; }
.residues { overflow-wrap: anywhere; }
td .residues { display: block; max-width: 62ch; max-height: 8em; overflow-y: auto; }
.run { white-space: nowrap; }
.tag { border-left: 10px solid var(--soft); padding-left: 7px; }
.tag.moved { border-color: var(--moved); } .tag.kept { border-color: var(--kept); }
.tag.reverted, .tag.warning { border-color: var(--reverted); } .tag.error { border-color: var(--bad); opacity: 1; }
details { border: 1px solid var(--rule); border-radius: 8px; margin: 12px 0; padding: 0 18px; }
details[open] { padding-bottom: 14px; }
summary { cursor: pointer; padding: 10px 0; overflow-wrap: anywhere; }
summary b { margin-right: 10px; } summary span { color: var(--soft); }
details details { padding: 0 14px; }
figure { margin: 14px 0; overflow-x: auto; }
figure.interactive:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
.columns { display: flex; flex-wrap: wrap; gap: 10px 32px; align-items: flex-start; }
.columns figure { flex: 1 1 320px; max-width: 390px; }
svg { display: block; width: 100%; height: auto; }
svg.track { min-width: 680px; touch-action: pan-x pan-y; }
.cursor.on { visibility: visible; }
.rama { stroke: var(--accent); }
.rama.dot { stroke-width: 4.6; stroke-linecap: round; stroke-opacity: .62; fill: none; }
.rama.glycine { fill: none; stroke-width: 1.1; }
.score { fill: var(--accent); } .error { stroke: var(--accent); stroke-width: 1.6; opacity: .6; }
.filter { max-width: none; } .filter output { display: inline; color: var(--soft); }
table.sortable[id] { width: max-content; } td .note { max-width: 34ch; }
.sequence { display: block; max-width: 26ch; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
input { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--rule); border-radius: 6px;
  padding: 3px 8px; max-width: 100%; }
output { display: block; min-height: 1.6em; font-size: 13.5px; font-variant-numeric: tabular-nums; }
.views { display: flex; flex-wrap: wrap; gap: 6px 28px; margin: 14px 0 4px; }
.views figure { flex: 1 1 320px; max-width: 522px; margin: 0; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 4px 0 10px; padding: 0; list-style: none;
  color: var(--soft); font-size: 13.5px; }
.legend svg { display: inline-block; width: 26px; height: 14px; vertical-align: -2px; margin-right: 5px; }
.here.on { visibility: visible; }
@media print { .scroll { max-height: none; } details { border: 0; } }
"""
    + PLOT
    + PICTURE
)

SCRIPT = """
"use strict";
function sortTable(button) {
  const heading = button.closest("th"), table = button.closest("table"), body = table.tBodies[0];
  const column = Array.from(heading.parentNode.children).indexOf(heading);
  const down = heading.getAttribute("aria-sort") === "ascending";
  const key = row => {
    const c = row.cells[column];
    return c.dataset.value === undefined ? c.textContent : +c.dataset.value;
  };
  const missing = v => v === "\\u2013";
  const rows = Array.from(body.rows);
  rows.sort((p, q) => {
    const a = key(p), b = key(q);
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    const bothNumbers = typeof a === "number" && typeof b === "number";
    const order = bothNumbers ? a - b : String(a).localeCompare(String(b), undefined, {numeric: true});
    return down ? -order : order;
  });
  for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...rows);
}
for (const button of document.querySelectorAll("table.sortable th button"))
  button.addEventListener("click", () => sortTable(button));

function condition(word, keys) {
  const parts = /^(\\w+)([<>=])(.+)$/.exec(word), column = parts ? keys.indexOf(parts[1]) : -1;
  if (column < 0) return row => Array.from(row.cells).some(c => c.textContent.toLowerCase().includes(word));
  const wanted = +parts[3];
  return row => {
    const c = row.cells[column], value = +c.dataset.value;
    if (parts[2] === "=") return value === wanted || c.textContent.toLowerCase() === parts[3];
    return parts[2] === "<" ? value < wanted : value > wanted;
  };
}
for (const field of document.querySelectorAll("input[data-table]")) {
  const table = document.getElementById(field.dataset.table), rows = Array.from(table.tBodies[0].rows);
  const keys = Array.from(table.tHead.rows[0].cells, c => c.textContent.toLowerCase().replace(/ /g, "_"));
  const out = field.closest("p").querySelector("output");
  field.addEventListener("input", () => {
    const tests = field.value.toLowerCase().split(/\\s+/).filter(Boolean).map(w => condition(w, keys));
    for (const row of rows) row.hidden = !tests.every(test => test(row));
    out.textContent = tests.length ? rows.filter(row => !row.hidden).length + " of " + rows.length + " rows" : "";
  });
}

const cache = new Map();
function residues(id) {
  if (!cache.has(id)) cache.set(id, JSON.parse(document.getElementById(id).textContent));
  return cache.get(id);
}
const shown = v => v === null || v === "" ? "\\u2013" : typeof v === "number" ? String(+v.toFixed(3)) : String(v);
function describe(rows, i) {
  const label = k => k === "id" || k === "residue" ? "" : k.replace(/_/g, " ") + " ";
  return Object.keys(rows).map(k => label(k) + shown(rows[k][i])).join(" \\u00b7 ");
}
for (const figure of document.querySelectorAll("figure.interactive")) {
  const svg = figure.querySelector("svg.track"), out = figure.querySelector("output");
  const cursor = svg.querySelector(".cursor");
  const left = +svg.dataset.left, right = +svg.dataset.right, width = +svg.dataset.width, n = +svg.dataset.n;
  let at = 0;
  const go = i => {
    at = Math.max(0, Math.min(n - 1, i));
    const x = left + (at + 0.5) * (right - left) / n;
    cursor.setAttribute("x1", x); cursor.setAttribute("x2", x); cursor.classList.add("on");
    out.textContent = describe(residues(figure.dataset.residues), at);
    for (const view of document.querySelectorAll("svg.view")) {
      if (view.dataset.of !== figure.dataset.residues) continue;
      const [u, v] = (view.dataset.at.split(";")[at] || "").split(" "), ring = view.querySelector(".here");
      ring.classList.toggle("on", v !== undefined);
      if (v !== undefined) { ring.setAttribute("cx", u); ring.setAttribute("cy", v); }
    }
  };
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect();
    go(Math.floor(((event.clientX - box.left) / box.width * width - left) / (right - left) * n));
  });
  figure.addEventListener("keydown", event => {
    const step = {ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -n, End: n}[event.key];
    if (step) { event.preventDefault(); go(at + step); }
  });
}
for (const box of document.querySelectorAll("details[data-residues]")) {
  box.addEventListener("toggle", () => {
    const body = box.querySelector("tbody"), head = box.querySelector("thead tr");
    if (!box.open || body.rows.length) return;
    const rows = residues(box.dataset.residues), keys = Object.keys(rows);
    for (const k of keys) {
      const th = document.createElement("th");
      th.textContent = k.replace(/_/g, " ");
      head.append(th);
    }
    for (let i = 0; i < rows.id.length; i++) {
      const tr = body.insertRow();
      for (const k of keys) tr.insertCell().textContent = shown(rows[k][i]);
    }
  });
}
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
}
addEventListener("hashchange", openTarget);
openTarget();
"""
