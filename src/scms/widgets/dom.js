// What several widgets begin with; `part.module` puts it before them, since an anywidget is one module.

// How a server's state looks.
const TONES = { up: "ok", degraded: "warn", stale: "warn", down: "bad", unknown: "off" };

// An element in the page. Texts are put in as text, whoever they came from.
function element(tag, className, parent, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

