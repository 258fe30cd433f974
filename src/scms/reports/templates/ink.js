// What a canvas cannot take from the style sheet: letters dark on a light page and on paper, light
// on a dark page, and scales that begin near the colour of the page.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const inks = ["#475569", "#a8b4c6"];
  const inked = ["major_label_text_color", "axis_label_text_color", "label_text_color", "title_text_color", "text_color"];
  const darkScale = ["#1e2b45", "#21365f", "#25427b", "#2a5098", "#3161b6", "#3d74d0", "#5489e2", "#739fee", "#96b8f5", "#b9d0fa", "#dce8fe"];
  const flipped = { "#ffffff": "#0f172a", "#1e293b": "#e6ebf4" };
  const first = new Map();
  function original(model, name) {
    if (!first.has(model)) first.set(model, model[name]);
    return first.get(model);
  }
  function paint(onDark) {
    for (const doc of window.Bokeh.documents) {
      for (const model of [...doc.all_models]) {
        for (const name of inked) {
          if (inks.includes(model[name]?.value ?? model[name])) model[name] = inks[onDark ? 1 : 0];
        }
        if (model.palette) {
          const light = original(model, "palette");
          model.palette = onDark ? darkScale : light;
        } else if (model.data?.text && model.data.color) {
          const data = original(model, "data");
          const color = Array.from(data.color, (ink) => (onDark ? flipped[ink] : undefined) ?? ink);
          model.data = { ...data, color };
        }
      }
    }
  }
  const onScreen = () => paint(dark.matches);
  let tries = 200;
  function begin() {
    if (window.Bokeh?.documents.length) onScreen();
    else if (tries-- > 0) setTimeout(begin, 50);
  }
  begin();
  dark.addEventListener("change", onScreen);
  addEventListener("beforeprint", () => paint(false));
  addEventListener("afterprint", onScreen);
})();
