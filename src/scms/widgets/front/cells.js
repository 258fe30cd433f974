// The GPUs of a server as cells: state by shape as well as colour, the rest in words for a pointer and for
// a screen reader.

function keepCells(parent, count) {
  while (parent.childElementCount > count) parent.lastElementChild.remove();
  while (parent.childElementCount < count) {
    const cell = nameElement("div", "scms-cell", parent);
    cell.setAttribute("role", "img");
    element("i", "", cell);
  }
  parent.hidden = count === 0;
}

function drawCells(parent, machine, user) {
  machine.devices.forEach((device, n) => drawCell(parent.children[n], device, machine.texts.devices[n], user));
}

function drawCell(cell, device, texts, user) {
  const state = STATES[device.state];
  const use = device.gpu_utilization_ratio;
  const known = state === "faulty" || state === "unknown" || Number.isNaN(use) ? 0 : use;
  const least = state === "busy" ? 0.12 : 0; // held and idle for a moment is not free
  const facts = [
    `GPU ${device.device_index}: ${WORDS[state]}${texts.reason ? `, ${texts.reason}` : ""}`,
    texts.name,
    Number.isNaN(use) ? null : `${percent(use)} use`,
    Number.isNaN(device.memory_used_bytes) ? null
      : `${gib(device.memory_used_bytes)} of ${gib(device.memory_total_bytes)} GiB`,
    Number.isNaN(device.temperature_celsius) ? null : `${Math.round(device.temperature_celsius)} °C`,
    Number.isNaN(device.power_watts) ? null : `${Math.round(device.power_watts)} W`,
    texts.users.length ? `used by ${texts.users.join(", ")}` : null,
    texts.held_by ? `held by ${texts.held_by}` : null,
  ];
  const title = facts.filter(Boolean).map(visible).join("\n");
  const mine = String(user !== "" && (texts.users.includes(user) || texts.held_by === user));
  if (cell.said === title && cell.dataset.mine === mine) return; // not its title: that may be in Chinese
  cell.said = title;
  cell.dataset.state = state;
  cell.dataset.held = String(texts.held_by !== null);
  cell.dataset.mine = mine;
  cell.firstElementChild.style.height = `${Math.max(least, known) * 100}%`;
  cell.title = title;
  cell.setAttribute("aria-label", title);
}
