// Uploading a spreadsheet: drop it anywhere in the drop zone, with a progress bar. Without this script the form
// still works.
(() => {
  "use strict";

  const size = (bytes) => {
    const [unit, divisor] = bytes < 1048576 ? ["KB", 1024] : ["MB", 1048576];
    return `${(bytes / divisor).toLocaleString("en-GB", { maximumFractionDigits: 1 })} ${unit}`;
  };

  const form = document.querySelector("form[data-upload]");
  if (!form) {
    return;
  }

  const listen = () => {
    const zone = form.querySelector("[data-dropzone]");
    const input = zone.querySelector("input[type=file]");
    const words = zone.querySelector("[data-dropzone-words]");
    input.addEventListener("change", () => {
      const file = input.files[0];
      words.textContent = file ? `${file.name} · ${size(file.size)}` : "Drop a file here or choose one";
    });
    for (const name of ["dragenter", "dragover"]) {
      zone.addEventListener(name, () => zone.classList.add("over"));
    }
    for (const name of ["dragleave", "drop"]) {
      zone.addEventListener(name, () => zone.classList.remove("over"));
    }
    // The name of a new list is only asked for where a new list is made.
    const list = form.querySelector("select[name=list]");
    const fresh = form.querySelector("[data-new-list]");
    const show = () => {
      fresh.hidden = list.value !== "";
    };
    if (list && fresh) {
      list.addEventListener("change", show);
      show();
    }
  };
  listen();

  const show = (html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const before = form.querySelector("#upload-fields");
    const after = page.querySelector("#upload-fields");
    if (!after) {
      const main = page.querySelector("main");
      if (main) {
        document.querySelector("main").replaceWith(main);
        document.title = page.title;
        window.scrollTo(0, 0);
      }
      return;
    }
    before.replaceWith(after);
    listen();
    (form.querySelector(".is-invalid") ?? form.querySelector("input[type=file]")).focus();
  };

  form.addEventListener("submit", (event) => {
    const file = form.querySelector("input[type=file]").files[0];
    if (!file) {
      return;
    }
    event.preventDefault();
    const button = form.querySelector("button[type=submit]");
    if (button.disabled) {
      return;
    }
    button.disabled = true;
    const block = form.querySelector("[data-upload-progress]");
    const bar = block.querySelector("progress");
    const words = block.querySelector("[data-upload-words]");
    block.hidden = false;
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (step) => {
      if (step.lengthComputable) {
        bar.max = step.total;
        bar.value = step.loaded;
        words.textContent =
          step.loaded < step.total
            ? `${size(step.loaded)} of ${size(step.total)} uploaded`
            : "Uploaded. Reading the first rows";
      }
    });
    request.addEventListener("load", () => {
      const type = request.getResponseHeader("Content-Type") ?? "";
      if (type.startsWith("application/json")) {
        window.location.assign(JSON.parse(request.responseText).url);
        return;
      }
      button.disabled = false;
      if (request.status === 200 || request.status === 422) {
        show(request.responseText);
      } else if (request.status === 503 && type.startsWith("text/plain")) {
        words.textContent = request.responseText;
      } else {
        words.textContent = `The upload was refused (${request.status}). Reload this page and try again.`;
      }
    });
    request.addEventListener("error", () => {
      button.disabled = false;
      words.textContent = "The connection was lost during the upload. Nothing was saved. Try again.";
    });
    request.send(new FormData(form));
  });
})();
