// The head of a server's own page: its name and state, what it is, and what is wrong with it. All texts
// come from the kernel, ready to be shown; everything that came from a server is put in as text.

function copyButton(parent, text) {
  const button = element("button", "scms-button", parent, "Copy");
  button.type = "button";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  });
}

function drawHead(parent, head) {
  const line = element("div", "scms-server-line", parent);
  element("a", "scms-back", line, "← All servers").href = "#live";
  nameElement("h2", "", line, head.server);
  const tone = TONES[head.state] ?? "off";
  element("span", "scms-pill", line, head.state.toUpperCase()).dataset.tone = tone;
  for (const label of head.labels) nameElement("span", "scms-chip scms-plain", line, label);
  if (head.simulated) element("span", "scms-tag", line, "simulated");
  const ahead = element("a", "scms-back", line, "Its outlook");
  ahead.href = `#outlook?${new URLSearchParams({ server: head.server })}`;
  const command = element("div", "scms-command", line);
  nameElement("code", "", command, head.command);
  copyButton(command, head.command);
  element("p", "scms-server-facts", parent, head.facts.join(" · "));
  if (head.alerts.length) {
    const alerts = element("ul", "scms-server-alerts", parent);
    alerts.dataset.tone = tone;
    for (const alert of head.alerts) element("li", "", alerts, alert);
  }
}

export default {
  render({ model, el }) {
    el.classList.add("scms-panel");
    const draw = () => {
      el.replaceChildren();
      drawHead(el, model.get("head"));
    };
    model.on("change:head", draw);
    draw();
    return () => model.off("change:head", draw);
  },
};
