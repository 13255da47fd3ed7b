"use strict";
document.documentElement.classList.add("scripted");
const MISSING = "\u2013";
const value = cell => cell.dataset.value === undefined ? cell.textContent : +cell.dataset.value;

function sortTable(button) {
  const heading = button.closest("th"), table = button.closest("table"), body = table.tBodies[0];
  const column = Array.from(heading.parentNode.children).indexOf(heading);
  const down = heading.getAttribute("aria-sort") === "ascending";
  const rows = Array.from(body.rows, row => [value(row.cells[column]), row]);
  rows.sort(([a], [b]) => {
    if (a === MISSING || b === MISSING) return (a === MISSING) - (b === MISSING);
    const bothNumbers = typeof a === "number" && typeof b === "number";
    const order = bothNumbers ? a - b : String(a).localeCompare(String(b), undefined, {numeric: true});
    return down ? -order : order;
  });
  for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...rows.map(([, row]) => row));
  table.dispatchEvent(new Event("sorted"));
}
for (const button of document.querySelectorAll("table.sortable th button"))
  button.addEventListener("click", () => sortTable(button));
// A number is shown to a few digits; whoever points at it reads all of them.
addEventListener("pointerover", event => {
  const cell = event.target instanceof Element && event.target.closest("td[data-value]");
  if (cell && !cell.title) cell.title = cell.dataset.value;
});

// "perplexity<8" is a condition if there is such a column, and else a word like any other.
function condition(word, keys) {
  const parts = /^(\w+)([<>=])(.+)$/.exec(word), column = parts ? keys.indexOf(parts[1]) : -1;
  if (column < 0) return row => row.textContent.toLowerCase().includes(word);
  const wanted = +parts[3];
  return row => {
    const c = row.cells[column], found = c.dataset.value === undefined ? NaN : +c.dataset.value;
    if (parts[2] === "=") return found === wanted || c.textContent.toLowerCase() === parts[3];
    return parts[2] === "<" ? found < wanted : found > wanted;
  };
}

function csvField(text) {
  // As in the package's own tables: nothing that a spreadsheet would run.
  const inert = text.length > 1 && "=+-@\t\r\n".includes(text[0]) && isNaN(text) ? "'" + text : text;
  return /[",\n\r]/.test(inert) ? '"' + inert.replace(/"/g, '""') + '"' : inert;
}
function csvText(keys, rows) {
  const full = c => c.dataset.value ?? c.dataset.text ?? (c.textContent === MISSING ? "" : c.textContent);
  const lines = rows.map(row => Array.from(row.cells, full));
  return [keys, ...lines].map(line => line.map(csvField).join(",")).join("\n") + "\n";
}
function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

for (const box of document.querySelectorAll(".filters[data-table]")) {
  const table = document.getElementById(box.dataset.table), body = table.tBodies[0];
  const keys = Array.from(table.tHead.rows[0].cells, c => c.dataset.key);
  const field = role => box.querySelector(`[data-role=${role}]`), out = box.querySelector("output");
  const read = role => field(role) ? field(role).value : "";
  const apply = () => {
    const tests = read("words").toLowerCase().split(/\s+/).filter(Boolean).map(w => condition(w, keys));
    const column = read("column"), low = read("min"), high = read("max");
    if (column !== "" && (low !== "" || high !== ""))
      tests.push(row => {
        const c = row.cells[+column], found = c.dataset.value === undefined ? NaN : +c.dataset.value;
        return (low === "" || found >= +low) && (high === "" || found <= +high);
      });
    if (read("class")) {
      const allowed = read("class").split("|"), at = +field("class").dataset.column;
      tests.push(row => allowed.includes(row.cells[at].textContent));
    }
    const top = read("top") === "" ? Infinity : +read("top");
    let shown = 0;
    for (const row of body.rows) {
      row.hidden = !(shown < top && tests.every(test => test(row)));
      shown += !row.hidden;
    }
    out.textContent = shown < body.rows.length ? `${shown} of ${body.rows.length} rows` : "";
  };
  box.addEventListener("input", apply);
  table.addEventListener("sorted", apply);
  field("clear").addEventListener("click", () => {
    for (const f of box.querySelectorAll("input, select")) f.value = "";
    apply();
  });
  field("download").addEventListener("click", () => {
    const rows = Array.from(body.rows).filter(row => !row.hidden);
    save(field("download").dataset.name, csvText(keys, rows));
  });
}

// A link to something that is folded away unfolds it.
function openTarget() {
  let id = location.hash.slice(1);
  try { id = decodeURIComponent(id); } catch { /* not an address of ours */ }
  const target = document.getElementById(id);
  if (!target) return;
  const folded = target.closest("details");
  if (folded) { folded.open = true; folded.scrollIntoView(); }
}
addEventListener("hashchange", openTarget);
openTarget();
// On paper nothing can be unfolded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = Array.from(document.querySelectorAll("details:not([open])")).filter(d => d.dataset.print !== "no");
  for (const d of folded) d.open = true;
});
addEventListener("afterprint", () => { for (const d of folded) d.open = false; });
