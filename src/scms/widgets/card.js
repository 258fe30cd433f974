// One card: a server's name, state, GPUs, meters and past. Texts come when they change, numbers with
// every frame. Everything that came from a server is put in as text. board.js follows in the same
// module and arranges the cards.

const STATES = ["free", "busy", "idle_held", "ghost", "faulty", "unknown"];
const WORDS = {
  free: "free", busy: "busy", idle_held: "idle-held", ghost: "ghost", faulty: "faulty", unknown: "unknown",
};

function column(spec, buffers) {
  const view = buffers[spec.buffer];
  const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  return spec.type === "float64" ? new Float64Array(bytes) : new Float32Array(bytes);
}

const percent = (ratio) => (Number.isNaN(ratio) ? "–" : `${Math.round(ratio * 100)}%`);
const gib = (bytes) => (Number.isNaN(bytes) ? "–" : `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 33 ? 1 : 0)}`);
// "NVIDIA A100-SXM4-80GB" is "A100" on a card; the whole name is in the title.
const short = (name) => (name ?? "")
  .replace(/\b(NVIDIA|Tesla|GeForce|Quadro)\s+/gi, "")
  .replace(/[\s-](SXM\d?|PCIE|NVL|HBM\d?e?|\d+\s?GB)\b/gi, "")
  .trim();

function meter(parent, label) {
  const root = element("div", "scms-meter", parent);
  element("span", "scms-meter-label", root, label);
  const fill = element("i", "", element("span", "scms-meter-bar", root));
  const value = element("span", "scms-meter-value", root);
  return (ratio) => {
    fill.style.width = Number.isNaN(ratio) ? "0" : `${Math.min(1, ratio) * 100}%`;
    value.textContent = percent(ratio);
  };
}

class Card {
  constructor(name) {
    this.name = name;
    this.root = element("article", "scms-card");
    this.root.dataset.server = name;
    const head = element("header", "", this.root);
    this.dot = element("span", "scms-dot", head);
    const link = element("a", "", element("h3", "", head), name);
    link.title = name;
    link.href = `#server/${encodeURIComponent(name)}`;
    this.state = element("span", "scms-pill", head);
    this.hardware = element("span", "scms-hardware", head);
    this.cells = element("div", "scms-cells", this.root);
    this.reason = element("p", "scms-reason", this.root);
    const meters = element("div", "scms-meters", this.root);
    this.gpu = meter(meters, "GPU");
    this.cpu = meter(meters, "CPU");
    this.ram = meter(meters, "RAM");
    this.spark = element("canvas", "scms-spark", this.root);
    this.foot = element("footer", "", this.root);
    this.devices = [];
    this.line = null;
    this.numbers = {};
  }

  words(texts) {
    this.texts = texts;
    const tone = TONES[texts.state] ?? "off";
    this.root.dataset.state = texts.state;
    this.root.dataset.tone = tone;
    this.state.dataset.tone = tone;
    this.state.textContent = texts.state.toUpperCase();
    const count = texts.devices.length;
    const model = short(texts.gpu_model);
    this.hardware.textContent = count ? `${count}× ${model}` : "no GPU";
    this.hardware.title = texts.gpu_model ?? "no GPU seen";
    this.reason.textContent = texts.alerts.join(" · ");
    this.reason.hidden = texts.alerts.length === 0;
    this.reason.title = this.reason.textContent;
    while (this.cells.childElementCount > count) this.cells.lastElementChild.remove();
    while (this.cells.childElementCount < count) {
      const cell = element("div", "scms-cell", this.cells);
      cell.setAttribute("role", "img");
      element("i", "", cell);
    }
    this.cells.style.setProperty("--columns", String(Math.max(8, Math.min(count, 16))));
    this.cells.hidden = count === 0;
    this.footer(texts);
    const parts = [this.name, texts.group, ...texts.tags, texts.gpu_model, ...texts.users];
    this.haystack = parts.filter(Boolean).join(" ").toLowerCase();
  }

  footer(texts) {
    this.foot.replaceChildren();
    const holders = [...new Set(texts.devices.map((d) => d.held_by).filter(Boolean))];
    const users = element("span", "scms-users", this.foot);
    users.textContent = texts.users.length ? texts.users.join(", ") : "";
    users.title = texts.users.length ? `on its GPUs: ${users.textContent}` : "";
    if (holders.length) {
      const held = element("span", "scms-held", this.foot, `held by ${holders.join(", ")}`);
      held.title = "a hold claims free GPUs softly for a short while";
    }
    if (texts.group) element("span", "scms-group", this.foot, texts.group);
    if (texts.simulated) element("span", "scms-tag", this.foot, "simulated");
  }

