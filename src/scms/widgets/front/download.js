// Saves what the kernel sends as a file where the browser runs.

const NAMES = { html: "HTML", pdf: "PDF", xlsx: "XLSX", csv: "CSV" };

export default {
  render({ model, el }) {
    el.classList.add("scms-download");
    const draw = () => {
      el.replaceChildren();
      for (const form of model.get("forms")) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "scms-button";
        button.textContent = `↓ ${NAMES[form]}`;
        button.title = `Download this report as ${NAMES[form]}`;
        button.disabled = !model.get("ready");
        button.addEventListener("click", () => model.send({ kind: "download", form }));
        el.append(button);
      }
    };
    const save = (content, buffers) => {
      if (content.kind !== "file") return;
      const url = URL.createObjectURL(new Blob([buffers[0]], { type: content.type }));
      const link = document.createElement("a");
      link.href = url;
      link.download = content.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    };
    model.on("change:ready change:forms", draw);
    model.on("msg:custom", save);
    draw();
    return () => {
      model.off("change:ready change:forms", draw);
      model.off("msg:custom", save);
    };
  },
};
