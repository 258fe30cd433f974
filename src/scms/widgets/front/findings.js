// What a report noticed: a sentence each, what is at stake, why it is said, and where it can be looked up.

const ROLES = { server: "Its page", user: "Only this user", group: "Only this group", tag: "Only this tag", model: "Only this GPU model" };
const MOST_NAMES = 6;

function place(model, list, name, role, inside) {
  if (role === "server" && inside) {
    const link = nameElement("a", "scms-place", list, name);
    link.href = `#server/${encodeURIComponent(name)}`;
    link.title = ROLES.server;
    return;
  }
  const button = nameElement("button", "scms-place", list, name);
  button.type = "button";
  button.title = role === "server" ? "Only this server" : ROLES[role];
  button.addEventListener("click", () => model.send({ kind: "drill", word: role, value: name }));
}

function why(row, parent) {
  const more = element("details", "scms-why", parent);
  element("summary", "", more, "Why");
  const list = element("div", "scms-why-text", more);
  element("span", "", list, row.rule);
  element("span", "", list, `Said from here on: ${row.limit}.`);
  if (row.setting) {
    const set = element("span", "", list, "Set in [findings] of cluster.toml: ");
    nameElement("code", "", set, row.setting);
  }
}

function figures(model, row, parent) {
  const button = element("button", "scms-act", parent, "Figures");
  button.type = "button";
  button.title = `${row.table}: the rows behind this`;
  button.addEventListener("click", () => model.send({ kind: "evidence", table: row.evidence }));
}

export default {
  render({ model, el }) {
    el.classList.add("scms-panel", "scms-findings");
    const draw = () => {
      const rows = model.get("rows");
      el.replaceChildren();
      el.hidden = rows.length === 0 && !model.get("nothing");
      const title = element("h3", "scms-title", el, "What stands out");
      const stakes = rows.filter((row) => row.stake).length;
      if (stakes) element("small", "", title, "GPU-hours at stake first");
      if (rows.length === 0) element("p", "scms-hint", el, model.get("nothing"));
      const list = element("ol", "scms-finding-list", el);
      const inside = el.closest(".scms-app") !== null;
      rows.forEach((row, n) => {
        const item = element("li", "scms-finding", list);
        item.dataset.kind = row.kind;
        if (n >= model.get("first") && !model.get("all")) item.hidden = true;
        const stake = element("div", "scms-stake", item);
        if (row.stake) {
          element("b", "", stake, row.stake);
          element("span", "", stake, "GPU-h");
        }
        const body = element("div", "scms-finding-body", item);
        element("p", "", body, row.sentence);
        const line = element("div", "scms-finding-line", body);
        for (const [name, role] of row.names.slice(0, MOST_NAMES)) place(model, line, name, role, inside);
        if (row.table) figures(model, row, line);
        if (row.rule) why(row, line);
      });
      const hidden = list.querySelectorAll("li[hidden]").length;
      if (hidden) {
        const more = element("button", "scms-act scms-all", el, `Show ${hidden} more`);
        more.type = "button";
        more.addEventListener("click", () => {
          model.set("all", true);
          model.save_changes();
          list.querySelectorAll("li")[model.get("first")].querySelector("button, a, summary")?.focus();
        });
      }
    };
    model.on("change:rows change:all change:nothing", draw);
    requestAnimationFrame(draw); // once the element hangs in the page
    return () => model.off("change:rows change:all change:nothing", draw);
  },
};
