// The campaign screens: fields put into a text at the cursor, and tables that keep their place while they refresh.
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
})();
