// Saves what the kernel sends as a file where the browser runs.

const NAMES = { html: "HTML", pdf: "PDF", xlsx: "XLSX", csv: "CSV" };

export default {
  render({ model, el }) {
    el.classList.add("scms-download");
    const buttons = model.get("forms").map((form) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "scms-button";
      button.textContent = `↓ ${NAMES[form]}`;
      button.title = `Download this report as ${NAMES[form]}`;
      button.addEventListener("click", () => model.send({ kind: "download", form }));
      el.append(button);
      return button;
    });
    const ready = () => buttons.forEach((button) => { button.disabled = !model.get("ready"); });
    const save = (content, buffers) => {
      if (content.kind !== "file") return;
      const url = URL.createObjectURL(new Blob([buffers[0]], { type: content.type }));
      const link = document.createElement("a");
      link.href = url;
      link.download = content.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    };
    model.on("change:ready", ready);
    model.on("msg:custom", save);
    ready();
    return () => {
      model.off("change:ready", ready);
      model.off("msg:custom", save);
    };
  },
};
