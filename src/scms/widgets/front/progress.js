// What is being done and for how long, or what went wrong.

export default {
  render({ model, el }) {
    el.classList.add("scms-progress");
    el.setAttribute("role", "status");
    const text = document.createElement("span");
    const bar = document.createElement("i");
    el.append(text, bar);
    let since = 0;
    const say = () => {
      const busy = model.get("busy");
      const problem = model.get("problem");
      const seconds = Math.floor((performance.now() - since) / 1000);
      el.dataset.state = busy ? "busy" : problem ? "problem" : "idle";
      text.textContent = busy ? `${busy}${seconds ? ` ${seconds} s` : ""}` : problem;
    };
    const begin = () => {
      since = performance.now();
      say();
    };
    model.on("change:busy", begin);
    model.on("change:problem", say);
    const timer = setInterval(() => model.get("busy") && say(), 500);
    begin();
    return () => {
      clearInterval(timer);
      model.off("change:busy", begin);
      model.off("change:problem", say);
    };
  },
};
