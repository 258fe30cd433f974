// The board: one card per server (card.js stands before this in the same module). Numbers come as
// binary columns; search, filter and order are done here.

const RESORT_MS = 10000; // cards that jump every second cannot be read

const DOWN = (value) => (value === undefined || Number.isNaN(value) ? 1 : -value);
const KEYS = [
  (card) => DOWN(card.numbers.gpu_utilization_ratio),
  (card) => -card.free,
  (card) => DOWN(card.numbers.cpu_utilization_ratio),
  (card) => DOWN(card.numbers.memory_ratio),
  () => 0,
];
const PASSES = [
  () => true,
  (card) => card.free > 0,
  (card) => card.devices.length > 0 && card.free === 0 && card.unknown < card.devices.length,
  (card) => card.texts.alerts.length > 0,
];

function legend(parent) {
  const root = element("span", "scms-legend", parent);
  for (const state of STATES) {
    const item = element("span", "", root);
    const cell = element("span", "scms-cell", item);
    cell.dataset.state = state;
    element("i", "", cell).style.height = state === "busy" ? "70%" : "0";
    item.append(WORDS[state]);
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
    this.empty = element("p", "scms-empty", el);
    this.cards = new Map();
    this.sortedAt = 0;
  }

  draw(content, buffers) {
    if (content.kind === "past") this.recall(content, buffers);
    if (content.kind !== "frame") return;
    if (content.names) this.keepOnly(content.names);
    if (this.cards.size === 0 && !content.full) return; // a complete frame is on its way
    for (const [name, texts] of Object.entries(content.texts)) this.cards.get(name)?.words(texts);
    const servers = Object.entries(content.servers).map(([key, spec]) => [key, column(spec, buffers)]);
    const devices = Object.entries(content.devices).map(([key, spec]) => [key, column(spec, buffers)]);
    const own = [...this.cards.values()].map(() => []);
    const owners = devices[0][1];
    for (let n = 0; n < owners.length; n += 1)
      own[owners[n]].push(Object.fromEntries(devices.map(([key, values]) => [key, values[n]])));
    let position = 0;
    for (const card of this.cards.values()) {
      const numbers = Object.fromEntries(servers.map(([key, values]) => [key, values[position]]));
      card.draw(numbers, own[position], content.as_of);
      position += 1;
    }
    this.arrange(content.full);
  }

  recall({ as_of: asOf, sparks: { start, step, points, values } }, buffers) {
    const lines = column(values, buffers);
    let position = 0;
    for (const card of this.cards.values()) {
      card.line = { start, step, values: lines.slice(position * points, (position + 1) * points) };
      card.drawn = null;
      card.remember(asOf);
      card.drawSpark();
      position += 1;
    }
  }

  keepOnly(names) {
    if (names.join("\n") === [...this.cards.keys()].join("\n")) return;
    this.grid.replaceChildren();
    this.cards = new Map(names.map((name) => [name, new Card(name)]));
    for (const card of this.cards.values()) this.grid.append(card.root);
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
    this.last = read.servers ? (card) => names.has(card.name)
      : (card) => words.every((word) => card.haystack.includes(word));
    return this.last;
  }

  arrange(now) {
    const meant = this.meant();
    const passes = PASSES[this.model.get("show")] ?? PASSES[0];
    const all = [...this.cards.values()].filter((card) => card.texts);
    let visible = 0;
    for (const card of all) {
      const shown = meant(card) && passes(card);
      if (shown) visible += 1;
      if (card.root.hidden === shown) card.root.hidden = !shown;
      if (shown) card.drawSpark();
    }
    const simulated = all.filter((card) => card.texts.simulated).length;
    this.count.textContent = `${visible} of ${all.length} servers`;
    if (simulated) this.count.textContent += ` · ${simulated} simulated`;
    this.empty.textContent = this.problem ? this.problem : all.length === 0 ? "No servers in cluster.toml yet."
      : visible === 0 ? "No server matches the search and the filter." : "";
    if (!now && performance.now() - this.sortedAt < RESORT_MS) return;
    this.sortedAt = performance.now();
    const key = KEYS[this.model.get("order")] ?? KEYS[0];
    const order = [...all].sort((a, b) => key(a) - key(b) || (a.name < b.name ? -1 : 1));
    order.forEach((card, n) => {
      if (this.grid.children[n] !== card.root) this.grid.insertBefore(card.root, this.grid.children[n]);
    });
  }
}

export default {
  async render({ model, el }) {
    const board = new Board(model, el);
    const feed = await model.widget_manager.get_model(model.get("feed").slice("IPY_MODEL_".length));
    const draw = (content, buffers) => board.draw(content, buffers);
    el.addEventListener("click", (event) => {
      // In a notebook there is no page of a server to go to.
      if (event.target.closest("h3 a") && !el.closest(".scms-app")) event.preventDefault();
    });
    const arrange = () => board.arrange(true);
    const redraw = () => board.cards.forEach((card) => card.drawSpark());
    feed.on("msg:custom", draw);
    for (const name of ["search", "found", "order", "show"]) model.on(`change:${name}`, arrange);
    window.addEventListener("scms-themed", redraw);
    const sized = new ResizeObserver(redraw);
    sized.observe(el);
    feed.send({ kind: "hello" }, {});
    return () => {
      feed.off("msg:custom", draw);
      for (const name of ["search", "found", "order", "show"]) model.off(`change:${name}`, arrange);
      window.removeEventListener("scms-themed", redraw);
      sized.disconnect();
    };
  },
};
