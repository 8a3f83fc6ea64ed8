// The campaign screens: fields put into a text at the cursor, tables that keep their place while they refresh, and the
// count of the files to decide about.
(() => {
  "use strict";

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    const text = button?.closest("form")?.querySelector("textarea[name=text]");
    if (!text) {
      return;
    }
    text.setRangeText(button.dataset.insert, text.selectionStart, text.selectionEnd, "end");
    text.focus();
    text.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // A refreshed fragment is new HTML: what was scrolled or open in it goes back to where it was.
  let places = [];
  const keepers = (root) => root.querySelectorAll(".table-card, details[id]");
  document.addEventListener("htmx:beforeSwap", (event) => {
    places = [...keepers(event.detail.target)].map((place) => [place.scrollLeft, place.scrollTop, place.open]);
  });
  document.addEventListener("htmx:afterSettle", () => {
    const live = document.querySelector("#progress, #overview-live");
    if (live && places.length) {
      [...keepers(live)].forEach((place, index) => {
        const [left, top, open] = places[index] ?? [0, 0, false];
        place.scrollLeft = left;
        place.scrollTop = top;
        if ("open" in place) {
          place.open = open;
        }
      });
    }
    places = [];
  });

  // Boxes with data-rows are files to decide about. Their count is shown beside "Choose all", on the button with
  // data-counts, and in the question that the button asks.
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
      said.textContent = chosen.length ? `Chosen: ${what}.` : "Choose the files to decide about.";
    }
    for (const button of document.querySelectorAll("button[data-counts]")) {
      button.textContent = `Decide about ${what}`;
      button.dataset.confirmTitle = `Decide about ${what}?`;
      button.dataset.confirm = `The decision about ${what} cannot be undone.`;
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
})();
