// GPU × time: a real table, so that it can be read out, with cells as small as a pixel grid. Arrow keys and
// taps choose a cell; the line below says in words what it is.

const WORDS = { free: "free", busy: "busy", idle_held: "idle-held", faulty: "faulty", unknown: "unknown" };
const DAY_HOURS = 48; // up to here there is room for names in the cells
const percent = (ratio) => (ratio === null ? "–" : `${Math.round(ratio * 100)}%`);

function formats(zone) {
  const make = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options });
  return {
    hour: make({ hour: "2-digit", minute: "2-digit" }),
    day: make({ day: "numeric", month: "short" }),
    both: make({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
  };
}

// Who computed there; a user that the probe may not see has no name.
const people = (users) => users.map((user) => user ?? "(hidden)").join(", ");

function facts(cell) {
  if (!cell) return "not observed";
  const [state, mean, low, high] = cell;
  const use = mean === null ? "" : `, ${percent(mean)} use (${percent(low)} to ${percent(high)})`;
  return `${WORDS[state]}${use}`;
}

class Hours {
  constructor(el) {
    el.classList.add("scms-hours-view");
    this.scroll = element("div", "scms-scroll", el);
    this.said = element("p", "scms-hours-said", el);
    this.said.setAttribute("role", "status");
    this.chosen = null;
    this.scroll.addEventListener("click", ({ target }) => this.choose(target.closest("td")));
    this.scroll.addEventListener("keydown", (event) => this.move(event));
  }

  draw({ start, hours, zone, devices = [] }) {
    this.scroll.replaceChildren();
    this.chosen = null;
    this.said.replaceChildren();
    this.said.hidden = !devices.length;
    if (!devices.length) return;
    this.formats = formats(zone);
    const table = element("table", "scms-hours", this.scroll);
    table.tabIndex = 0;
    table.dataset.names = String(hours <= DAY_HOURS);
    element("caption", "scms-unseen", table, "What each GPU did, hour by hour. Arrow keys choose an hour.");
    this.heads(element("tr", "", element("thead", "", table)), start, hours);
    const body = element("tbody", "", table);
    for (const device of devices) this.line(body, device, start);
    element("span", "", this.said, "Choose an hour of a GPU to see who used it.");
    this.scroll.scrollLeft = this.scroll.scrollWidth; // the newest is on the right
  }

  // One heading for the hours until the next: every third hour, or a day.
  heads(line, start, hours) {
    element("td", "", line);
    const moment = (n) => start + n * 3600000;
    const begins = (n) => (hours <= DAY_HOURS ? n % 3 === 0
      : n === 0 || this.formats.day.format(moment(n)) !== this.formats.day.format(moment(n - 1)));
    for (let n = 0; n < hours; ) {
      const first = n;
      do n += 1; while (n < hours && !begins(n));
      const format = hours <= DAY_HOURS ? this.formats.hour : this.formats.day;
      const head = element("th", "", line, n - first < 3 && hours > DAY_HOURS ? "" : format.format(moment(first)));
      head.colSpan = n - first;
      head.scope = "colgroup";
    }
  }

  line(body, device, start) {
    const line = element("tr", "", body);
    const head = element("th", "", line, device.title);
    head.scope = "row";
    head.title = visible(device.name ?? "");
    device.cells.forEach((cell, n) => {
      const place = element("td", "", line);
      const time = this.formats.both.format(start + n * 3600000);
      place.dataset.state = cell ? cell[0] : "none";
      if (cell) place.style.setProperty("--use", String(Math.round((cell[1] ?? 0) * 88 + 12)));
      place.cell = { title: device.title, time, facts: facts(cell), who: cell ? people(cell[4]) : "" };
      const { who, ...rest } = place.cell;
      const lines = [...Object.values(rest), who && `used by ${who}`];
      place.title = lines.filter(Boolean).map(visible).join("\n");
      element("span", "scms-unseen", place, facts(cell));
      if (place.cell.who) nameElement("span", "scms-hours-who", place, place.cell.who);
    });
  }

  choose(place) {
    if (!place?.cell) return;
    this.chosen?.removeAttribute("data-chosen");
    this.chosen = place;
    place.dataset.chosen = "true";
    place.scrollIntoView({ block: "nearest", inline: "nearest" });
    const { title, time, facts: said, who } = place.cell;
    this.said.replaceChildren();
    element("b", "", this.said, `${title}, ${time}`);
    element("span", "", this.said, said);
    if (who) nameElement("span", "", this.said, who);
  }

  move(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!steps) return;
    event.preventDefault();
    const lines = [...this.scroll.querySelectorAll("tbody tr")];
    const row = this.chosen ? lines.indexOf(this.chosen.parentElement) + steps[1] : 0;
    const at = this.chosen ? this.chosen.cellIndex + steps[0] : lines[0].cells.length - 1;
    this.choose(lines[Math.max(0, Math.min(lines.length - 1, row))].cells[Math.max(1, at)]);
  }
}

export default {
  render({ model, el }) {
    const view = new Hours(el);
    const draw = () => view.draw(model.get("grid"));
    model.on("change:grid", draw);
    draw();
    return () => model.off("change:grid", draw);
  },
};
