// What changed, newest first: a time and a sentence each.

export default {
  render({ model, el }) {
    el.classList.add("scms-happenings");
    const draw = () => {
      el.replaceChildren();
      const rows = model.get("rows");
      if (rows.length === 0) {
        element("p", "scms-hint", el, "Nothing changed.");
        return;
      }
      const list = element("ul", "", el);
      for (const row of rows) {
        const item = element("li", "", list);
        element("time", "", item, row.time);
        element("span", "", item, row.text).dir = "auto";
      }
    };
    model.on("change:rows", draw);
    draw();
    return () => model.off("change:rows", draw);
  },
};
