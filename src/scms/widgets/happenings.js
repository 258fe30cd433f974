// What changed, newest first: a time and a sentence each.

export default {
  render({ model, el }) {
    el.classList.add("scms-happenings");
    const draw = () => {
      el.replaceChildren();
      const rows = model.get("rows");
      if (rows.length === 0) {
        const nothing = document.createElement("p");
        nothing.className = "scms-hint";
        nothing.textContent = "Nothing changed.";
        el.append(nothing);
        return;
      }
      const list = document.createElement("ul");
      for (const row of rows) {
        const item = document.createElement("li");
        const time = document.createElement("time");
        time.textContent = row.time;
        item.append(time, row.text);
        list.append(item);
      }
      el.append(list);
    };
    model.on("change:rows", draw);
    draw();
    return () => model.off("change:rows", draw);
  },
};