  draw(numbers, devices, asOf) {
    this.numbers = numbers;
    this.devices = devices;
    this.gpu(numbers.gpu_utilization_ratio);
    this.cpu(numbers.cpu_utilization_ratio);
    this.ram(numbers.memory_ratio);
    this.free = 0;
    this.unknown = 0;
    devices.forEach((device, n) => this.drawCell(this.cells.children[n], device, this.texts.devices[n]));
    this.remember(asOf);
    this.drawSpark();
  }

  drawCell(cell, device, texts) {
    const state = STATES[device.state];
    if (state === "free" && !texts.held_by) this.free += 1;
    if (state === "unknown") this.unknown += 1;
    cell.dataset.state = state;
    cell.dataset.held = String(texts.held_by !== null);
    const use = device.gpu_utilization_ratio;
    const known = state === "faulty" || state === "unknown" || Number.isNaN(use) ? 0 : use;
    const least = state === "busy" ? 0.12 : 0; // held and idle for a moment is not free
    cell.firstElementChild.style.height = `${Math.max(least, known) * 100}%`;
    const facts = [
      `GPU ${device.device_index}: ${WORDS[state]}${texts.reason ? `, ${texts.reason}` : ""}`,
      texts.name,
      Number.isNaN(use) ? null : `${percent(use)} use`,
      Number.isNaN(device.memory_used_bytes) ? null
        : `${gib(device.memory_used_bytes)} of ${gib(device.memory_total_bytes)} GiB`,
      Number.isNaN(device.temperature_celsius) ? null : `${Math.round(device.temperature_celsius)} °C`,
      Number.isNaN(device.power_watts) ? null : `${Math.round(device.power_watts)} W`,
      texts.users.length ? `used by ${texts.users.join(", ")}` : null,
      texts.held_by ? `held by ${texts.held_by}` : null,
    ];
    const title = facts.filter(Boolean).join("\n");
    if (cell.title === title) return;
    cell.title = title;
    cell.setAttribute("aria-label", title.replaceAll("\n", ", "));
  }

  remember(asOf) {
    if (!this.line) return;
    const { values, step } = this.line;
    while (asOf >= this.line.start + step * values.length) {
      values.copyWithin(0, 1);
      values[values.length - 1] = NaN;
      this.line.start += step;
    }
    const { gpu_utilization_ratio: gpu, cpu_utilization_ratio: cpu } = this.numbers;
    values[values.length - 1] = this.devices.length ? gpu : cpu;
  }

  drawSpark() {
    const width = this.spark.clientWidth;
    const height = this.spark.clientHeight;
    if (!this.line || !width) return;
    const { values, start } = this.line;
    const theme = document.documentElement.dataset.scmsTheme;
    const last = Math.round(values[values.length - 1] * 50);
    const wanted = `${start} ${last} ${width} ${theme}`;
    if (this.drawn === wanted) return; // nothing that could be seen has changed
    this.drawn = wanted;
    const scale = window.devicePixelRatio || 1;
    this.spark.width = Math.round(width * scale);
    this.spark.height = Math.round(height * scale);
    const pen = this.spark.getContext("2d");
    const style = getComputedStyle(this.root);
    pen.scale(scale, scale);
    const x = (n) => (n / (values.length - 1)) * width;
    const y = (value) => height - 1 - Math.min(1, value) * (height - 3);
    pen.lineWidth = 1.3;
    pen.strokeStyle = style.getPropertyValue("--scms-accent");
    pen.fillStyle = style.getPropertyValue("--scms-spark");
    for (let n = 0; n < values.length; n += 1) {
      if (Number.isNaN(values[n])) continue; // a gap stays a gap
      const first = n;
      while (n + 1 < values.length && !Number.isNaN(values[n + 1])) n += 1;
      const line = new Path2D();
      for (let k = first; k <= n; k += 1) line.lineTo(x(k), y(values[k]));
      const area = new Path2D(line);
      area.lineTo(x(n), height);
      area.lineTo(x(first), height);
      pen.fill(area);
      pen.stroke(line);
    }
    this.spark.title = `${this.devices.length ? "GPU" : "CPU"} use, last 15 minutes`;
  }
}
