// The GPUs of a server, one card each, with their last 15 minutes. All texts come from the kernel, ready
// to be shown; everything that came from a server is put in as text.

function bar(parent, label, ratio, text) {
  const root = element("div", "scms-meter", parent);
  element("span", "scms-meter-label", root, label);
  const fill = element("i", "", element("span", "scms-meter-bar", root));
  fill.style.width = `${ratio === null ? 0 : Math.min(1, ratio) * 100}%`;
  element("span", "scms-meter-value", root, ratio === null ? "–" : `${Math.round(ratio * 100)}%`);
  if (text) root.title = text;
}

function drawLine(canvas, values) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || values.length < 2) return;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.strokeStyle = getComputedStyle(canvas).getPropertyValue("--scms-accent");
  pen.lineWidth = 1.3;
  pen.beginPath();
  let begun = false;
  values.forEach((value, n) => {
    const x = (n / (values.length - 1)) * width;
    if (value === null) begun = false; // a gap stays a gap
    else if (begun) pen.lineTo(x, height - 1 - value * (height - 3));
    else pen.moveTo(x, height - 1 - value * (height - 3));
    if (value !== null) begun = true;
  });
  pen.stroke();
}

function actionButton(parent, word, title, act) {
  const button = element("button", "scms-button", parent, word);
  button.type = "button";
  button.setAttribute("aria-label", `${word} ${title}`);
  button.addEventListener("click", act);
}

function drawDevice(parent, device, user, send) {
  const root = element("article", "scms-gpu", parent);
  root.dataset.state = device.state;
  const top = element("header", "", root);
  const cell = element("span", "scms-cell", top);
  cell.dataset.state = device.state;
  cell.dataset.held = String(device.held_by !== null);
  element("i", "", cell).style.height = device.state === "busy" ? `${Math.max(12, (device.use ?? 0) * 100)}%` : "0";
  element("b", "", top, device.title);
  element("span", "scms-gpu-state", top, device.word).title = visible(device.reason ?? "");
  nameElement("span", "scms-gpu-name", top, device.name).title = device.device;
  const meters = element("div", "scms-meters", root);
  bar(meters, "Use", device.use);
  bar(meters, "Mem", device.memory, device.memory_text);
  const line = element("canvas", "scms-spark", root);
  line.title = "utilisation, last 15 minutes";
  element("p", "scms-gpu-facts", root, device.facts);
  for (const said of device.health) element("p", "scms-gpu-health", root, said);
  const foot = element("footer", "", root);
  if (device.users) {
    const who = nameElement("span", "scms-users", foot, device.users);
    who.title = who.textContent;
  } else element("span", "scms-users", foot, device.reason ?? "").title = visible(device.reason ?? "");
  if (device.held_by) {
    const held = element("span", "scms-held", foot, "held by ");
    nameElement("span", "", held, device.held_by);
  }
  const act = (kind) => () => send({ kind, device: device.device });
  if (device.can_hold) actionButton(foot, "Hold", device.title, act("hold"));
  else if (device.held_by && device.held_by === user) actionButton(foot, "Release", device.title, act("release"));
  requestAnimationFrame(() => drawLine(line, device.line));
}

export default {
  render({ model, el }) {
    el.classList.add("scms-gpus");
    const send = (content) => model.send(content);
    const draw = () => {
      const focused = el.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
      el.replaceChildren();
      for (const device of model.get("devices")) drawDevice(el, device, model.get("user").trim(), send);
      if (focused) el.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
    };
    model.on("change:devices change:user", draw);
    window.addEventListener("scms-themed", draw);
    draw();
    return () => {
      model.off("change:devices change:user", draw);
      window.removeEventListener("scms-themed", draw);
    };
  },
};
