// A table that sorts where it is looked at. Cells are put in as text.

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null); // unknown comes last
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

export default {
  render({ model, el }) {
    el.classList.add("scms-scroll");
    let sorting = null; // [column, ascending]; null is the order of the report
    const draw = () => {
      const columns = model.get("columns");
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
          const value = element(n === 0 ? "b" : "span", "", cell, text);
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
    draw();
    return () => model.off("change:rows change:columns", draw);
  },
};
