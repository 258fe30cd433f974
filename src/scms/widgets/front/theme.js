// The look of the page, and its language (language.js stands before this in the same module): carries
// theme.css and keeps data-scms-theme on the document. Dark or light
// is what was chosen on this machine, else what JupyterLab shows, else what the system asks for.

const system = matchMedia("(prefers-color-scheme: dark)");

function apply() {
  const chosen = localStorage.getItem("scms-theme");
  const lab = document.body.dataset.jpThemeLight;
  const fallback = lab === undefined ? (system.matches ? "dark" : "light") : lab === "false" ? "dark" : "light";
  const theme = chosen === "dark" || chosen === "light" ? chosen : fallback;
  if (document.documentElement.dataset.scmsTheme === theme) return;
  document.documentElement.dataset.scmsTheme = theme;
  window.dispatchEvent(new CustomEvent("scms-themed", { detail: theme }));
}

export default {
  initialize({ model }) {
    apply();
    const leave = language.join(model);
    const lab = new MutationObserver(apply);
    lab.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
    system.addEventListener("change", apply);
    window.addEventListener("scms-theme-chosen", apply);
    return () => {
      leave();
      lab.disconnect();
      system.removeEventListener("change", apply);
      window.removeEventListener("scms-theme-chosen", apply);
    };
  },
  render({ el }) {
    el.hidden = true;
    return language.enter(el);
  },
};
