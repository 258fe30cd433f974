// A title and sentences below it.

export default {
  render({ model, el }) {
    el.classList.add("scms-panel", "scms-sentences");
    const draw = () => {
      el.replaceChildren();
      element("div", "scms-title", el, model.get("title"));
      for (const sentence of model.get("sentences")) element("p", "scms-hint", el, sentence);
    };
    model.on("change:sentences change:title", draw);
    draw();
    return () => model.off("change:sentences change:title", draw);
  },
};
