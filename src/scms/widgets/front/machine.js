// One server as the page knows it: texts come when they change, numbers with every frame. Cards and table
// draw it; nothing here touches the page.

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

class Machine {
  constructor(name) {
    this.name = name;
    this.numbers = {};
    this.devices = [];
    this.line = null;
    this.free = 0;
    this.unknown = 0;
    this.version = 0; // grows with the texts: who draws knows whether they are the same
  }

  words(texts) {
    this.texts = texts;
    this.version += 1;
    this.tone = TONES[texts.state] ?? "off";
    this.holders = [...new Set(texts.devices.map((device) => device.held_by).filter(Boolean))];
    const parts = [this.name, texts.group, ...texts.tags, texts.gpu_model, ...texts.users];
    this.haystack = parts.filter(Boolean).join(" ").toLowerCase();
  }

  draw(numbers, devices, asOf) {
    this.numbers = numbers;
    this.devices = devices;
    this.free = 0;
    this.unknown = 0;
    devices.forEach((device, n) => {
      const state = STATES[device.state];
      if (state === "free" && !this.texts.devices[n].held_by) this.free += 1;
      if (state === "unknown") this.unknown += 1;
    });
    this.remember(asOf);
  }

  // Whether somebody computes on a GPU here or holds one.
  isOf(user) {
    return user !== "" && (this.texts.users.includes(user) || this.holders.includes(user));
  }

  get hardware() {
    const count = this.texts.devices.length;
    return count ? `${count}× ${short(this.texts.gpu_model)}` : "no GPU";
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
}

// Everything of a frame goes to the machines, which stand in its order.
function deal(machines, content, buffers) {
  for (const [name, texts] of Object.entries(content.texts)) machines.get(name)?.words(texts);
  const servers = Object.entries(content.servers).map(([key, spec]) => [key, column(spec, buffers)]);
  const devices = Object.entries(content.devices).map(([key, spec]) => [key, column(spec, buffers)]);
  const own = [...machines.values()].map(() => []);
  const owners = devices[0][1];
  for (let n = 0; n < owners.length; n += 1)
    own[owners[n]].push(Object.fromEntries(devices.map(([key, values]) => [key, values[n]])));
  let position = 0;
  for (const machine of machines.values()) {
    const numbers = Object.fromEntries(servers.map(([key, values]) => [key, values[position]]));
    machine.draw(numbers, own[position], content.as_of);
    position += 1;
  }
}
