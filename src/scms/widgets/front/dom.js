// What several widgets begin with; `part.module` puts it before them, since an anywidget is one module.

// How a server's state looks.
const TONES = { up: "ok", degraded: "warn", stale: "warn", down: "bad", unknown: "off" };

// What cannot be seen, or would turn the text around it about (terminal escapes, direction marks), is shown
// as a mark of its own, but for the ends of lines. The collector drops such characters; names of cluster.toml and of holds come here.
const visible = (text) => String(text).replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\uFFFD");

// An element in the page. Texts are put in as text, whoever they came from.
function element(tag, className, parent, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = visible(text);
  if (parent) parent.append(made);
  return made;
}

// The same for a name that a server or a person gave: never translated, and of a direction of its own.
function nameElement(tag, className, parent, text) {
  const made = element(tag, className, parent, text);
  made.translate = false;
  made.dir = "auto";
  return made;
}

// A text that may be written every second: nothing happens while it stays the same. What stands there may be
// in another language by now, so what was written is compared.
function write(node, text) {
  const shown = visible(text);
  if (node.written === shown) return;
  node.written = shown;
  node.textContent = shown;
}

