// The answer of the finder: ranked servers with reasons, the line to type, holds. Texts are put in
// as text; what a viewer wants held or released goes to the kernel, which checks it.

function button(parent, text, act, className = "") {
  const made = element("button", `scms-button ${className}`, parent, text);
  made.type = "button";
  made.addEventListener("click", (event) => {
    event.stopPropagation();
    act(made);
  });
  return made;
}

async function copy(text, from) {
  // The clipboard is there on https and on localhost only; elsewhere the old way still works.
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else {
    const area = element("textarea", "", document.body);
    area.value = text;
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  from.textContent = "Copied";
  setTimeout(() => { from.textContent = "Copy"; }, 1500);
}

const gib = (bytes) => `${Math.round(bytes / 2 ** 30)} GiB`;
const percent = (ratio) => `${Math.round(ratio * 100)}%`;

function duration(ms) {
  const minutes = Math.max(0, Math.ceil(ms / 60000));
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

function chance(candidate, hours) {
  const badge = element("span", "scms-chance");
  const { probability, probability_cases: cases } = candidate;
  if (probability === null) {
    badge.textContent = "–";
    badge.title = "no history yet: the chance is not known";
    badge.dataset.tone = "off";
    return badge;
  }
  badge.textContent = percent(probability);
  badge.dataset.tone = probability >= 0.7 ? "ok" : probability >= 0.4 ? "warn" : "bad";
  badge.title = `chance that it stays free for ${hours} h, from ${cases} past cases here`;
  return badge;
}

class View {
  constructor(model, el) {
    this.model = model;
    el.classList.add("scms-answer");
    this.panel = element("section", "scms-panel", el);
    this.held = element("section", "scms-panel scms-holds", el);
    this.open = null;
  }

  draw() {
    const answer = this.model.get("answer");
    this.panel.replaceChildren();
    if (!answer) {
      element("div", "scms-title", this.panel, "Ranked servers");
      const hint = "Say what the job needs: the servers that fit come ranked, with the reasons and the line to type.";
      element("p", "scms-hint", this.panel, hint);
      return;
    }
    const { candidates, rejected, waits } = answer;
    const count = candidates.length;
    const title = answer.impossible ?? `${count} server${count === 1 ? " fits" : "s fit"} now`;
    const line = element("div", "scms-title", this.panel, title);
    element("small", "", line, answer.said);
    if (count) this.table(answer);
    for (const wait of waits) this.wait(wait);
    if (rejected.length) this.rejected(rejected);
  }

  table({ candidates, request }) {
    const table = element("table", "scms-table scms-ranked", this.panel);
    const head = element("tr", "", element("thead", "", table));
    for (const name of ["Chance", "Server", "Hardware", "Why", ""]) element("th", "", head, name);
    const body = element("tbody", "", table);
    const names = candidates.map((candidate) => candidate.server);
    if (!names.includes(this.open)) this.open = names[0];
    for (const candidate of candidates) this.row(body, candidate, request);
  }

  row(body, candidate, request) {
    const row = element("tr", "scms-candidate", body);
    row.dataset.server = candidate.server;
    const first = element("td", "", row);
    first.append(chance(candidate, request.hours));
    element("small", "scms-score", first, `score ${Math.round(candidate.score)}`);
    const server = element("td", "", row);
    element("b", "", server, candidate.server);
    if (candidate.simulated) element("span", "scms-tag", server, "simulated");
    element("small", "", server, candidate.group ?? "");
    const hardware = element("td", "", row);
    const count = candidate.devices.length;
    element("span", "", hardware, count ? `${count} of ${candidate.gpus_total} × ${candidate.device_name}` : "CPU");
    if (candidate.memory_total_bytes) element("small", "", hardware, `${gib(candidate.memory_total_bytes)} RAM`);
    const why = element("td", "scms-why", row);
    for (const reason of candidate.reasons) element("span", "scms-chip", why, reason);
    const actions = element("td", "scms-actions", row);
    if (count) {
      const { server: name, devices } = candidate;
      button(actions, "Hold", () => this.model.send({ kind: "hold", server: name, devices }));
    }
    const below = element("tr", "scms-below", body);
    const cell = element("td", "", below);
    cell.colSpan = 5;
    const box = element("div", "scms-command", cell);
    element("code", "", box, candidate.command);
    button(box, "Copy", (from) => copy(candidate.command, from));
    below.hidden = this.open !== candidate.server;
    row.addEventListener("click", () => {
      this.open = below.hidden ? candidate.server : null;
      for (const other of body.querySelectorAll(".scms-below")) other.hidden = other !== below || !below.hidden;
    });
  }

  wait({ server, lower_hours: low, median_hours: middle, upper_hours: high, cases }) {
    const said = (hours) => (hours === null ? "over 14 d" : hours < 1 ? `${Math.round(hours * 60)} min` : `${hours.toFixed(hours < 10 ? 1 : 0)} h`);
    const text = `${server}: free in ${said(low)} to ${said(high)} four times in five, ${said(middle)} at the median (${cases} cases)`;
    element("p", "scms-hint", this.panel, text);
  }

  rejected(rows) {
    const details = element("details", "scms-rejected", this.panel);
    element("summary", "", details, `${rows.length} not suitable`);
    const list = element("dl", "", details);
    for (const { server, reasons } of rows) {
      element("dt", "", list, server);
      element("dd", "", list, reasons.join(" · "));
    }
  }

  drawHolds() {
    const holds = this.model.get("holds");
    this.held.replaceChildren();
    this.held.hidden = holds.length === 0;
    const line = element("div", "scms-title", this.held, "Active holds");
    element("small", "", line, "soft claims, so that two people are not sent to the same GPU");
    const list = element("ul", "", this.held);
    for (const hold of holds) {
      const item = element("li", "", list);
      item.dataset.hold = hold.hold_id;
      element("b", "", item, hold.server);
      element("span", "", item, hold.gpu === null ? hold.device : `GPU ${hold.gpu}`);
      element("span", "scms-who", item, hold.user);
      element("span", "scms-left", item, `${duration(hold.expires_at - Date.now())} left`);
      button(item, "Release", () => this.model.send({ kind: "release", hold_id: hold.hold_id, user: hold.user }));
    }
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    const draw = () => view.draw();
    const drawHolds = () => view.drawHolds();
    model.on("change:answer", draw);
    model.on("change:holds", drawHolds);
    const seen = () => !document.hidden && el.offsetParent !== null;
    const timer = setInterval(() => seen() && model.send({ kind: "holds" }), 5000);
    draw();
    drawHolds();
    return () => {
      clearInterval(timer);
      model.off("change:answer", draw);
      model.off("change:holds", drawHolds);
    };
  },
};
