(() => {
"use strict";
const box = document.getElementById("view");
if (!box) return;
const $ = name => document.getElementById("view-" + name);
const setup = JSON.parse($("setup").textContent), stage = box.querySelector(".stage"), out = $("read");
const structures = Array.from(box.querySelectorAll("script.view-data"), () => null);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let view = null, failed = false, shown = null, models = {}, when = "after", chosen = -1;

function say(text) {
  const state = stage.querySelector(".state") || stage.appendChild(document.createElement("p"));
  state.className = "state"; state.textContent = text; state.hidden = !text;
}
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
function places(text) {
  const raw = new DataView(bytes(text).buffer), values = new Int16Array(raw.byteLength / 2);
  for (let i = 0; i < values.length; i++) values[i] = raw.getInt16(2 * i, true);
  return values;
}
// Values of a structure, its atoms unpacked when it is first chosen.
function structure(k) {
  if (structures[k]) return structures[k];
  const s = JSON.parse($(String(k)).textContent), a = s.atoms;
  s.counts = bytes(a.counts); s.slots = bytes(a.slots);
  s.before = places(a.before); s.after = places(a.after);
  s.number = numbering(s); s.rowOf = new Map(s.number.map((number, row) => [number, row]));
  return structures[k] = s;
}
// Residues are numbered anew, for author numbers repeat; where the chain has a gap a number is left out, so that
// nothing is drawn across it.
function numbering(s) {
  const numbers = [];
  let next = 1, atom = 0, last = null;
  s.ids.forEach((id, row) => {
    let ca = null;
    for (const end = atom + s.counts[row]; atom < end; atom++)
      if (setup.atoms[s.slots[atom]] === "CA" && s.after[3 * atom] !== -32768)
        ca = Array.from(s.after.subarray(3 * atom, 3 * atom + 3), v => v * s.atoms.unit);
    if (row && (!ca || !last || Math.hypot(...ca.map((v, i) => v - last[i])) > 5.5)) next++;
    numbers.push(next++); last = ca;
  });
  return numbers;
}
const chainOf = id => id.slice(0, id.lastIndexOf(":") + 1);
// The atoms as the text of an mmCIF file; its words are made here, none of them comes from a file.
function mmcif(s, which) {
  const xyz = s[which], {unit, origin} = s.atoms, chains = new Map(), lines = [];
  const names = ["group_PDB", "id", "type_symbol", "auth_atom_id", "auth_comp_id", "auth_asym_id", "auth_seq_id",
    "Cartn_x", "Cartn_y", "Cartn_z"];
  let atom = 0;
  s.ids.forEach((id, row) => {
    const chain = chainOf(id), comp = /^[A-Z]{3}$/.test(s.residues[row]) ? s.residues[row] : "UNK";
    if (!chains.has(chain)) chains.set(chain, "c" + chains.size);
    for (const end = atom + s.counts[row]; atom < end; atom++) {
      if (xyz[3 * atom] === -32768) continue;
      const name = setup.atoms[s.slots[atom]], at = [0, 1, 2].map(i => (origin[i] + unit * xyz[3 * atom + i]).toFixed(3));
      lines.push(["ATOM", lines.length + 1, name[0], name, comp, chains.get(chain), s.number[row], ...at].join(" "));
    }
  });
  return lines.length && "data_view\nloop_\n" + names.map(n => "_atom_site." + n + "\n").join("") + lines.join("\n") + "\n#\n";
}
const color = name => getComputedStyle(box).getPropertyValue("--" + name).trim();
// One color for each residue, by the chosen column.
function colors(s) {
  const c = setup.colorings[+$("color").value], values = s.columns[c.column] || [], none = color("none");
  const palette = c.colors.map(color);
  return s.ids.map((_, row) => {
    const v = values[row];
    if (c.names.length) return palette[c.names.indexOf(v)] || none;
    return typeof v === "number" ? palette[c.limits.filter(limit => v > limit).length] : none;
  });
}
const ATOM_COLORS = {N: "#3b62d6", O: "#d6382b", S: "#c9a200"};
function paint() {
  if (!view || !shown) return;
  const palette = colors(shown), of = atom => palette[shown.rowOf.get(atom.resi)];
  const byAtom = atom => ATOM_COLORS[atom.elem] || of(atom), sides = $("sides").checked && shown.whole;
  for (const which of ["before", "after"]) {
    const model = models[which];
    if (!model) continue;
    // Where both are shown, the input is the thin one.
    const thin = when === "both" && which === "before";
    const style = {cartoon: {colorfunc: of, opacity: thin ? 0.55 : 1}};
    if (!shown.whole || thin) style.cartoon.style = "trace", style.cartoon.thickness = thin ? 0.15 : 0.4;
    if (sides && !thin) style.stick = {radius: 0.13, colorfunc: byAtom};
    model.setStyle({}, style);
    if (when === "both" || when === which) model.show(); else model.hide();
  }
  view.setBackgroundColor(color("wash"), 1);
  mark();
  view.render();
  label();
}
// A sphere about the residue that was chosen.
function mark() {
  view.removeAllShapes();
  const atom = chosen < 0 ? null : view.selectedAtoms({model: model(), resi: shown.number[chosen], atom: "CA"})[0];
  if (atom) view.addSphere({center: {x: atom.x, y: atom.y, z: atom.z}, radius: 1.9, color: color("ink"), alpha: 0.45});
}
const model = () => models[when === "before" ? "before" : "after"] || models.before;
function label() {
  const c = setup.colorings[+$("color").value];
  stage.setAttribute("aria-label", "3D view of " + shown.name + (when === "both" ? " before and after" : " " + when) +
    " refinement, " + shown.ids.length + " residues, colored by " + c.label);
  box.querySelectorAll(".key").forEach(key => key.hidden = key.dataset.coloring !== $("color").value);
}
function describe(row) {
  const s = shown, number = (key, text, unit = "") => {
    const v = (s.columns[key] || [])[row];
    return typeof v === "number" ? text + " " + v + unit : null;
  };
  const pair = (key, text, unit = "") => {
    const b = number(key + "_before", ""), a = number(key + "_after", "");
    return a || b ? text + (b || " –") + " →" + (a || " –") + unit : null;
  };
  const parts = [s.ids[row] + " " + s.residues[row], pair("confidence", "predicted lDDT"), pair("error",
    "predicted error", " Å"), number("displacement", "displacement", " Å"), number("log_likelihood", "log-likelihood",
    " nats"), s.columns.status[row], s.columns.reason[row]];
  return parts.filter((v, i) => v && parts.indexOf(v) === i).join(" · ");
}
function choose(row, {center = false, tell = true} = {}) {
  if (!view || row < 0 || row >= shown.ids.length) return;
  chosen = row;
  $("residue").value = shown.ids[row];
  out.textContent = describe(row);
  mark();
  if (center) view.center({model: model(), resi: shown.number[row]});
  view.render();
  if (tell) document.dispatchEvent(new CustomEvent("residue", {detail: {of: shown.place, at: row, from: box}}));
}
// All of it. Nothing here is animated: 3Dmol draws every frame of a motion, however long a frame takes.
function whole() {
  view.zoomTo();
  // 3Dmol fits the height, with a wide rim.
  view.zoom(Math.min(1.2, stage.clientWidth / stage.clientHeight)); view.render();
}
function load(k) {
  shown = structure(k); chosen = -1; models = {};
  $("residue").value = ""; out.textContent = "";
  view.removeAllModels(); view.removeAllShapes();
  for (const which of ["before", "after"]) {
    const text = mmcif(shown, which);
    if (text) models[which] = view.addModel(text, "cif");
  }
  const pick = atom => choose(shown.rowOf.get(atom.resi));
  const few = shown.slots.length < 20000 ? {} : {atom: "CA"};
  view.setClickable(few, true, pick);
  view.setHoverable(few, true, atom => out.textContent = describe(shown.rowOf.get(atom.resi)),
    () => out.textContent = chosen < 0 ? "" : describe(chosen));
  $("sides").disabled = !shown.whole;
  paint();
  whole();
  flat();
}
// The picture for paper follows the choice where the page has it: the one in the structure's own section.
function flat() {
  const paper = box.querySelector(".flat"), drawn = document.querySelectorAll(`svg.view[data-of="${shown.place}-data"]`);
  if (!paper || drawn.length !== 2) return;
  paper.querySelector(".flat-name b").textContent = shown.name;
  paper.querySelectorAll("figure svg").forEach((old, i) => {
    const copy = drawn[i].cloneNode(true);
    copy.removeAttribute("data-of");
    for (const node of copy.querySelectorAll("*")) {
      if (node.id) node.id = "view-" + node.id;
      for (const end of ["start", "mid", "end"]) {
        const mark = node.getAttribute("marker-" + end);
        if (mark) node.setAttribute("marker-" + end, mark.replace("url(#", "url(#view-"));
      }
    }
    old.replaceWith(copy);
  });
}
function drawable() {
  try { return Boolean(new OffscreenCanvas(1, 1).getContext("webgl2")); } catch { return false; }
}
function start() {
  if (view || failed) return;
  if (drawable()) {
    try {
      load3Dmol.call(window);
      view = window.$3Dmol.createViewer(stage, {backgroundColor: color("wash"), antialias: true, hoverDuration: 80});
      load(+$("structure").value);
      say(""); stage.dataset.drawn = "yes";
      return;
    } catch (error) { view = null; out.textContent = String(error).slice(0, 200); }
  }
  failed = true;
  box.classList.remove("live");
  out.textContent = "This browser shows no 3D graphics (WebGL): here is a picture instead. " + out.textContent;
}
function go(k) {
  start();
  if (!view) return;
  say("Reading " + $("structure").options[k].textContent + " …");
  // Two frames, so that the word is shown before the work begins.
  requestAnimationFrame(() => requestAnimationFrame(() => { load(k); say(""); }));
}

box.classList.add("live");
say("The 3D view starts when it is seen.");
$("structure").addEventListener("change", () => go(+$("structure").value));
$("color").addEventListener("change", paint);
$("sides").addEventListener("change", paint);
$("reset").addEventListener("click", () => { start(); if (view) whole(); });
for (const button of box.querySelectorAll("button[data-when]"))
  button.addEventListener("click", () => {
    when = button.dataset.when;
    for (const other of box.querySelectorAll("button[data-when]")) other.setAttribute("aria-pressed", other === button);
    start(); paint();
  });
$("residue").addEventListener("change", () => {
  start();
  const wanted = $("residue").value.trim().toLowerCase(), ids = shown ? shown.ids.map(id => id.toLowerCase()) : [];
  let row = ids.indexOf(wanted);
  if (row < 0) row = ids.findIndex(id => id.slice(id.lastIndexOf(":") + 1) === wanted);
  if (row >= 0) choose(row, {center: true}); else if (wanted) out.textContent = "No residue " + wanted + ".";
});
for (const [name, step] of [["previous", -1], ["next", 1]])
  $(name).addEventListener("click", () => {
    start();
    if (shown) choose(Math.max(0, Math.min(shown.ids.length - 1, chosen + step)), {center: true});
  });

const ROTATIONS = {ArrowLeft: [-8, "y"], ArrowRight: [8, "y"], ArrowUp: [-8, "x"], ArrowDown: [8, "x"]};
const MOVES = {ArrowLeft: [-20, 0], ArrowRight: [20, 0], ArrowUp: [0, -20], ArrowDown: [0, 20]};
stage.addEventListener("keydown", event => {
  if (!view || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return stage.blur();
  if (ROTATIONS[event.key]) {
    if (event.shiftKey) view.translate(...MOVES[event.key]); else view.rotate(...ROTATIONS[event.key]);
  }
  else if (event.key === "+" || event.key === "=") view.zoom(1.15);
  else if (event.key === "-") view.zoom(1 / 1.15);
  else if (event.key === "0") whole();
  else return;
  event.preventDefault(); view.render();
});
// The page scrolls over the view until the view has the focus; 3Dmol would take wheel and touch at once.
stage.addEventListener("pointerdown", event => { if (event.pointerType === "mouse") stage.focus({preventScroll: true}); });
stage.addEventListener("click", () => stage.focus({preventScroll: true}));
for (const type of ["wheel", "touchstart", "touchmove"])
  stage.addEventListener(type, event => {
    if (document.activeElement !== stage) event.stopPropagation();
  }, {capture: true, passive: true});

document.addEventListener("residue", event => {
  const {of, at, from} = event.detail;
  if (from !== box && view && shown && of === shown.place && at !== chosen) choose(at, {tell: false});
});
for (const button of document.querySelectorAll("button.to-view")) {
  const k = structurePlaces().indexOf(button.dataset.view);
  if (k < 0) continue;
  button.classList.add("on");
  button.addEventListener("click", () => {
    $("structure").value = k;
    box.scrollIntoView({behavior: calm.matches ? "auto" : "smooth"});
    stage.focus({preventScroll: true});
    go(k);
  });
}
function structurePlaces() {
  return Array.from($("structure").options, option => option.dataset.place);
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
new IntersectionObserver((entries, observer) => {
  if (entries.some(entry => entry.isIntersecting)) { observer.disconnect(); start(); }
}).observe(stage);
})();
