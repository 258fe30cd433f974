// Name, pages and theme switch. The page is in the address (#live, #reports, #find, #server/NAME), and
// switching it is done here at once; the kernel hears of it and prepares what a page needs.

const LOGO = [
  [7, 7, 1], [17, 7, 0.92], [7, 17, 0.45], [17, 17, 1],
];

function logo(parent) {
  const NS = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("class", "scms-logo");
  svg.setAttribute("aria-hidden", "true");
  for (const [x, y, opacity] of LOGO) {
    const square = document.createElementNS(NS, "rect");
    for (const [key, value] of Object.entries({ x, y, width: 8, height: 8, rx: 2.4, fill: "#fff", opacity }))
      square.setAttribute(key, value);
    svg.append(square);
  }
  parent.append(svg);
}

function switcher(parent, label, choices, choose) {
  const group = element("div", "scms-switch", parent);
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", label);
  const buttons = choices.map(([key, text]) => {
    const button = element("button", "", group, text);
    button.type = "button";
    button.dataset.key = key;
    button.addEventListener("click", () => choose(key));
    return button;
  });
  return (key) => buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.key === key)));
}

export default {
  render({ model, el }) {
    el.classList.add("scms-header");
    const brand = element("div", "scms-brand", el);
    logo(brand);
    element("span", "scms-name", brand, "SCMS");
    element("span", "scms-subtitle", brand, model.get("cluster"));
    const pages = model.get("pages");
    const known = new Set(pages.map(([key]) => key));
    const app = () => el.closest(".scms-app");

    // A page may have a part of its own: "server/gpu-a01" is the page "server", reached from Live.
    const showPage = (place) => {
      const [key] = place.split("/", 1);
      if (app()) app().dataset.page = key;
      markPage(known.has(key) ? key : pages[0][0]);
      if (model.get("page") === place) return;
      model.set("page", place);
      model.save_changes();
    };
    const markPage = switcher(el, "Pages", pages, (key) => {
      history.replaceState(null, "", `#${key}`);
      showPage(key);
    });
    const markTheme = switcher(el, "Theme", [["dark", "Dark"], ["light", "Light"]], (key) => {
      localStorage.setItem("scms-theme", key);
      window.dispatchEvent(new CustomEvent("scms-theme-chosen"));
    });

    const followAddress = () => {
      const place = decodeURIComponent(location.hash.slice(1));
      showPage(known.has(place) || place.startsWith("server/") ? place : pages[0][0]);
      window.scrollTo(0, 0);
    };
    const themed = () => markTheme(document.documentElement.dataset.scmsTheme);
    window.addEventListener("hashchange", followAddress);
    window.addEventListener("scms-themed", themed);
    requestAnimationFrame(() => {
      followAddress(); // once the element hangs in the page
      themed();
    });
    return () => {
      window.removeEventListener("hashchange", followAddress);
      window.removeEventListener("scms-themed", themed);
    };
  },
};
