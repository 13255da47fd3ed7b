"use strict";
// Columns of residues come packed: numbers as they are, few different words once each with a list of places.
const cache = new Map();
function residues(id) {
  if (!cache.has(id)) {
    const packed = JSON.parse(document.getElementById(id).textContent), rows = {};
    for (const [key, column] of Object.entries(packed))
      rows[key] = Array.isArray(column) ? column : column.at.map(i => column.words[i]);
    cache.set(id, rows);
  }
  return cache.get(id);
}
const readable = v => v === null || v === "" ? MISSING : typeof v === "number" ? String(+v.toFixed(3)) : String(v);
function describe(rows, i) {
  const label = k => k === "id" || k === "residue" ? "" : k.replace(/_/g, " ") + " ";
  return Object.keys(rows).map(k => label(k) + readable(rows[k][i])).join(" \u00b7 ");
}
for (const figure of document.querySelectorAll("figure.interactive")) {
  const svg = figure.querySelector("svg.track"), out = figure.querySelector("output");
  const cursor = svg.querySelector(".cursor");
  const left = +svg.dataset.left, right = +svg.dataset.right, width = +svg.dataset.width, n = +svg.dataset.n;
  const of = figure.dataset.residues.replace(/-(data|score)$/, "");
  let at = 0;
  const go = (i, tell = true) => {
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
    // The 3D view marks the residue too, and what is chosen there is shown here.
    if (tell) document.dispatchEvent(new CustomEvent("residue", {detail: {of, at, from: figure}}));
  };
  document.addEventListener("residue", event => {
    const {detail} = event;
    if (detail.of === of && detail.from !== figure) go(detail.at, false);
  });
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
      for (const k of keys) tr.insertCell().textContent = readable(rows[k][i]);
    }
  });
}
// Choosing a structure goes to it.
for (const chooser of document.querySelectorAll("select[data-goes]"))
  chooser.addEventListener("change", () => { if (chooser.value) location.hash = chooser.value; });
