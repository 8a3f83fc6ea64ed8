// Behaviour shared by all pages: theme, confirmation before irreversible actions, copying, printing, and no double submits.
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
      // Where the browser stores nothing, the theme follows the system.
    }
    paint();
  };

  // data-confirm-choice="name": the question repeats what is chosen in the form's radio buttons of that name.
  const choice = (trigger) => {
    const chosen = trigger.form?.querySelector(`input[name="${trigger.dataset.confirmChoice}"]:checked`);
    const words = chosen?.labels[0]?.firstChild?.textContent.trim();
    if (!words) {
      return [];
    }
    const repeated = document.createElement("p");
    repeated.className = "question-choice";
    repeated.textContent = words;
    return [repeated];
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
      dialog.append(title, ...choice(trigger), text, row);
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
      // Missing fields are reported before the question, not after it.
      const form = trigger.type === "submit" ? trigger.form : null;
      if (form && !trigger.formNoValidate && !form.noValidate && !form.reportValidity()) {
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
      trigger.textContent = "Copying is blocked";
    }
    setTimeout(() => {
      trigger.textContent = before;
    }, 2000);
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) {
      turnTheme();
    }
    if (event.target.closest("[data-print]")) {
      window.print();
    }
    const copying = event.target.closest("[data-copy], [data-copy-from]");
    if (copying) {
      copy(copying);
    }
  });

  // What the page asks for by itself, such as refreshing a progress bar, keeps no session alive (people/sessions.py).
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.triggeringEvent) {
      event.detail.headers["X-Automatic"] = "1";
    }
  });

  // htmx leaves the page as it is when a request fails. A line says why, until a request succeeds again.
  const PART_IS_OLD = "Something went wrong in Baton, so a part of this page may be out of date. Reload the page.";
  const notUpdated = (sentence) => {
    const line = document.querySelector("#not-updated") ?? document.createElement("div");
    line.id = "not-updated";
    line.className = "notice notice-warning";
    line.setAttribute("role", "status");
    const words = document.createElement("div");
    words.textContent = sentence;
    line.replaceChildren(words);
    document.querySelector("#main")?.prepend(line);
  };
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    if (xhr.status >= 500) {
      const isExplained = xhr.getResponseHeader("Content-Type")?.startsWith("text/plain");
      notUpdated(isExplained ? xhr.responseText : PART_IS_OLD);
    }
  });
  document.addEventListener("htmx:sendError", () => {
    notUpdated("Baton does not answer. This page is updated again when it does.");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) {
      document.querySelector("#not-updated")?.remove();
    }
  });

  // <form data-once>: only the first submit counts. The buttons are disabled after it, so that their values are sent.
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
      for (const button of form.querySelectorAll(":is(button[type=submit], button:not([type])):not([disabled])")) {
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
