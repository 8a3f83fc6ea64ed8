// The text of a message with its fields as chips that show their labels. The textarea stays the field of the form and
// holds the fields as @@value1@@; without this script people write in it. Labels are those of the insert buttons.
(() => {
  "use strict";

  const FIELD = /@@(value[1-6])(?:\|([^@]*))?@@/g;
  const MOST_UNDO = 300;

  const source = document.querySelector("textarea[data-chips]");
  if (!source) {
    return;
  }
  const editor = document.createElement("div");
  editor.className = source.className + " chip-editor";
  editor.contentEditable = "true";
  editor.setAttribute("role", "textbox");
  editor.setAttribute("aria-multiline", "true");
  const label = document.querySelector(`label[for="${source.id}"]`);
  editor.setAttribute("aria-label", label?.textContent.trim() ?? "Text");
  for (const name of ["aria-describedby", "aria-invalid"]) {
    if (source.hasAttribute(name)) {
      editor.setAttribute(name, source.getAttribute(name));
    }
  }
  label?.addEventListener("click", (event) => {
    event.preventDefault();
    editor.focus();
  });

  const chip = (token, field, fallback) => {
    const made = document.createElement("span");
    made.className = "field-chip";
    made.contentEditable = "false";
    made.dataset.field = token;
    const button = document.querySelector(`#insert [data-insert="@@${field}@@"]`);
    const name = button?.textContent.trim() ?? `Value ${field.slice(-1)}`;
    made.textContent = fallback ? `${name}, or “${fallback}”` : name;
    return made;
  };

  // The text of nodes, with chips as fields. A line break or a block that the browser makes is a line feed.
  const written = (parent) => {
    let text = "";
    for (const node of parent.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) {
        // Browsers write some spaces as no-break spaces, which GSM lacks.
        text += node.data.replaceAll("\u00a0", " ");
      } else if (node.dataset?.field) {
        text += node.dataset.field;
      } else if (node.nodeName === "BR") {
        text += "\n";
      } else {
        text += (text && node.nodeName === "DIV" ? "\n" : "") + written(node);
      }
    }
    return text;
  };
  // A last line break only makes room for the caret.
  const content = () => {
    const text = written(editor);
    return editor.lastChild?.nodeName === "BR" ? text.slice(0, -1) : text;
  };

  const show = (text) => {
    editor.replaceChildren();
    let end = 0;
    for (const match of text.matchAll(FIELD)) {
      editor.append(text.slice(end, match.index), chip(match[0], match[1], match[2]));
      end = match.index + match[0].length;
    }
    editor.append(text.slice(end));
    if (!text || text.endsWith("\n") || end === text.length) {
      editor.append(document.createElement("br"));
    }
  };

  // Where the selection starts and ends, counted in the text.
  let selected = [source.value.length, source.value.length];
  const offset = (node, at) => {
    const range = document.createRange();
    range.setStart(editor, 0);
    range.setEnd(node, at);
    return Math.min(written(range.cloneContents()).length, content().length);
  };
  const readSelection = () => {
    const range = document.getSelection().rangeCount && document.getSelection().getRangeAt(0);
    if (range && editor.contains(range.commonAncestorContainer)) {
      selected = [offset(range.startContainer, range.startOffset), offset(range.endContainer, range.endOffset)];
    }
  };
  document.addEventListener("selectionchange", readSelection);
  const putCaret = (at) => {
    const range = document.createRange();
    let left = at;
    range.setStart(editor, editor.childNodes.length);
    for (const [index, node] of [...editor.childNodes].entries()) {
      const length = node.nodeType === Node.TEXT_NODE ? node.data.length : (node.dataset?.field ?? "\n").length;
      if (node.nodeType === Node.TEXT_NODE ? left <= length : left === 0) {
        range.setStart(...(node.nodeType === Node.TEXT_NODE ? [node, left] : [editor, index]));
        break;
      }
      left -= length;
    }
    range.collapse(true);
    document.getSelection().removeAllRanges();
    document.getSelection().addRange(range);
    selected = [at, at];
  };

  // Every state of the text with its caret, so that what this script changes can be undone, too.
  const past = [[source.value, source.value.length]];
  let future = [];
  const store = (text) => {
    source.value = text;
    source.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const change = (text, caret) => {
    if (text !== past.at(-1)[0]) {
      past.push([text, caret]);
      past.splice(0, past.length - MOST_UNDO);
      future = [];
    }
    store(text);
  };
  const replaceSelected = (by) => {
    const [start, end] = selected;
    const text = content();
    show(text.slice(0, start) + by + text.slice(end));
    putCaret(start + by.length);
    change(content(), start + by.length);
  };
  const travel = (from, to) => {
    const last = from === past ? past.length > 1 && past.pop() : future.pop();
    if (last) {
      to.push(last);
      const [text, caret] = past.at(-1);
      show(text);
      putCaret(caret);
      store(text);
    }
  };

  editor.addEventListener("input", (event) => {
    const text = content();
    const nodes = [...editor.childNodes];
    const typed = nodes.some((node) => node.nodeType === Node.TEXT_NODE && node.data.match(FIELD));
    const foreign = nodes.some((node) => !["#text", "BR"].includes(node.nodeName) && !node.dataset?.field);
    readSelection();
    const caret = selected[0];
    if ((typed || foreign) && !event.isComposing) {
      show(text);
      putCaret(caret);
    }
    change(text, caret);
  });
  // Browsers delete more than a chip beside a line feed, so a chip or a selection is deleted here.
  const deletion = (key) => {
    const [start, end] = selected;
    const text = content();
    if (start !== end) {
      return [start, end];
    }
    const chips = [...text.matchAll(FIELD)].map((match) => [match.index, match.index + match[0].length]);
    return chips.find(([first, last]) => (key === "Backspace" ? last === start : first === start));
  };
  editor.addEventListener("keydown", (event) => {
    // The event of a change of the selection may come later than that of a key.
    readSelection();
    const found = ["Backspace", "Delete"].includes(event.key) && deletion(event.key);
    if (found) {
      event.preventDefault();
      selected = found;
      replaceSelected("");
      return;
    }
    const key = event.key.toLowerCase();
    const isCommand = event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && !event.isComposing && !isCommand) {
      event.preventDefault();
      replaceSelected("\n");
    } else if (isCommand && key === "z" && !event.shiftKey) {
      event.preventDefault();
      travel(past, future);
    } else if (isCommand && (key === "y" || key === "z")) {
      event.preventDefault();
      travel(future, past);
    }
  });
  const plain = (data) => data.getData("text/plain").replace(/\r\n?/g, "\n");
  editor.addEventListener("paste", (event) => {
    event.preventDefault();
    replaceSelected(plain(event.clipboardData));
  });
  editor.addEventListener("drop", (event) => event.preventDefault());
  for (const name of ["copy", "cut"]) {
    editor.addEventListener(name, (event) => {
      event.preventDefault();
      event.clipboardData.setData("text/plain", content().slice(...selected));
      if (name === "cut") {
        replaceSelected("");
      }
    });
  }

  // The insert buttons, before campaigns.js puts the field into the textarea.
  document.addEventListener(
    "click",
    (event) => {
      const button = event.target.closest("[data-insert]");
      if (button && button.closest("form") === source.form) {
        event.stopImmediatePropagation();
        const kept = selected;
        editor.focus();
        selected = kept;
        replaceSelected(button.dataset.insert);
      }
    },
    true,
  );
  // Something else wrote into the textarea.
  source.addEventListener("input", () => {
    if (source.value !== content()) {
      show(source.value);
      selected = [source.value.length, source.value.length];
      past.push([source.value, source.value.length]);
    }
  });

  show(source.value);
  source.classList.add("visually-hidden");
  source.tabIndex = -1;
  source.setAttribute("aria-hidden", "true");
  source.after(editor);
})();
