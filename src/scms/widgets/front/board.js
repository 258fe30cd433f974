// The board: all servers as cards or as a table (machine.js, cells.js, card.js and rows.js stand before this
// in the same module). Numbers come as binary columns; search, filter and order are done here.

const RESORT_MS = 10000; // what jumps every second cannot be read
const CARDS = 0;

const DOWN = (value) => (value === undefined || Number.isNaN(value) ? 1 : -value);
const KEYS = [
  (machine) => DOWN(machine.numbers.gpu_utilization_ratio),
  (machine) => -machine.free,
  (machine) => DOWN(machine.numbers.cpu_utilization_ratio),
  (machine) => DOWN(machine.numbers.memory_ratio),
  () => 0,
];
const PASSES = [
  () => true,
  (machine) => machine.free > 0,
  (machine) => machine.devices.length > 0 && machine.free === 0 && machine.unknown < machine.devices.length,
  (machine) => machine.texts.alerts.length > 0,
  (machine, user) => machine.isOf(user),
];
const MINE = 4;

function legend(parent) {
  const root = element("span", "scms-legend", parent);
  for (const state of STATES) {
    const item = element("span", "", root);
    const cell = element("span", "scms-cell", item);
    cell.dataset.state = state;
    element("i", "", cell).style.height = state === "busy" ? "70%" : "0";
    element("span", "", item, WORDS[state]);
  }
}

class Board {
  constructor(model, el) {
    this.model = model;
    el.classList.add("scms-board");
    const line = element("div", "scms-board-line", el);
    this.count = element("span", "scms-count", line);
    legend(line);
    this.grid = element("div", "scms-grid", el);
    this.lines = new Lines(el, (key) => this.sortBy(key));
    this.empty = element("p", "scms-empty", el);
    this.machines = new Map();
    this.drawn = [new Map(), new Map()]; // cards and lines, by the name of the server
    this.sortedAt = 0;
  }

  draw(content, buffers) {
    if (content.kind === "past") this.recall(content, buffers);
    if (content.kind !== "frame") return;
    if (content.names) this.keepOnly(content.names);
    if (this.machines.size === 0 && !content.full) return; // a complete frame is on its way
    deal(this.machines, content, buffers);
    this.arrange(content.full);
  }

  recall({ as_of: asOf, sparks: { start, step, points, values } }, buffers) {
    const lines = column(values, buffers);
    let position = 0;
    for (const machine of this.machines.values()) {
      const own = lines.slice(position * points, (position + 1) * points);
      machine.line = { start, step, values: own, read: asOf };
      machine.remember(asOf);
      position += 1;
    }
    this.drawSparks();
  }

  keepOnly(names) {
    if (names.join("\n") === [...this.machines.keys()].join("\n")) return;
    this.machines = new Map(names.map((name) => [name, new Machine(name)]));
    this.drawn = [new Map(), new Map()];
    this.grid.replaceChildren();
    this.lines.body.replaceChildren();
  }

  // The card or the line of a server; made when it is first shown.
  shape(machine) {
    const cards = this.model.get("view") === CARDS;
    const made = this.drawn[cards ? 0 : 1];
    if (!made.has(machine.name)) {
      const shape = cards ? new Card(machine) : new Line(machine);
      made.set(machine.name, shape);
      (cards ? this.grid : this.lines.body).append(shape.root);
    }
    return made.get(machine.name);
  }

