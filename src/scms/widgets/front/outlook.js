// The map of chances: a table with a number in every cell, so that it reads without colour and by a
// screen reader. What is not known is hatched. The kernel hears of a server that was chosen.

const STEPS = [10, 30, 50, 70, 80, 95]; // the shades; from 80 % on a chance is called likely
const REFRESH_MS = 60000;

const shade = (chance) => STEPS.filter((step) => chance >= step).length;

function legend(parent) {
  const box = element("div", "scms-legend scms-shades", parent);
  const part = (level, text) => {
    const item = element("span", "", box);
    element("i", "scms-shade", item).dataset.level = level;
    element("span", "", item, text);
  };
  part("1", "10 %");
  part("3", "50 %");
  part("5", "80 %, likely");
  part("6", "95 %");
  part("x", "not known");
  const held = element("span", "", box);
  element("i", "scms-shade scms-held-mark", held);
  element("span", "", held, "someone holds GPUs");
}

function heads(table, columns) {
  const head = element("thead", "", table);
  const days = element("tr", "scms-days", head);
  const corner = element("th", "scms-name", days, "Server");
  corner.rowSpan = 2;
  corner.scope = "col";
  const best = element("th", "scms-window", days, "Best hours");
  best.rowSpan = 2;
  best.scope = "col";
  const hours = element("tr", "scms-clock", head);
  let day = null;
  let name = null;
  for (const column of columns) {
    if (column.day === name) day.colSpan += 1;
    else {
      name = column.day;
      day = element("th", "scms-day", days);
      day.scope = "colgroup";
      element("span", "", day, name);
    }
    const hour = element("th", "", hours, column.label);
    hour.scope = "col";
    hour.title = column.title;
  }
}

class View {
  constructor(model, el) {
    this.model = model;
    el.classList.add("scms-panel", "scms-map");
    this.el = el;
  }

  draw() {
    const { gpus, columns, rows, note, said, nothing } = this.model.get("map");
    const scrolled = this.el.querySelector(".scms-map-scroll");
    const [left, top] = scrolled ? [scrolled.scrollLeft, scrolled.scrollTop] : [0, 0];
    this.el.replaceChildren();
    this.el.hidden = !columns && !nothing;
    if (nothing) {
      element("div", "scms-title", this.el, "Nothing can be said of the coming hours yet");
      element("p", "scms-hint", this.el, nothing);
    }
    if (!columns) return;
    const plural = gpus === 1 ? "GPU is" : "GPUs are";
    const title = element("div", "scms-title", this.el, `How likely ${gpus} ${plural} free, in %`);
    element("small", "", title, said);
    legend(this.el);
    const scroll = element("div", "scms-map-scroll", this.el);
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Chances by server and hour");
    if (rows.length) this.table(scroll, columns, rows);
    else element("p", "scms-hint", scroll, "No server that is watched has so many GPUs and a history.");
    if (note) element("p", "scms-hint", this.el, note);
    scroll.scrollTo(left, top);
    this.mark();
  }

  table(parent, columns, rows) {
    const table = element("table", "scms-chances", parent);
    heads(table, columns);
    const body = element("tbody", "", table);
    for (const row of rows) this.row(body, columns, row);
    table.addEventListener("pointerover", ({ target }) => {
      const { column, chance } = target.dataset ?? {};
      if (column === undefined || target.title) return;
      const said = chance === undefined ? "not known" : `${chance} %`;
      target.title = `${columns[column].title}: ${said}`;
    });
  }

  row(body, columns, { server, mark, note, window: best, cells, held, why }) {
    const line = element("tr", "", body);
    line.dataset.server = server;
    const name = element("th", "scms-name", line);
    name.scope = "row";
    const choose = nameElement("button", "scms-choose", name, server);
    choose.type = "button";
    choose.addEventListener("click", () => this.model.send({ kind: "choose", server }));
    const small = element("small", "", name);
    element("span", "", small, note);
    if (mark) element("span", "scms-tag", small, mark);
    const hours = element("td", "scms-window", line);
    if (best.chance !== null) element("b", "", hours, `${best.chance} %`).dataset.tone = best.tone;
    element("span", "", hours, best.text);
    if (why) {
      const cell = element("td", "scms-chance-cell scms-why-not", line);
      cell.dataset.level = "x";
      cell.colSpan = columns.length;
      element("span", "", cell, why);
      return;
    }
    cells.forEach((chance, n) => {
      const cell = element("td", "scms-chance-cell", line, chance === null ? "" : String(chance));
      cell.dataset.column = n;
      if (chance === null) element("span", "scms-unseen", cell, "not known");
      else cell.dataset.chance = chance;
      cell.dataset.level = chance === null ? "x" : shade(chance);
      if (held.includes(n)) cell.dataset.held = "true";
    });
  }

  mark() {
    const chosen = this.model.get("chosen");
    for (const row of this.el.querySelectorAll("tbody tr")) {
      const on = row.dataset.server === chosen;
      row.classList.toggle("scms-chosen", on);
      row.querySelector("button").setAttribute("aria-pressed", String(on));
    }
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    const draw = () => view.draw();
    const mark = () => view.mark();
    model.on("change:map", draw);
    model.on("change:chosen", mark);
    const seen = () => !document.hidden && el.offsetParent !== null;
    const timer = setInterval(() => seen() && model.send({ kind: "refresh" }), REFRESH_MS);
    draw();
    return () => {
      clearInterval(timer);
      model.off("change:map", draw);
      model.off("change:chosen", mark);
    };
  },
};
