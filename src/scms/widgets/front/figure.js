// Hosts one Bokeh document. Columns come with the feed's frames as binary buffers and replace or
// extend the data of the source that carries the chart's name.

function script(url) {
  return new Promise((resolve, reject) => {
    const tag = document.createElement("script");
    tag.src = url;
    tag.onload = resolve;
    tag.onerror = () => reject(new Error(`${url} cannot be loaded`));
    document.head.append(tag);
  });
}

async function fromKernel(model) {
  const bytes = await new Promise((resolve) => {
    const receive = (content, buffers) => {
      if (content.kind !== "bokehjs") return;
      model.off("msg:custom", receive);
      resolve(buffers[0]);
    };
    model.on("msg:custom", receive);
    model.send({ kind: "bokehjs" });
  });
  const url = URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
  await script(url);
  URL.revokeObjectURL(url);
}

function bokeh(model) {
  // One BokehJS for all figures of the page, also where several widgets ask at the same time.
  globalThis.__scmsBokeh ??= (async () => {
    if (globalThis.Bokeh?.version === model.get("version")) return globalThis.Bokeh;
    const meta = document.querySelector('meta[name="scms-bokehjs"]');
    if (meta) await script(meta.content);
    else await fromKernel(model);
    globalThis.Bokeh.set_log_level("error");
    return globalThis.Bokeh;
  })();
  return globalThis.__scmsBokeh;
}

function column(spec, buffers) {
  if (Array.isArray(spec)) return spec;
  const view = buffers[spec.buffer];
  const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  return spec.type === "float64" ? new Float64Array(bytes) : new Float32Array(bytes);
}

// The words of a figure in the language of the page: they are painted, so that nobody can change them later.
const WRITTEN = new Set(["axis_label", "title", "text"]);
const said = (text) => globalThis.scmsLanguage?.say(text) ?? text;

// The labels of an axis are all words, such as days of the week, or names, which stay as they are.
function labelsInLanguage(entries) {
  const texts = entries.map(([, text]) => text);
  const words = texts.every((text) => typeof text === "string" && (!/[A-Za-z]/.test(text) || said(text) !== text));
  const write = words ? said : (text) => globalThis.scmsLanguage?.name(text) ?? text;
  for (const entry of entries) entry[1] = write(entry[1]);
}

function inLanguage(part) {
  if (typeof part !== "object" || part === null) return;
  for (const [key, value] of Object.entries(part)) {
    const text = typeof value === "string";
    if (text && (WRITTEN.has(key) || value.includes("%"))) part[key] = said(value); // % as in "%d %b"
    else if (key === "label" && value?.type === "value") value.value = said(value.value);
    else if (key === "tooltips" && Array.isArray(value)) for (const line of value) line[0] = said(line[0]);
    else if (key === "major_label_overrides") labelsInLanguage(value.entries ?? []);
    else if (key !== "data") inLanguage(value);
  }
}

// On a phone a legend has several lines.
const NARROW = 480;

// Bokeh draws only what hangs in the page.
async function attached(host, chart) {
  while (!host.isConnected && !chart.closed) await new Promise(requestAnimationFrame);
  return host.isConnected;
}

class Chart {
  constructor(model, host) {
    this.model = model;
    this.host = host;
    this.views = null;
    this.source = null;
    this.complete = false;
    this.closed = false;
  }

  async draw() {
    const item = this.model.get("item");
    const { embed } = await bokeh(this.model);
    if (!(await attached(this.host, this))) return;
    if (item !== this.model.get("item")) return; // another one is being drawn already
    this.clear();
    if (!item) return;
    const host = document.createElement("div");
    this.host.append(host);
    const own = structuredClone(item);
    this.spoken = globalThis.scmsLanguage?.spoken;
    inLanguage(own.doc);
    const views = await embed.embed_item(own, host);
    if (!host.isConnected) return views.clear?.();
    this.views = views;
    this.plot = this.views.roots[0].model;
    this.source = this.plot.document.get_model_by_name(this.model.get("channel"));
    if (this.host.clientWidth < NARROW) {
      for (const part of this.plot.above ?? []) if (part.type === "Legend") part.ncols = 2;
    }
    this.host.dataset.drawn = "true";
  }

  update(content, buffers) {
    const chart = content.charts?.[this.model.get("channel")];
    if (!chart || !this.source || (chart.stream && !this.complete)) return;
    if (chart.current && this.complete && this.host.offsetParent === null) return; // the next will do
    const data = Object.fromEntries(
      Object.entries(chart.columns).map(([name, spec]) => [name, column(spec, buffers)]),
    );
    if (data.state) data.state = data.state.map(said);
    if (chart.stream) this.source.stream(data, chart.rollover);
    else this.source.data = data;
    if (chart.window) this.plot.x_range.setv({ start: chart.window[0], end: chart.window[1] });
    this.complete = true;
    this.host.dataset.complete = "true";
  }

  clear() {
    this.views?.clear?.();
    this.views = null;
    this.source = null;
    this.complete = false;
    delete this.host.dataset.complete;
    this.host.replaceChildren();
  }
}

async function follow(model, chart, draw) {
  const id = model.get("feed");
  if (!id) return spoken(chart, draw);
  const feed = await model.widget_manager.get_model(id.slice("IPY_MODEL_".length));
  const receive = (content, buffers) => {
    chart.update(content, buffers);
  };
  const ask = () => feed.send({ kind: "hello" }, {});
  feed.on("msg:custom", receive);
  ask();
  const leave = spoken(chart, async () => {
    await draw();
    ask();
  });
  return () => {
    leave();
    feed.off("msg:custom", receive);
  };
}

// Draws anew when the page begins to speak another language.
function spoken(chart, draw) {
  const listen = ({ detail }) => chart.spoken !== detail && draw();
  window.addEventListener("scms-spoken", listen);
  return () => window.removeEventListener("scms-spoken", listen);
}

export default {
  async render({ model, el }) {
    el.classList.add("scms-figure", "scms-panel");
    const title = document.createElement("div");
    title.className = "scms-title";
    const small = document.createElement("small");
    const host = document.createElement("div");
    host.className = "scms-figure-host";
    const words = document.createElement("p");
    words.className = "scms-figure-words";
    el.append(title, host, words);
    const name = () => {
      small.textContent = model.get("subtitle");
      title.replaceChildren(model.get("title"), small);
      host.setAttribute("role", "img"); // what it shows is said below it
      host.setAttribute("aria-label", model.get("title") || "chart");
      words.replaceChildren(...model.get("words").map((sentence) => {
        const made = document.createElement("span");
        made.textContent = sentence;
        return made;
      }));
    };
    name();
    const chart = new Chart(model, host);
    const draw = () => chart.draw().catch((error) => {
      host.textContent = `The chart cannot be drawn: ${error.message}`;
    });
    model.on("change:item", draw);
    model.on("change:title change:subtitle change:words", name);
    await draw();
    const leave = await follow(model, chart, draw);
    return () => {
      leave();
      chart.closed = true;
      chart.clear();
      model.off("change:item", draw);
      model.off("change:title change:subtitle change:words", name);
    };
  },
};
