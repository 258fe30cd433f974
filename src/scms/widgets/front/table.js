// A table that sorts where it is looked at. Cells are put in as text.

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null); // unknown comes last
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

// A cell's text: a name is never translated; that of a row which can be looked into is a button.
function written(model, cell, row, n, column) {
  const make = column.name && row.values[n] !== null ? nameElement : element;
  if (n !== 0) return make("span", "", cell, row.texts[n]);
  if (!row.drill) return make("b", "", cell, row.texts[n]);
  const button = make("button", "scms-drill", cell, row.texts[n]);
  button.type = "button";
  button.title = "Narrow the report to this";
  const [word, value] = row.drill;
  button.addEventListener("click", () => model.send({ kind: "drill", word, value }));
  return button;
}

function pageLink(cell, server) {
  const link = element("a", "scms-page-link", cell, "page");
  link.href = `#server/${encodeURIComponent(server)}`;
  link.title = "The page of this server";
}

export default {
  render({ model, el }) {
    el.classList.add("scms-scroll");
    let sorting = null; // [column, ascending]; null is the order of the report
    const draw = () => {
      const columns = model.get("columns");
      const inside = el.closest(".scms-app") !== null; // where servers have pages
      let rows = model.get("rows");
      if (sorting && sorting[0] < columns.length) {
        const [n, ascending] = sorting;
        rows = [...rows].sort((a, b) => {
          const unknown = (a.values[n] === null) - (b.values[n] === null);
          return unknown || (ascending ? 1 : -1) * compare(a.values[n], b.values[n]);
        });
      }
      el.replaceChildren();
      const table = element("table", "scms-table", el);
      const head = element("tr", "", element("thead", "", table));
      columns.forEach((column, n) => {
        const cell = element("th", `scms-${column.kind}`, head);
        const button = element("button", "scms-sort", cell, column.heading);
        if (column.unit) element("small", "", button, column.unit);
        button.type = "button";
        if (sorting?.[0] === n) cell.setAttribute("aria-sort", sorting[1] ? "ascending" : "descending");
        button.addEventListener("click", () => {
          const text = column.kind === "text";
          sorting = sorting?.[0] === n ? [n, !sorting[1]] : [n, text];
          draw();
        });
      });
      const body = element("tbody", "", table);
      for (const row of rows) {
        const line = element("tr", "", body);
        row.texts.forEach((text, n) => {
          const { kind } = columns[n];
          const cell = element("td", `scms-${kind}`, line);
          const value = written(model, cell, row, n, columns[n]);
          if (n === 0 && inside && row.page && row.page === row.values[n]) pageLink(cell, row.page);
          if (n === 0 && row.mark) element("span", "scms-tag", cell, row.mark);
          if (kind === "use" && row.values[n] !== null) {
            const fill = element("i", "", element("span", "scms-use-bar", cell));
            fill.style.width = `${Math.min(1, row.values[n]) * 100}%`;
          }
          if (kind === "coverage" && row.values[n] !== null && row.values[n] < 0.9) value.className = "scms-thin";
        });
      }
      if (rows.length === 0) element("p", "scms-hint", el, model.get("nothing"));
    };
    model.on("change:rows change:columns", draw);
    requestAnimationFrame(draw); // once the element hangs in the page
    return () => model.off("change:rows change:columns", draw);
  },
};
