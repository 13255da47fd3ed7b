"use strict";
// A heat map of mutations: a panel for every so many residues, amino acids down, one value read at a time.
for (const figure of document.querySelectorAll("figure.mutations")) {
  const panels = Array.from(figure.querySelectorAll("svg.heat")), out = figure.querySelector("output");
  const {left, top, cell, row, across} = JSON.parse(figure.dataset.grid);
  let data = null, at = 0, down = 0;
  const load = () => data ??= JSON.parse(document.getElementById(figure.dataset.scan).textContent);
  const signed = v => (v > 0 ? "+" : v < 0 ? "\u2212" : "") + Math.abs(v).toFixed(2);
  const words = () => {
    const wild = data.wild[at], mutant = data.letters[down], score = data.scores[at * data.letters.length + down];
    const [chain, place] = data.ids[at].split(/:(?=[^:]*$)/);
    const name = `${chain}:${wild}${place}${mutant}`;
    if (mutant === wild) return `${name}: wild type`;
    if (score === null) return `${name}: no score`;
    const energy = data.slope === null ? "" : ` \u00b7 \u2212\u0394\u0394G ${signed(score / 100 * data.slope)} kcal/mol`;
    return `${name}: score ${signed(score / 100)} nat${energy}`;
  };
  const go = (i, j) => {
    load();
    at = Math.max(0, Math.min(data.ids.length - 1, i));
    down = Math.max(0, Math.min(data.letters.length - 1, j));
    panels.forEach((panel, k) => {
      const spot = panel.querySelector(".spot"), here = Math.floor(at / across) === k;
      spot.classList.toggle("on", here);
      if (!here) return;
      spot.setAttribute("x", left + (at % across) * cell);
      spot.setAttribute("y", top + down * row);
    });
    out.textContent = words();
  };
  panels.forEach((panel, k) => {
    const tip = panel.querySelector("title");
    panel.addEventListener("pointermove", event => {
      const box = panel.getBoundingClientRect(), unit = panel.viewBox.baseVal.width / box.width;
      const column = Math.floor(((event.clientX - box.left) * unit - left) / cell);
      const line = Math.floor(((event.clientY - box.top) * unit - top) / row);
      load();
      const outside = column < 0 || column >= across || line < 0 || line >= data.letters.length;
      if (outside || k * across + column >= data.ids.length) return;
      go(k * across + column, line);
      tip.textContent = out.textContent;
    });
  });
  figure.addEventListener("keydown", event => {
    const [x, y] = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
      PageUp: [-10, 0], PageDown: [10, 0], Home: [-1e9, 0], End: [1e9, 0],
    }[event.key] || [0, 0];
    if (!x && !y) return;
    event.preventDefault();
    go(at + x, down + y);
    panels[Math.floor(at / across)].scrollIntoView({block: "nearest", behavior: "auto"});
  });
}
