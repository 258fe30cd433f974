// Speaks Chinese where the viewer does: watches the texts below .scms and puts the catalogue's words
// in their place, before they are painted. What stands within translate="no" is left alone. In English
// nothing is watched at all. There is one of these on a page, however many widgets bring it.
// words.js stands before this in the same module, and theme.js, which brings it to every view, after it.

const PLACES = ".scms, #loading";
const NAMED = ["title", "placeholder", "aria-label"];
// What is in such an element is left alone, and all within; what is said of it in a title is not.
const LEFT_ALONE = '[translate="no"], .scms-names option:not(:first-child), code, pre, script, style, textarea';
const LANGUAGES = { en: "en", zh: "zh-CN" };

// ?lang=zh before or in the hash, then what was chosen here, then what the browser asks for.
function wanted() {
  const known = (key) => (key && Object.hasOwn(LANGUAGES, key) ? key : null);
  const query = (text) => known(new URLSearchParams(text).get("lang"));
  const asked = query(location.search) ?? query(location.hash.split("?")[1] ?? "");
  if (asked) sessionStorage.setItem("scms-language", asked); // the page may rewrite its address
  const spoken = () => navigator.languages.map((name) => known(name.slice(0, 2).toLowerCase()));
  return asked ?? known(sessionStorage.getItem("scms-language")) ?? known(localStorage.getItem("scms-language"))
    ?? spoken().find((key) => key !== null) ?? "en";
}

class Language {
  constructor() {
    this.spoken = "en";
    this.words = null;
    this.coming = null; // the catalogue, once it was asked for
    this.changed = new WeakMap(); // text node or element: what is changed on it
    this.observer = new MutationObserver((records) => this.follow(records));
    this.models = [];
    window.addEventListener("scms-language-chosen", ({ detail }) => this.choose(detail));
    window.addEventListener("hashchange", () => this.begin());
  }

  // Chosen by hand: for good, and over what the address says.
  choose(key) {
    const address = new URL(location.href);
    address.searchParams.delete("lang");
    if (address.href !== location.href) history.replaceState(history.state, "", address);
    sessionStorage.removeItem("scms-language");
    localStorage.setItem("scms-language", key);
    this.begin(key);
  }

  async begin(key = wanted()) {
    this.wanted = key;
    if (key === "zh") {
      this.coming ??= this.catalogue();
      this.words ??= new Words(await this.coming);
    }
    if (this.wanted !== key || this.spoken === key) return this.tell();
    this.spoken = key;
    this.observer.disconnect();
    for (const place of document.querySelectorAll(PLACES)) {
      if (key === "zh") this.watch(place);
      else this.restore(place);
    }
    this.tell();
  }

  // For the switch, and for what is drawn and not written.
  tell() {
    // Of a page of our own; in JupyterLab the document is not ours to name.
    if (document.querySelector('meta[name="scms-words"]')) document.documentElement.lang = LANGUAGES[this.spoken];
    document.documentElement.dataset.scmsLanguage = this.spoken;
    window.dispatchEvent(new CustomEvent("scms-spoken", { detail: this.spoken }));
  }

  // From the server of the page; where there is none of ours, from the kernel.
  async catalogue() {
    const meta = document.querySelector('meta[name="scms-words"]');
    if (meta) return (await fetch(meta.content)).json();
    const model = this.models.at(-1);
    return new Promise((resolve) => {
      const receive = (content) => {
        if (content.kind !== "words") return;
        model.off("msg:custom", receive);
        resolve(content.words);
      };
      model.on("msg:custom", receive);
      model.send({ kind: "words" });
    });
  }

  say(text) {
    return (this.spoken === "zh" ? this.words.say(text) : null) ?? text;
  }

  // A name, of which only what is said around it is in another language, such as "(simulated)".
  name(text) {
    return this.spoken === "zh" ? this.words.row(text) : text;
  }

  watch(place) {
    if (this.spoken !== "zh") return;
    if (!place.parentElement?.closest(LEFT_ALONE)) this.walk(place);
    const what = { childList: true, characterData: true, subtree: true, attributeFilter: NAMED };
    this.observer.observe(place, what);
    this.observer.takeRecords();
  }

  follow(records) {
    for (const { type, target, addedNodes, attributeName } of records) {
      if (type === "characterData") this.text(target);
      else if (type === "attributes") this.attribute(target, attributeName);
      else for (const node of addedNodes) this.added(node);
    }
    this.observer.takeRecords(); // what was written here just now
  }

  added(node) {
    if (node.nodeType === Node.TEXT_NODE) this.text(node);
    else if (node.nodeType === Node.ELEMENT_NODE && !node.parentElement?.closest(LEFT_ALONE)) this.walk(node);
  }

  walk(element) {
    for (const name of NAMED) if (element.hasAttribute(name)) this.attribute(element, name);
    if (element.matches(LEFT_ALONE)) return;
    for (let node = element.firstChild; node; node = node.nextSibling) {
      if (node.nodeType === Node.TEXT_NODE) this.text(node);
      else if (node.nodeType === Node.ELEMENT_NODE) this.walk(node);
    }
  }

  text(node) {
    this.put(node, node.parentElement, "text", node.data, (chinese) => { node.data = chinese; });
  }

  attribute(element, name) {
    const english = element.getAttribute(name) ?? "";
    if (element.translate === false && english === element.textContent) return; // the name once more
    if (element.matches(".scms-names input")) return; // names as an example
    this.put(element, element.parentElement, name, english, (chinese) => element.setAttribute(name, chinese));
  }

  put(node, parent, name, english, write) {
    if (this.changed.get(node)?.[name]?.chinese === english) return; // moved, not written anew
    const chinese = this.words.say(english);
    if (chinese === null || chinese === english || parent?.closest(LEFT_ALONE)) return;
    const changed = this.changed.get(node);
    if (changed) changed[name] = { english, chinese };
    else this.changed.set(node, { [name]: { english, chinese } });
    write(chinese);
  }

  // What was put in and still stands there gives way to what stood there before.
  restore(node) {
    const back = this.changed.get(node);
    this.changed.delete(node);
    for (const [name, { english, chinese }] of Object.entries(back ?? {})) {
      if (name === "text" && node.data === chinese) node.data = english;
      else if (name !== "text" && node.getAttribute(name) === chinese) node.setAttribute(name, english);
    }
    for (let child = node.firstChild; child; child = child.nextSibling) this.restore(child);
  }

  // A widget that can bring the catalogue; until the function that is returned is called.
  join(model) {
    this.models.push(model);
    return () => { this.models = this.models.filter((other) => other !== model); };
  }

  // The view that an element is in, once it hangs in the page.
  enter(el) {
    const frame = requestAnimationFrame(async () => {
      await this.begin();
      const place = el.closest(".scms");
      if (place) this.watch(place);
    });
    return () => cancelAnimationFrame(frame);
  }
}

const language = (globalThis.scmsLanguage ??= new Language());

// A page of our own loads this by itself, to speak before anything is drawn.
if (document.querySelector('meta[name="scms-words"]')) language.begin();
