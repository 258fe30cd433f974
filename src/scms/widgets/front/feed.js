// The live feed in the browser: pings the kernel, says whether the page is live, how old its data is and
// how many servers it is of, and lets the page be paused.

const PING_MS = 2000;
const SILENT_MS = 4500; // no answer of the kernel for this long: not connected, and said within 5 s
const RELOAD_MS = 12000; // a served page whose kernel is gone asks for a new one

function ageText(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

function clock(ms, zone) {
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone };
  return new Intl.DateTimeFormat("en-GB", options).format(ms);
}

let reloading = false;

async function newKernel(silentMs) {
  // A restarted server or a culled kernel: the page itself is fetched anew, once per half minute.
  const meta = document.querySelector('meta[name="scms-alive"]');
  const last = Number(sessionStorage.getItem("scms-reloaded-at") || 0);
  if (!meta || reloading || silentMs < RELOAD_MS || Date.now() - last < 30000) return;
  reloading = true;
  try {
    const answer = await fetch(meta.content, { cache: "no-store" });
    if (answer.ok) {
      sessionStorage.setItem("scms-reloaded-at", String(Date.now()));
      location.reload();
    }
  } catch {
    // Still away: the next beat asks again.
  } finally {
    reloading = false;
  }
}

// Of when the numbers are, and whether that is now.
function aged({ frame, frameAt }, connected, paused) {
  if (!frame) {
    return { tone: connected ? "wait" : "late", text: connected ? "Reading …" : "Not live", title: "" };
  }
  const { newest, late_after: lateAfter, as_of: asOf, zone } = frame;
  const title = `Time of the snapshot, ${zone}`;
  if (paused) return { tone: "paused", text: `Paused · as of ${clock(asOf, zone)}`, title };
  const old = newest === null ? null : newest + (performance.now() - frameAt) / 1000;
  if (old !== null && old <= lateAfter && connected) {
    return { tone: "live", text: `Live · ${clock(asOf, zone)}`, title };
  }
  const text = old === null ? "Not live · no data yet, is a collector running?"
    : `Not live · newest data ${ageText(old)} old`;
  return { tone: "late", text, title: connected ? "The collector writes nothing: start it with scms collect" : title };
}

export default {
  initialize({ model }) {
    const beat = () => document.hidden || model.send({ kind: "ping" });
    const shown = () => document.hidden || model.get("paused") || model.send({ kind: "hello" });
    const timer = setInterval(beat, PING_MS);
    document.addEventListener("visibilitychange", shown);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  },

  render({ model, el }) {
    el.classList.add("scms-feed");
    const link = element("span", "scms-link", el);
    const age = element("span", "scms-age", el);
    const observed = element("span", "scms-observed", el);
    const pause = element("button", "scms-pause", el);
    pause.type = "button";
    pause.addEventListener("click", () => {
      model.set("paused", !model.get("paused"));
      model.save_changes();
      if (!model.get("paused")) model.send({ kind: "hello" }); // and catch up
      say();
    });
    const problem = element("span", "scms-problem", el);
    for (const told of [link, problem]) told.setAttribute("role", "status");
    const state = { heardAt: performance.now(), frameAt: null, frame: null };
    const receive = (content) => {
      state.heardAt = performance.now();
      if (content.kind === "frame") Object.assign(state, { frame: content, frameAt: state.heardAt });
      say();
    };
    const say = () => {
      if (document.hidden) state.heardAt = performance.now();
      const silent = (performance.now() - state.heardAt) / 1000;
      const connected = silent * 1000 < SILENT_MS;
      link.dataset.state = connected ? "ok" : "bad";
      write(link, connected ? "Connected" : `Not connected for ${ageText(silent)}, trying again`);
      link.title = connected
        ? "The page and its kernel talk to each other"
        : "No answer from the kernel. The page reloads by itself when the server is back.";
      write(problem, model.get("problem"));
      const paused = model.get("paused");
      write(pause, paused ? "Resume" : "Pause");
      pause.setAttribute("aria-pressed", String(paused));
      if (!connected) newKernel(silent * 1000);
      const { text, title, tone } = aged(state, connected, paused);
      age.dataset.state = tone;
      age.title = title;
      write(age, text);
      if (!state.frame) return;
      const count = state.frame.servers_total;
      write(observed, `${state.frame.observed} of ${count} servers observed`);
      observed.dataset.state = state.frame.observed < count ? "part" : "all";
      observed.title = "There is fresh data of so many servers; all numbers of the page are of these.";
    };
    model.on("msg:custom", receive);
    model.on("change:problem change:paused", say);
    const timer = setInterval(say, 500);
    if (!document.hidden) model.send({ kind: "hello" });
    say();
    return () => {
      clearInterval(timer);
      model.off("msg:custom", receive);
      model.off("change:problem change:paused", say);
    };
  },
};
