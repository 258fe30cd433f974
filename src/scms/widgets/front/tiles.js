// The headline numbers: tiles whose texts come from the kernel, with the feed or as a list.

function makeTile(parent) {
  const root = element("div", "scms-tile", parent);
  const label = element("div", "scms-tile-label", root);
  const line = element("div", "scms-tile-line", root);
  const value = element("span", "scms-tile-value", line);
  const suffix = element("span", "scms-tile-suffix", line);
  const note = element("div", "scms-tile-note", root);
  const more = element("div", "scms-tile-more", root);
  const bar = element("div", "scms-tile-bar", root);
  const fill = element("div", "", bar);
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
        tile.root.title = visible(row.title);
        write(tile.label, row.label);
        write(tile.value, row.value);
        write(tile.suffix, row.suffix);
        write(tile.note, row.note ?? "");
        tile.more.replaceChildren();
        for (const text of row.more ?? []) element("span", "", tile.more, text);
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
