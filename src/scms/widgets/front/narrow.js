// What a report is narrowed to: a chip each, which can be removed.

const WORDS = { server: "Server", group: "Group", user: "User", tag: "Tag", model: "GPU model" };

export default {
  render({ model, el }) {
    el.classList.add("scms-narrow");
    const draw = () => {
      el.replaceChildren();
      for (const [word, label] of Object.entries(WORDS)) {
        const value = model.get(word);
        if (!value) continue;
        const chip = element("span", "scms-narrowed", el);
        element("span", "", chip, label);
        nameElement("b", "", chip, value);
        const remove = element("button", "", chip, "×");
        remove.type = "button";
        remove.title = "Remove this filter";
        remove.setAttribute("aria-label", "Remove this filter");
        remove.addEventListener("click", () => {
          model.set(word, "");
          model.save_changes();
        });
      }
    };
    const changes = Object.keys(WORDS).map((word) => `change:${word}`).join(" ");
    model.on(changes, draw);
    draw();
    return () => model.off(changes, draw);
  },
};
