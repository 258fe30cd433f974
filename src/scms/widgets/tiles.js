// The headline numbers: tiles whose texts come from the kernel, with the feed or as a list.

function element(parent, tag, className) {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}

function makeTile(parent) {
  const root = element(parent, "div", "scms-tile");
  const label = element(root, "div", "scms-tile-label");
  const line = element(root, "div", "scms-tile-line");
  const value = element(line, "span", "scms-tile-value");
  const suffix = element(line, "span", "scms-tile-suffix");
  const note = element(root, "div", "scms-tile-note");
  const more = element(root, "div", "scms-tile-more");
  const bar = element(root, "div", "scms-tile-bar");
  const fill = element(bar, "div", "");
  return { root, label, value, suffix, note, more, bar, fill };
}

export default {
  async render({ model, el }) {
    el.classList.add("scms-tiles");
    const tiles = new Map();
    const draw = (rows) => {
      for (const row of rows) {
        if (!tiles.has(row.key)) tiles.set(row.key, makeTile(el));
        const tile = tiles.get(row.key);
        tile.root.dataset.key = row.key;
        tile.root.dataset.tone = row.tone;
        tile.root.title = row.title;
        tile.label.textContent = row.label;
        tile.value.textContent = row.value;
        tile.suffix.textContent = row.suffix;
        tile.note.textContent = row.note ?? "";
        tile.more.replaceChildren();
        for (const text of row.more ?? []) element(tile.more, "span", "").textContent = text;
        tile.bar.hidden = row.ratio === null;
        tile.fill.style.width = `${(row.ratio ?? 0) * 100}%`;
      }
      const keys = new Set(rows.map((row) => row.key));
      for (const [key, tile] of tiles) {
        if (keys.has(key)) continue;
        tile.root.remove();
        tiles.delete(key);
      }
    };
    const list = () => draw(model.get("rows"));
    model.on("change:rows", list);
    list();
    const id = model.get("feed");
    if (!id) return () => model.off("change:rows", list);
    const feed = await model.widget_manager.get_model(id.slice("IPY_MODEL_".length));
    const receive = (content) => content.kind === "frame" && draw(content.tiles);
    feed.on("msg:custom", receive);
    feed.send({ kind: "hello" }, {});
    return () => {
      feed.off("msg:custom", receive);
      model.off("change:rows", list);
    };
  },
};
