// Curves with values at a month, tables that sort and are saved as csv, a search over the page.
"use strict";
const SVG = "http://www.w3.org/2000/svg";
// A count that a release does not show.
function tally(count) {
  return count ?? "[suppressed]";
}

function make(kind, attributes, parent, text) {
  const node = kind.startsWith("svg:") ? document.createElementNS(SVG, kind.slice(4)) : document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}
// As format_percent: a half is rounded up, and a share is never 0 or 100 by rounding.
function percent(share) {
  if (share === null) return "";
  const rounded = Math.round(+(share * 100).toFixed(9));
  return share > 0 && !rounded ? "<1%" : share < 1 && rounded === 100 ? ">99%" : rounded + "%";
}

function drawCurves(figure) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const last = Math.max(...data.groups.flatMap(([, steps]) => steps.map((s) => s[0])));
  const tick = [6, 12, 24, 36, 60].find((t) => last / t <= 8) || 120;
  const end = Math.ceil(last / tick) * tick;
  const left = 82, wide = 604; // room for "100%" in the large letters of narrow pages
  const x = (month) => left + (month / end) * wide, y = (share) => 16 + (1 - share) * 270;
  const box = figure.querySelector(".drawing");
  const buttons = make("div", { class: "toggles", role: "group", "aria-label": "Show or hide groups" }, box);
  const svg = make("svg:svg", { viewBox: "0 0 700 352", role: "img", "aria-label": [data.title, ...data.note, "values in the table below"].join("; ") }, box);
  for (let share = 0; share <= 1; share += 0.25) {
    make("svg:line", { class: "grid", x1: left, x2: left + wide, y1: y(share), y2: y(share) }, svg);
    make("svg:text", { x: left - 6, y: y(share), dy: ".35em", "text-anchor": "end" }, svg, percent(share));
  }
  for (let month = 0; month <= end; month += tick) {
    make("svg:line", { class: "axis", x1: x(month), x2: x(month), y1: 286, y2: 291 }, svg);
    make("svg:text", month < end ? { x: x(month), y: 292, dy: ".9em", "text-anchor": "middle" } : { x: 697, y: 292, dy: ".9em", "text-anchor": "end" }, svg, month);
  }
  make("svg:text", { x: left + wide / 2, y: 292, dy: "2em", "text-anchor": "middle" }, svg, "Months");
  // The comparison stands in the corner without curves.
  const high = data.groups.some(([, steps]) => steps.some((s) => s[0] > end * 0.4 && s[1] > 0.78));
  data.note.forEach((line, place) => {
    const [edge, base] = high ? [left + 8, 278] : [left + wide - 2, 30], down = high ? place + 1 - data.note.length : place;
    make("svg:text", { x: edge, y: base, dy: 1.15 * down + "em", "text-anchor": high ? "start" : "end" }, svg, line);
  });
  const cursor = make("svg:line", { class: "cursor", y1: 16, y2: 286 }, svg);
  const shown = data.groups.map(() => true);
  const paths = data.groups.map(([name, steps], place) => {
    let line = "M" + x(0) + " " + y(1);
    for (const step of steps) line += "H" + x(step[0]).toFixed(1) + "V" + y(step[1]).toFixed(1);
    const path = make("svg:path", { class: "curve c" + (place % 9), d: line }, svg);
    const button = make("button", { type: "button", class: "c" + (place % 9), "aria-pressed": "true" }, buttons);
    const key = make("svg:svg", { viewBox: "0 0 26 8", "aria-hidden": "true" }, button);
    make("svg:path", { class: "curve c" + (place % 9), d: "M0 4H26" }, key);
    button.append(name);
    button.onclick = () => {
      shown[place] = !shown[place];
      button.setAttribute("aria-pressed", shown[place]);
      path.style.display = shown[place] ? "" : "none";
      show(+slider.value);
    };
    return path;
  });
  if (paths.length < 2) buttons.hidden = true;
  const label = make("label", { class: "month" }, box, "Values at month ");
  const slider = make("input", { type: "range", min: 0, max: end, step: 1, value: Math.min(24, end) }, label);
  const table = make("table", {}, box);
  const caption = make("caption", {}, table);
  const head = make("tr", {}, make("thead", {}, table));
  for (const title of ["Group", "Survival (" + data.interval + ")", "At risk (events so far)"]) make("th", { scope: "col", class: title[0] === "A" ? "n" : "" }, head, title);
  const body = make("tbody", { "aria-live": "polite" }, table);
  function show(month) {
    caption.textContent = data.title + " at " + month + " months";
    cursor.setAttribute("x1", x(month)); cursor.setAttribute("x2", x(month));
    body.textContent = "";
    data.groups.forEach(([name, steps], place) => {
      if (!shown[place]) return;
      const before = steps.filter((s) => s[0] <= month).pop() || [0, 1, 1, 1, 0, 0];
      const next = steps.find((s) => s[0] >= month);
      const row = make("tr", {}, body);
      make("th", { scope: "row" }, row, name);
      const limits = before[2] === null ? "" : " (" + percent(before[2]).replace("%", "") + "\u2013" + percent(before[3]) + ")";
      make("td", {}, row, next ? percent(before[1]) + limits : "beyond the last patient");
      make("td", { class: "n" }, row, tally(next ? next[4] : 0) + " (" + tally(before[5]) + ")");
    });
  }
  slider.oninput = () => show(+slider.value);
  svg.onpointermove = (event) => {
    const size = svg.getBoundingClientRect();
    const at = (((event.clientX - size.left) / size.width) * 700 - left) / wide;
    slider.value = Math.round(Math.max(0, Math.min(1, at)) * end);
    show(+slider.value);
  };
  show(+slider.value);
}

