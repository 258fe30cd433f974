// Names and what is known, one below the other. Names of servers and people are not translated.

export default {
  render({ model, el }) {
    el.classList.add("scms-facts");
    const draw = () => {
      el.replaceChildren();
      nameElement("div", "scms-title", el, model.get("title"));
      const list = element("dl", "", el);
      for (const { name, text, people } of model.get("rows")) {
        element("dt", "", list, name);
        const said = element("dd", "", list);
        element("span", "", said, text);
        if (people) nameElement("span", "scms-who", said, people);
      }
    };
    model.on("change:rows change:title", draw);
    draw();
    return () => model.off("change:rows change:title", draw);
  },
};
