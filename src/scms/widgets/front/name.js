// Who looks at the page, as they typed it once: kept in this browser, and the same on all pages. What the
// address of the page says goes before.

const KEY = "scms-user";
const TYPED_MS = 300;

export default {
  render({ model, el }) {
    el.classList.add("scms-name-field", "widget-text");
    const input = element("input", "", el);
    input.type = "text";
    input.autocomplete = "username";
    input.spellcheck = false;
    input.maxLength = 64;
    input.dir = "auto";
    input.placeholder = model.get("placeholder");
    input.setAttribute("aria-label", "Your name");
    const show = () => {
      if (input.value !== model.get("value")) input.value = model.get("value");
    };
    const tell = (value) => {
      if (model.get("value") === value) return;
      model.set("value", value);
      model.save_changes();
    };
    let timer = 0;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        localStorage.setItem(KEY, input.value);
        tell(input.value);
        window.dispatchEvent(new CustomEvent("scms-named", { detail: input.value }));
      }, TYPED_MS);
    });
    const named = ({ detail }) => tell(detail);
    const asked = new URLSearchParams(location.hash.split("?")[1]).has("user");
    const kept = localStorage.getItem(KEY);
    if (!asked && model.get("value") === "" && kept) tell(kept);
    model.on("change:value", show);
    window.addEventListener("scms-named", named);
    show();
    return () => {
      clearTimeout(timer);
      model.off("change:value", show);
      window.removeEventListener("scms-named", named);
    };
  },
};
