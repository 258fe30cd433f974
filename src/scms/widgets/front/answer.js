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

// What is left of a hold, in plain words.
function left(ms) {
  const minutes = Math.max(0, Math.floor(ms / 60000));
  if (minutes < 1) return "less than a minute left";
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  const said = (count, unit) => (count ? `${count} ${unit}${count === 1 ? "" : "s"}` : "");
  return `${[said(hours, "hour"), said(rest, "minute")].filter(Boolean).join(" ")} left`;
}

// Where the browser permits it, a message beside the page: it is not always looked at.
function notify(title, body) {
  const said = (text) => globalThis.scmsLanguage?.say(text) ?? text;
  if (globalThis.Notification?.permission === "granted") new Notification(said(title), { body: said(body) });
}

function fitting({ candidates, plans }) {
  const count = candidates.length;
  if (plans.length) return `No server can take it alone, ${plans[0].parts.length} can together now`;
  return `${count} server${count === 1 ? " fits" : "s fit"} now`;
}

function chance({ probability }, meaning) {
  const badge = element("span", "scms-chance");
  if (probability === null) {
    badge.textContent = "–";
    badge.title = "no history yet: the chance is not known";
    badge.dataset.tone = "off";
    return badge;
  }
  badge.textContent = percent(probability);
  badge.dataset.tone = probability >= 0.7 ? "ok" : probability >= 0.4 ? "warn" : "bad";
  badge.title = meaning;
  return badge;
}

class View {
  constructor(model, el) {
    this.model = model;
    el.classList.add("scms-answer");
    this.panel = element("section", "scms-panel", el);
    this.watching = element("section", "scms-panel scms-watch", el);
    this.watching.setAttribute("role", "status");
    this.held = element("section", "scms-panel scms-holds", el);
    this.open = null;
    this.offered = [];
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
    const { candidates, plans, rejected, waits } = answer;
    this.offered = [];
    const count = candidates.length + plans.length;
    const line = element("div", "scms-title", this.panel, answer.impossible ?? fitting(answer));
    element("small", "", line, answer.said);
    if (count) this.table(answer);
    for (const wait of waits) this.wait(wait);
    if (!count && !answer.impossible) this.offer();
    if (rejected.length) this.rejected(rejected);
    this.markHeld();
  }

  // What is held already need not be held again.
  markHeld() {
    const held = new Set(this.model.get("holds").map(({ device }) => device));
    for (const { hold, label, devices } of this.offered) {
      hold.disabled = devices.every((device) => held.has(device));
      hold.textContent = hold.disabled ? "Held" : label;
    }
  }

  table({ candidates, plans, request }) {
    const table = element("table", "scms-table scms-ranked", this.panel);
    const head = element("tr", "", element("thead", "", table));
    for (const name of ["Chance", "Server", "Hardware", "Why", ""]) element("th", "", head, name);
    const body = element("tbody", "", table);
    const names = candidates.map((candidate) => candidate.server);
    if (!names.includes(this.open)) this.open = names[0];
    for (const candidate of candidates) this.row(body, candidate, request);
    plans.forEach((plan, rank) => {
      this.together(body, plan, request);
      for (const part of plan.parts) this.row(body, part, request, rank === 0);
    });
  }

  // Servers that take the job together: one chance, one hold; each has its own line below.
  together(body, plan, request) {
    const row = element("tr", "scms-together", body);
    const first = element("td", "", row);
    first.append(chance(plan, `chance that all stay free for ${request.hours} h`));
    element("small", "scms-score", first, `score ${Math.round(plan.score)}`);
    element("b", "", element("td", "", row), `${plan.parts.length} servers together`);
    element("td", "", row, `${request.gpus} GPUs`);
    const why = element("td", "scms-why", row);
    for (const reason of plan.reasons) element("span", "scms-chip", why, reason);
    this.holdButton(element("td", "scms-actions", row), plan.parts, "Hold all");
  }

  holdButton(parent, parts, label) {
    const places = parts.map(({ server, devices }) => ({ server, devices }));
    const hold = button(parent, label, () => this.model.send({ kind: "hold", places }));
    this.offered.push({ hold, label, devices: places.flatMap(({ devices }) => devices) });
  }

  // One server; that of a plan says below what to type there, and is held with the others.
  row(body, candidate, request, shown = null) {
    const alone = shown === null;
    const row = element("tr", alone ? "scms-candidate" : "scms-candidate scms-part", body);
    row.dataset.server = candidate.server;
    const first = element("td", "", row);
    const { probability_cases: cases } = candidate;
    const meaning = `chance that it stays free for ${request.hours} h, from ${cases} past cases here`;
    first.append(chance(candidate, meaning));
    if (alone) element("small", "scms-score", first, `score ${Math.round(candidate.score)}`);
    const server = element("td", "", row);
    nameElement("b", "", server, candidate.server);
    if (candidate.simulated) element("span", "scms-tag", server, "simulated");
    nameElement("small", "", server, candidate.group ?? "");
    const hardware = element("td", "", row);
    const count = candidate.devices.length;
    element("span", "", hardware, count ? `${count} of ${candidate.gpus_total} × ${candidate.device_name}` : "CPU");
    if (candidate.memory_total_bytes) element("small", "", hardware, `${gib(candidate.memory_total_bytes)} RAM`);
    const why = element("td", "scms-why", row);
    for (const reason of candidate.reasons) element("span", "scms-chip", why, reason);
    const actions = element("td", "scms-actions", row);
    if (count && alone) this.holdButton(actions, [candidate], "Hold");
    const below = element("tr", "scms-below", body);
    const cell = element("td", "", below);
    cell.colSpan = 5;
    const box = element("div", "scms-command", cell);
    element("code", "", box, candidate.command);
    button(box, "Copy", (from) => copy(candidate.command, from));
    below.hidden = alone ? this.open !== candidate.server : !shown;
    row.addEventListener("click", () => {
      if (!alone) below.hidden = !below.hidden;
      else {
        this.open = below.hidden ? candidate.server : null;
        for (const other of body.querySelectorAll(".scms-below")) other.hidden = other !== below || !below.hidden;
      }
    });
  }

