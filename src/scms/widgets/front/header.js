// Name, pages, theme and language switch. The page and its state are in the address (#PAGE[/NAME][?word=text&…]).
// Switching the page is done here at once; the kernel hears of it, prepares what a page needs, and says
// what of its state is worth a word in the address.

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
  group.dataset.switch = label.toLowerCase();
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", label);
  const buttons = choices.map(([key, text]) => {
    const button = element("button", "", group, text);
    button.type = "button";
    button.dataset.key = key;
    button.addEventListener("click", () => choose(key));
    return button;
  });
  return (key) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.key === key));
    // On a phone the switch is wider than the screen: what is chosen is in sight.
    const chosen = buttons.find((button) => button.dataset.key === key);
    if (chosen) group.scrollLeft = chosen.offsetLeft - (group.clientWidth - chosen.offsetWidth) / 2;
  };
}

// A text before and after the first of these marks; null where there is none.
function halves(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

// What somebody has typed may be no address at all.
function plain(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export default {
  render({ model, el }) {
    el.classList.add("scms-header");
    const brand = element("div", "scms-brand", el);
    logo(brand);
    element("span", "scms-product", brand, "SCMS");
    nameElement("span", "scms-subtitle", brand, model.get("cluster"));
    const pages = model.get("pages");
    const known = new Set(pages.map(([key]) => key));
    const app = () => el.closest(".scms-app");

    // A page may have a part of its own: "server/gpu-a01" is the page "server", reached from Live.
    const address = (place, query) => {
      const [key, name] = halves(place, "/");
      const words = new URLSearchParams(Object.entries(query ?? {})).toString();
      return `#${key}${name === null ? "" : `/${encodeURIComponent(name)}`}${words && `?${words}`}`;
    };
    // Without words in the address the page is shown as it was left.
    const showPage = (place, query) => {
      const [key] = halves(place, "/");
      if (app()) app().dataset.page = key;
      markPage(known.has(key) ? key : pages[0][0]);
      if (model.get("page") === place && query === null) return;
      model.set({ page: place, query });
      model.save_changes();
    };
    const markPage = switcher(el, "Pages", pages, (key) => {
      if (model.get("page") === key) return;
      history.replaceState(null, "", `#${key}`);
      showPage(key, null);
      window.scrollTo(0, 0);
    });
    const markTheme = switcher(el, "Theme", [["dark", "Dark"], ["light", "Light"]], (key) => {
      localStorage.setItem("scms-theme", key);
      window.dispatchEvent(new CustomEvent("scms-theme-chosen"));
    });
    const markLanguage = switcher(el, "Language", [["en", "EN"], ["zh", "中文"]], (key) => {
      window.dispatchEvent(new CustomEvent("scms-language-chosen", { detail: key }));
    });
    for (const button of el.lastElementChild.children) button.translate = false; // each in its own

    const followAddress = () => {
      const [path, words] = halves(location.hash.slice(1), "?");
      const place = plain(path);
      const before = model.get("page");
      const wanted = known.has(place) || place.startsWith("server/") ? place : pages[0][0];
      showPage(wanted, words === null ? null : Object.fromEntries(new URLSearchParams(words)));
      if (wanted !== before) window.scrollTo(0, 0);
    };
    const writeAddress = () => {
      const { page, words } = model.get("shown");
      if (page !== model.get("page")) return; // it was left meanwhile
      const wanted = address(page, words);
      if ((location.hash || `#${pages[0][0]}`) !== wanted) history.replaceState(null, "", wanted);
      if (model.get("query") === null) return;
      model.set("query", null); // it was answered: the next page is shown as it was left
      model.save_changes();
    };
    const themed = () => markTheme(document.documentElement.dataset.scmsTheme);
    const spoken = () => markLanguage(document.documentElement.dataset.scmsLanguage ?? "en");
    window.addEventListener("hashchange", followAddress);
    window.addEventListener("scms-themed", themed);
    window.addEventListener("scms-spoken", spoken);
    model.on("change:shown", writeAddress);
    const sized = new ResizeObserver(() => {
      app()?.style.setProperty("--scms-header-height", `${el.offsetHeight}px`);
    });
    sized.observe(el);
    requestAnimationFrame(() => {
      followAddress(); // once the element hangs in the page
      themed();
      spoken();
    });
    return () => {
      window.removeEventListener("hashchange", followAddress);
      window.removeEventListener("scms-themed", themed);
      window.removeEventListener("scms-spoken", spoken);
      model.off("change:shown", writeAddress);
      sized.disconnect();
    };
  },
};
