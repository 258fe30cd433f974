// One card: a server's name, state, GPUs, meters and past. Everything that came from a server is put in as
// text.

function meter(parent, label) {
  const root = element("div", "scms-meter", parent);
  element("span", "scms-meter-label", root, label);
  const fill = element("i", "", element("span", "scms-meter-bar", root));
  const value = element("span", "scms-meter-value", root);
  return (ratio) => {
    fill.style.width = Number.isNaN(ratio) ? "0" : `${Math.min(1, ratio) * 100}%`;
    write(value, percent(ratio));
  };
}

function serverLink(parent, name) {
  const link = nameElement("a", "", parent, name);
  link.title = name;
  link.href = `#server/${encodeURIComponent(name)}`;
  return link;
}

class Card {
  constructor(machine) {
    this.machine = machine;
    this.root = element("article", "scms-card");
    this.root.dataset.server = machine.name;
    const head = element("header", "", this.root);
    this.dot = element("span", "scms-dot", head);
    serverLink(element("h3", "", head), machine.name);
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
    this.version = 0;
  }

  draw(user) {
    if (this.version !== this.machine.version) this.words();
    const { numbers } = this.machine;
    this.gpu(numbers.gpu_utilization_ratio);
    this.cpu(numbers.cpu_utilization_ratio);
    this.ram(numbers.memory_ratio);
    drawCells(this.cells, this.machine, user);
  }

  words() {
    const { texts, tone } = this.machine;
    this.version = this.machine.version;
    this.root.dataset.state = texts.state;
    this.root.dataset.tone = tone;
    this.state.dataset.tone = tone;
    write(this.state, texts.state.toUpperCase());
    const count = texts.devices.length;
    write(this.hardware, this.machine.hardware);
    this.hardware.title = visible(texts.gpu_model ?? "no GPU seen");
    this.reason.replaceChildren();
    for (const alert of texts.alerts) element("span", "", this.reason, alert).dir = "auto";
    this.reason.hidden = texts.alerts.length === 0;
    this.reason.title = visible(texts.alerts.join(" · "));
    keepCells(this.cells, count);
    this.cells.style.setProperty("--columns", String(Math.max(8, Math.min(count, 16))));
    this.footer(texts);
  }

  footer(texts) {
    this.foot.replaceChildren();
    const users = nameElement("span", "scms-users", this.foot, texts.users.join(", "));
    users.title = texts.users.length ? `on its GPUs: ${users.textContent}` : "";
    if (this.machine.holders.length) {
      const held = element("span", "scms-held", this.foot, "held by ");
      nameElement("span", "", held, this.machine.holders.join(", "));
      held.title = "a hold claims free GPUs softly for a short while";
    }
    if (texts.group) nameElement("span", "scms-group", this.foot, texts.group);
    if (texts.simulated) element("span", "scms-tag", this.foot, "simulated");
  }

  // Read for all cards before any of them draws: each size that is asked for after a change lays the page out anew.
  sparkSize() {
    return [this.spark.clientWidth, this.spark.clientHeight];
  }

  drawSpark([width, height]) {
    const { line } = this.machine;
    if (!line || !width) return;
    const { values, start } = line;
    const theme = document.documentElement.dataset.scmsTheme;
    const last = Math.round(values[values.length - 1] * 50);
    const wanted = `${line.read} ${start} ${last} ${width} ${theme}`;
    if (this.drawn === wanted) return; // nothing that could be seen has changed
    this.drawn = wanted;
    drawArea(this.spark, values, width, height);
    this.spark.title = `${this.machine.devices.length ? "GPU" : "CPU"} use, last 15 minutes`;
  }
}

function drawArea(canvas, values, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
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
}