  wait({ server, lower_hours: low, median_hours: middle, upper_hours: high, cases }) {
    const said = (hours) => (hours === null ? "over 14 d" : hours < 1 ? `${Math.round(hours * 60)} min` : `${hours.toFixed(hours < 10 ? 1 : 0)} h`);
    const line = element("p", "scms-hint", this.panel);
    if (server === null) element("b", "", line, "All that suit, together:");
    else nameElement("b", "", line, server);
    const cases_ = `${cases} past case${cases === 1 ? "" : "s"}`;
    const text = `free in ${said(low)} to ${said(high)} four times in five, ${said(middle)} at the median (${cases_})`;
    element("span", "", line, text);
  }

  // Nothing fits now: wait for it here, or in a terminal.
  offer() {
    const box = element("div", "scms-offer", this.panel);
    const act = () => {
      if (globalThis.Notification?.permission === "default") Notification.requestPermission();
      this.model.send({ kind: "watch" });
    };
    button(box, "Tell me when it is free", act, "scms-primary");
    element("span", "scms-hint", box, "while this page is open");
  }

  drawWatch() {
    const { state, said, servers, problem, command } = this.model.get("watch");
    this.watching.replaceChildren();
    this.watching.hidden = state === "off";
    this.watching.dataset.state = state;
    if (state === "off") return;
    const titles = { watching: "Watching", met: "It is free", failed: "Not watching any more" };
    const line = element("div", "scms-title", this.watching, titles[state]);
    if (said) element("small", "", line, said);
    if (state === "watching") {
      element("p", "scms-hint", this.watching, "You are told here as soon as a server fits; keep this page open.");
    } else if (state === "met") {
      const sentence = element("p", "scms-hint", this.watching);
      for (const server of servers) nameElement("b", "", sentence, server);
      const fits = servers.length > 1 ? "fit together now. Hold them" : "fits now. Hold it";
      element("span", "", sentence, `${fits} before somebody else comes.`);
      if (this.seen === "watching") notify("A server is free", `${servers.join(" + ")}: ${said}`);
    } else element("p", "scms-hint", this.watching, problem);
    const row = element("div", "scms-offer", this.watching);
    button(row, state === "watching" ? "Stop watching" : "Close", () => this.model.send({ kind: "unwatch" }));
    if (state === "watching") {
      element("span", "scms-hint", row, "The same in a terminal:");
      const box = element("div", "scms-command", this.watching);
      element("code", "", box, command);
      button(box, "Copy", (from) => copy(command, from));
    }
    this.seen = state;
  }

  rejected(rows) {
    const details = element("details", "scms-rejected", this.panel);
    element("summary", "", details, `${rows.length} not suitable`);
    const list = element("dl", "", details);
    for (const { server, reasons } of rows) {
      nameElement("dt", "", list, server);
      element("dd", "", list, reasons.join(" · "));
    }
  }

  drawHolds() {
    const holds = this.model.get("holds");
    this.markHeld();
    this.held.replaceChildren();
    this.held.hidden = holds.length === 0;
    const line = element("div", "scms-title", this.held, "Active holds");
    element("small", "", line, "soft claims; one goes on by itself while its holder works on the GPU");
    const list = element("ul", "", this.held);
    for (const hold of holds) {
      const { server, device, user } = hold;
      const item = element("li", "", list);
      item.dataset.hold = hold.hold_id;
      nameElement("b", "", item, server);
      if (hold.gpu === null) nameElement("span", "", item, device);
      else element("span", "", item, `GPU ${hold.gpu}`);
      nameElement("span", "scms-who", item, user);
      if (hold.purpose) nameElement("span", "scms-purpose", item, hold.purpose);
      element("span", "scms-left", item, left(hold.expires_at - Date.now()));
      button(item, "Release", () => this.model.send({ kind: "release", hold_id: hold.hold_id, user }));
      button(item, "Renew", () => this.model.send({ kind: "renew", server, device, user }));
    }
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    const draw = () => view.draw();
    const drawHolds = () => view.drawHolds();
    const drawWatch = () => view.drawWatch();
    model.on("change:watch", drawWatch);
    model.on("change:answer", draw);
    model.on("change:holds", drawHolds);
    const seen = () => !document.hidden && el.offsetParent !== null;
    const timer = setInterval(() => seen() && model.send({ kind: "holds" }), 5000);
    draw();
    drawHolds();
    drawWatch();
    return () => {
      clearInterval(timer);
      model.off("change:answer", draw);
      model.off("change:holds", drawHolds);
      model.off("change:watch", drawWatch);
    };
  },
};
