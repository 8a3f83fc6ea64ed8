// The frame's behaviour: theme, questions before what cannot be undone, copying, and no double submits.
// Loaded in the head before the styles, so the theme is set before the first paint.
(() => {
  "use strict";

  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  // Django's admin keeps its choice under the same name and says "auto" for the system's.
  const theme = () => (["light", "dark"].includes(kept()) ? kept() : "system");
  const paint = () => {
    const choice = theme();
    const dark = choice === "dark" || (choice === "system" && system.matches);
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
    for (const word of document.querySelectorAll("[data-theme-word]")) {
      word.textContent = { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" }[choice];
    }
    document.dispatchEvent(new CustomEvent("themechange"));
  };
  paint();
  system.addEventListener("change", paint);
  document.addEventListener("DOMContentLoaded", paint);

  const NEXT = { system: "light", light: "dark", dark: "system" };
  const turnTheme = () => {
    try {
      localStorage.setItem("theme", NEXT[theme()]);
    } catch {
      // A browser that keeps nothing follows the system.
    }
    paint();
  };

  // One dialog for every question: <button data-confirm="..." data-confirm-title="..." data-confirm-label="...">.
  const ask = (trigger) =>
    new Promise((answer) => {
      const dialog = document.createElement("dialog");
      dialog.className = "question";
      dialog.setAttribute("aria-labelledby", "question-title");
      dialog.setAttribute("aria-describedby", "question-text");
      const title = document.createElement("h2");
      title.id = "question-title";
      title.textContent = trigger.dataset.confirmTitle ?? "Are you sure?";
      const text = document.createElement("p");
      text.id = "question-text";
      text.textContent = trigger.dataset.confirm;
      const row = document.createElement("div");
      row.className = "question-actions";
      const button = (label, style, value) => {
        const made = document.createElement("button");
        made.type = "button";
        made.className = `btn ${style}`;
        made.textContent = label;
        made.addEventListener("click", () => dialog.close(value));
        row.append(made);
      };
      button("Go back", "btn-outline-secondary", "no");
      const danger = trigger.matches(".btn-danger, .btn-outline-danger, .text-danger");
      const label = trigger.dataset.confirmLabel ?? (trigger.textContent.trim() || "Yes");
      button(label, danger ? "btn-danger" : "btn-primary", "yes");
      dialog.append(title, text, row);
      document.body.append(dialog);
      dialog.addEventListener("close", () => {
        const said = dialog.returnValue === "yes";
        dialog.remove();
        answer(said);
      });
      dialog.showModal();
    });

  const agreed = new WeakSet();
  document.addEventListener(
    "click",
    async (event) => {
      const trigger = event.target.closest("button[data-confirm], a[data-confirm], input[data-confirm]");
      if (!trigger || agreed.has(trigger)) {
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
      // What is missing is said before the question, not after it.
      if (trigger.type === "submit" && trigger.form && !trigger.formNoValidate && !trigger.form.noValidate && !trigger.form.reportValidity()) {
        return;
      }
      if (await ask(trigger)) {
        agreed.add(trigger);
        trigger.click();
        agreed.delete(trigger);
      }
    },
    true,
  );

  const copy = async (trigger) => {
    const source = trigger.dataset.copyFrom && document.querySelector(trigger.dataset.copyFrom);
    const text = source ? (source.value ?? source.textContent) : trigger.dataset.copy;
    const before = trigger.dataset.copyLabel ?? trigger.textContent;
    trigger.dataset.copyLabel = before;
    try {
      await navigator.clipboard.writeText(text.trim());
      trigger.textContent = "Copied";
    } catch {
      trigger.textContent = "Copying is not allowed here";
    }
    setTimeout(() => {
      trigger.textContent = before;
    }, 2000);
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) {
      turnTheme();
    }
    const copying = event.target.closest("[data-copy], [data-copy-from]");
    if (copying) {
      copy(copying);
    }
  });

  // Boxes with data-rows are files to decide about. What is ticked stands in words beside "Choose all", on the button with
  // data-counts, and in its question.
  const words = (number, one, many) => `${number.toLocaleString("en-GB")} ${number === 1 ? one : many}`;
  const countChosen = () => {
    const boxes = [...document.querySelectorAll("input[type=checkbox][data-rows]")];
    if (!boxes.length) {
      return;
    }
    const chosen = boxes.filter((box) => box.checked);
    const rows = chosen.reduce((sum, box) => sum + Number(box.dataset.rows), 0);
    const what = chosen.length
      ? `${words(chosen.length, "file", "files")} with ${words(rows, "recipient", "recipients")}`
      : "the chosen files";
    boxes[0].setCustomValidity(chosen.length ? "" : "Choose at least one file.");
    for (const all of document.querySelectorAll("[data-choose-all]")) {
      all.hidden = false;
      const every = boxes.length === 1 ? "the file" : `all ${words(boxes.length, "file", "files")}`;
      all.textContent = chosen.length === boxes.length ? "Choose none" : `Choose ${every}`;
    }
    for (const said of document.querySelectorAll("[data-chosen-words]")) {
      said.textContent = chosen.length ? `Chosen: ${what}.` : "Choose the files that you decide about.";
    }
    for (const button of document.querySelectorAll("button[data-counts]")) {
      button.textContent = `Decide about ${what}`;
      button.dataset.confirmTitle = `Decide about ${what}?`;
      button.dataset.confirm = `The decision about ${what} cannot be taken back.`;
    }
  };
  document.addEventListener("change", countChosen);
  document.addEventListener("click", (event) => {
    const all = event.target.closest("[data-choose-all]");
    if (all) {
      const boxes = [...document.querySelectorAll("input[type=checkbox][data-rows]")];
      const tick = !boxes.every((box) => box.checked);
      for (const box of boxes) {
        box.checked = tick;
      }
      countChosen();
    }
  });
  document.addEventListener("DOMContentLoaded", countChosen);
  window.addEventListener("pageshow", countChosen);

  // <form data-once>: the first submit counts. The buttons are only disabled afterwards, so their values still go along.
  const release = (form) => {
    delete form.dataset.busy;
    for (const button of form.querySelectorAll("button[data-was-enabled]")) {
      button.disabled = false;
      delete button.dataset.wasEnabled;
    }
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-once]") || event.defaultPrevented) {
      return;
    }
    if (form.dataset.busy) {
      event.preventDefault();
      return;
    }
    form.dataset.busy = "yes";
    setTimeout(() => {
      for (const button of form.querySelectorAll("button[type=submit]:not([disabled]), button:not([type]):not([disabled])")) {
        button.dataset.wasEnabled = "yes";
        button.disabled = true;
      }
    });
  });
  // Coming back with the browser's Back button shows the page as it was left.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      document.querySelectorAll("form[data-busy]").forEach(release);
    }
  });
})();