  // Words are looked for here; the kernel reads everything else and says which servers are meant.
  meant() {
    const search = this.model.get("search");
    const found = this.model.get("found");
    this.problem = (found.search === search && found.problem) || "";
    const read = found.search === search ? found : {};
    if (this.problem || (!read.search && /[<>=:()"]/.test(search))) return this.last ?? (() => true);
    const names = new Set(read.servers);
    const words = read.words ?? search.toLowerCase().split(/\s+/).filter(Boolean);
    this.last = read.servers ? (machine) => names.has(machine.name)
      : (machine) => words.every((word) => machine.haystack.includes(word));
    return this.last;
  }

  arrange(now) {
    const meant = this.meant();
    const show = this.model.get("show");
    const user = this.model.get("user").trim();
    const passes = PASSES[show] ?? PASSES[0];
    const cards = this.model.get("view") === CARDS;
    this.grid.hidden = !cards;
    this.lines.root.hidden = cards;
    const all = [...this.machines.values()].filter((machine) => machine.texts);
    let visible = 0;
    for (const machine of all) {
      const shown = meant(machine) && passes(machine, user);
      const { root } = this.shape(machine);
      if (root.hidden === shown) root.hidden = !shown;
      if (!shown) continue; // what nobody sees costs nothing
      visible += 1;
      this.shape(machine).draw(show === MINE ? user : "");
    }
    this.say(all, visible, show === MINE && user === "");
    if (now || performance.now() - this.sortedAt >= RESORT_MS) this.sort(all);
    this.drawSparks();
  }

  say(all, visible, nameless) {
    const simulated = all.filter((machine) => machine.texts.simulated).length;
    write(this.count, `${visible} of ${all.length} servers${simulated ? ` · ${simulated} simulated` : ""}`);
    let text = "";
    if (this.problem) text = this.problem;
    else if (all.length === 0) text = "No servers in cluster.toml yet.";
    else if (nameless) text = "Say who you are: type your name above.";
    else if (visible === 0) text = "No server matches the search and the filter.";
    write(this.empty, text);
  }

  sort(all) {
    this.sortedAt = performance.now();
    const cards = this.model.get("view") === CARDS;
    const sort = cards ? null : sortOf(this.model.get("sort"));
    this.lines.mark(sort);
    const key = KEYS[this.model.get("order")] ?? KEYS[0];
    const chosen = sort ? bySort(sort) : (a, b) => key(a) - key(b);
    const order = [...all].sort((a, b) => chosen(a, b) || (a.name < b.name ? -1 : 1));
    const place = cards ? this.grid : this.lines.body;
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    order.forEach((machine, n) => {
      const { root } = this.shape(machine);
      if (place.children[n] !== root) place.insertBefore(root, place.children[n]);
    });
    if (focused && document.activeElement !== focused) focused.focus({ preventScroll: true });
  }

  // A heading: the most first for numbers, A first for texts; once more turns it round.
  sortBy(key) {
    const sort = sortOf(this.model.get("sort"));
    const down = sort?.key === key ? !sort.down : !isText(key);
    this.model.set("sort", `${down ? "-" : ""}${key}`);
    this.model.save_changes();
  }

  drawSparks() {
    if (this.model.get("view") !== CARDS) return;
    const cards = [...this.drawn[0].values()].filter((card) => !card.root.hidden);
    const sizes = cards.map((card) => card.sparkSize());
    cards.forEach((card, n) => card.drawSpark(sizes[n]));
  }
}

const CONTROLS = ["search", "found", "order", "show", "view", "sort", "user"];

export default {
  async render({ model, el }) {
    const board = new Board(model, el);
    const feed = await model.widget_manager.get_model(model.get("feed").slice("IPY_MODEL_".length));
    const draw = (content, buffers) => board.draw(content, buffers);
    el.addEventListener("click", (event) => {
      // In a notebook there is no page of a server to go to.
      if (event.target.closest("h3 a, th a") && !el.closest(".scms-app")) event.preventDefault();
    });
    const arrange = () => board.arrange(true);
    const redraw = () => board.drawSparks();
    feed.on("msg:custom", draw);
    for (const name of CONTROLS) model.on(`change:${name}`, arrange);
    window.addEventListener("scms-themed", redraw);
    const sized = new ResizeObserver(redraw);
    sized.observe(el);
    feed.send({ kind: "hello" }, {});
    return () => {
      feed.off("msg:custom", draw);
      for (const name of CONTROLS) model.off(`change:${name}`, arrange);
      window.removeEventListener("scms-themed", redraw);
      sized.disconnect();
    };
  },
};