function sortBy(table, place, button) {
  const body = table.tBodies[0], rows = [...body.rows];
  const rising = button.parentNode.getAttribute("aria-sort") !== "ascending";
  const value = (row) => row.cells[place].textContent.trim();
  const number = (text) => parseFloat(text.replace(/[\s<>%]|(?<=\d) (?=\d{3})/g, ""));
  rows.sort((a, b) => {
    const [p, q] = [value(a), value(b)], [m, n] = [number(p), number(q)];
    if (!p || !q) return (p ? 0 : 1) - (q ? 0 : 1);
    const order = isNaN(m) || isNaN(n) ? p.localeCompare(q) : m - n;
    return rising ? order : -order;
  });
  for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
  button.parentNode.setAttribute("aria-sort", rising ? "ascending" : "descending");
  for (const cell of body.querySelectorAll("td.same")) cell.classList.remove("same");
  body.append(...rows);
}

function saveTable(table, name) {
  const quote = (cell) => '"' + cell.textContent.trim().replaceAll('"', '""').replace(/^[=+@-](?!\d)/, "'$&") + '"';
  const lines = [...table.rows].map((row) => [...row.cells].map((cell) => quote(cell) + ",".repeat(cell.colSpan - 1)).join(","));
  const link = make("a", { download: name, href: URL.createObjectURL(new Blob(["\ufeff" + lines.join("\r\n")], { type: "text/csv" })) }, document.body);
  link.click();
  link.remove();
}

for (const figure of document.querySelectorAll("figure.curves")) drawCurves(figure);
for (const table of document.querySelectorAll("details.table table")) {
  if (!table.classList.contains("grouped")) [...table.tHead.rows[0].cells].forEach((cell, place) => {
    const title = cell.textContent;
    cell.textContent = "";
    const button = make("button", { type: "button", class: "sort" }, cell, title);
    button.onclick = () => sortBy(table, place, button);
  });
  const source = table.closest("details").querySelector(".source");
  const save = make("button", { type: "button", class: "save" }, source, "Save as shown (csv)");
  save.onclick = () => saveTable(table, table.closest("details").dataset.name + ".csv");
}
const search = document.querySelector("#search");
if (search) {
  search.hidden = false;
  const field = search.querySelector("input"), found = search.querySelector("output");
  field.oninput = () => {
    const words = field.value.trim().toLowerCase();
    let count = 0;
    for (const part of document.querySelectorAll("main section > p, main section > figure, main section > details.table tbody tr")) {
      const hit = !words || part.textContent.toLowerCase().includes(words);
      part.classList.toggle("missed", !hit);
      if (words && hit) {
        count += 1;
        const table = part.closest("details");
        if (table) table.open = true;
      }
    }
    found.textContent = words ? count + " found" : "";
  };
}
