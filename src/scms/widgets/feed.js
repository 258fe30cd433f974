// The live feed in the browser: keeps the last frame for views that come later, pings the kernel,
// and says whether the page is live and how old its data is.

const PING_MS = 2000;
const SILENT_MS = 5000; // no answer of the kernel for this long: not connected
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

export default {
  initialize({ model }) {
    const beat = () => document.hidden || model.send({ kind: "ping" });
    const shown = () => document.hidden || model.send({ kind: "hello" });
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
    const problem = element("span", "scms-problem", el);
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
      link.textContent = connected ? "Connected" : `Not connected for ${ageText(silent)}, trying again`;
      link.title = connected
        ? "The page and its kernel talk to each other"
        : "No answer from the kernel. The page reloads by itself when the server is back.";
      problem.textContent = model.get("problem");
      if (!connected) newKernel(silent * 1000);
      if (!state.frame) {
        age.dataset.state = connected ? "wait" : "late";
        age.textContent = connected ? "Reading …" : "Not live";
        return;
      }
      const { newest, late_after, as_of, zone } = state.frame;
      const old = newest === null ? null : newest + (performance.now() - state.frameAt) / 1000;
      const late = old === null || old > late_after || !connected;
      age.dataset.state = late ? "late" : "live";
      if (!late) age.textContent = `Live · ${clock(as_of, zone)}`;
      else if (old === null) age.textContent = "Not live · no data yet, is a collector running?";
      else age.textContent = `Not live · newest data ${ageText(old)} old`;
      age.title = late && connected
        ? "The collector writes nothing: start it with scms collect"
        : `Time of the snapshot, ${zone}`;
    };
    model.on("msg:custom", receive);
    model.on("change:problem", say);
    const timer = setInterval(say, 500);
    if (!document.hidden) model.send({ kind: "hello" });
    say();
    return () => {
      clearInterval(timer);
      model.off("msg:custom", receive);
      model.off("change:problem", say);
    };
  },
};
