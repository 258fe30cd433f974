// The servers as a table: the same as the cards in a line each, sorted by the heading that was chosen.

const known = (value) => (value === undefined || Number.isNaN(value) ? null : value);
const or = (value, text) => (value === null ? "–" : text(value));
const byNumber = (key, text) => ({ value: (m) => known(m.numbers[key]), text });
const byText = (value) => ({ kind: "name", value: (m) => value(m) || null, text: (t) => t });

// What a column is sorted by, and how that is written; a column without a text draws itself.
const COLUMNS = {
  server: { heading: "Server", kind: "name", value: (m) => m.name },
  state: { heading: "State", kind: "text", value: (m) => m.texts.state },
  free: { heading: "GPUs", title: "one cell per GPU; sorted by how many are free", value: (m) => (m.devices.length ? m.free : null) },
  hardware: { heading: "Hardware", ...byText((m) => (m.texts.devices.length ? m.hardware : "")) },
  gpu: { heading: "GPU", title: "GPU utilisation", ...byNumber("gpu_utilization_ratio", percent) },
  gpu_memory: { heading: "GPU memory", ...byNumber("gpu_memory_ratio", percent) },
  cpu: { heading: "CPU", title: "CPU utilisation", ...byNumber("cpu_utilization_ratio", percent) },
  memory: { heading: "RAM", title: "RAM in use", ...byNumber("memory_ratio", percent) },
  load: { heading: "Load", title: "load average of the last minute", ...byNumber("load_1m", (n) => n.toFixed(1)) },
  power: { heading: "Power", title: "power of its GPUs", ...byNumber("gpu_power_watts", (n) => `${Math.round(n)} W`) },
  users: { heading: "Users", title: "who computes on its GPUs, and who holds some", ...byText((m) => [...new Set([...m.texts.users, ...m.holders])].join(", ")) },
  group: { heading: "Group", ...byText((m) => m.texts.group) },
};
const isText = (key) => ["name", "text"].includes(COLUMNS[key].kind);

// "cpu" is the lowest first, "-cpu" the highest; null where no heading was chosen.
function sortOf(text) {
  const key = text.replace(/^-/, "");
  return Object.hasOwn(COLUMNS, key) ? { key, down: text.startsWith("-") } : null;
}

// What is not known comes last, whichever way the rest stands.
function bySort({ key, down }) {
  const { value } = COLUMNS[key];
  return (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    const order = typeof x === "number" ? x - y : x.localeCompare(y);
    return down ? -order : order;
  };
}

class Line {
  constructor(machine) {
    this.machine = machine;
    this.root = element("tr", "");
    this.root.dataset.server = machine.name;
    this.version = 0;
    this.fields = Object.entries(COLUMNS).map(([key, { kind }]) => {
      const cell = element(key === "server" ? "th" : "td", `scms-col-${key}`, this.root);
      if (kind === "name" && key !== "server") Object.assign(cell, { translate: false, dir: "auto" });
      return [key, cell];
    });
    const own = Object.fromEntries(this.fields);
    own.server.scope = "row";
    this.dot = element("span", "scms-dot", own.server);
    serverLink(own.server, machine.name);
    this.state = element("span", "scms-pill", own.state);
    this.cells = element("div", "scms-cells", own.free);
  }

  draw(user) {
    const { machine } = this;
    if (this.version !== machine.version) this.words();
    for (const [key, cell] of this.fields) {
      const { value, text } = COLUMNS[key];
      if (text) write(cell, or(value(machine), text));
    }
    drawCells(this.cells, machine, user);
  }

  words() {
    const { texts, tone } = this.machine;
    this.version = this.machine.version;
    this.root.dataset.tone = tone;
    this.state.dataset.tone = tone;
    write(this.state, texts.state.toUpperCase());
    this.root.title = visible(texts.alerts.join(" · "));
    keepCells(this.cells, texts.devices.length);
  }
}

class Lines {
  constructor(parent, choose) {
    this.root = element("div", "scms-servers scms-panel scms-scroll", parent);
    this.root.hidden = true;
    const table = element("table", "scms-table", this.root);
    element("caption", "scms-unseen", table, "All servers, one in a line");
    const head = element("tr", "", element("thead", "", table));
    this.heads = Object.entries(COLUMNS).map(([key, { heading, title }]) => {
      const cell = element("th", `scms-col-${key}`, head);
      cell.scope = "col";
      const button = element("button", "scms-sort", cell, heading);
      button.type = "button";
      if (title) button.title = title;
      button.addEventListener("click", () => choose(key));
      return [key, cell];
    });
    this.body = element("tbody", "", table);
  }

  mark(sort) {
    for (const [key, cell] of this.heads) {
      if (sort?.key === key) cell.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
  }
}
