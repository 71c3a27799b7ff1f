// The editor of scripts: colors and line numbers behind a text area, which stays the input that it is. Listens on the
// document, so that forms that htmx brings in later work without being told.
(() => {
  "use strict";

  const INDENT = "  ";
  const GIVEN = new Set(["contact", "trigger", "steps", "inputs", "console"]);
  const KEYWORDS = new Set(
    ("async await break case catch class const continue debugger default delete do else extends false finally for from " +
      "function if in instanceof let new null of return static super switch this throw true try typeof undefined var " +
      "void while with yield").split(" "),
  );
  // One token at a time: comment, text, regular expression, number, word, anything else.
  const TOKEN = new RegExp(
    [
      "(?<comment>\\/\\/[^\\n]*|\\/\\*[\\s\\S]*?(?:\\*\\/|$))",
      "(?<string>\"(?:[^\"\\\\\\n]|\\\\[\\s\\S])*\"?|'(?:[^'\\\\\\n]|\\\\[\\s\\S])*'?|`(?:[^`\\\\]|\\\\[\\s\\S])*(?:`|$))",
      "(?<pattern>\\/(?![*\\/])(?:[^\\/\\\\\\n\\[]|\\\\.|\\[(?:[^\\]\\\\\\n]|\\\\.)*\\])+\\/[a-z]*)",
      "(?<number>(?:0[xob][\\da-f_]+|\\d[\\d_]*(?:\\.\\d+)?(?:e[+-]?\\d+)?)n?)",
      "(?<word>[A-Za-z_$][\\w$]*)",
      "(?<space>\\s+)",
      "(?<other>[\\s\\S])",
    ].join("|"),
    "giy",
  );

  function tokens(code) {
    const found = [];
    let before = "";
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(code); match; match = TOKEN.exec(code)) {
      const { comment, string, pattern, number, word, space } = match.groups;
      let text = match[0];
      let kind = "";
      if (comment) kind = "comment";
      else if (string) kind = "string";
      else if (pattern && /[\w$)\]}]$/.test(before) && !KEYWORDS.has(before)) {
        text = "/"; // behind a value it divides
        TOKEN.lastIndex = match.index + 1;
      } else if (pattern) kind = "string";
      else if (number) kind = "number";
      else if (word) {
        if (before === "." || before === "?.") kind = /^\s*\(/.test(code.slice(TOKEN.lastIndex)) ? "call" : "";
        else if (KEYWORDS.has(word)) kind = "keyword";
        else if (GIVEN.has(word)) kind = "given";
        else if (/^\s*\(/.test(code.slice(TOKEN.lastIndex, TOKEN.lastIndex + 20))) kind = "call";
      }
      if (!space && !comment) before = text;
      found.push([kind, text]);
    }
    return found;
  }

  function colored(code) {
    const parts = document.createDocumentFragment();
    for (const [kind, text] of tokens(code)) {
      if (!kind) {
        parts.append(text);
      } else {
        const part = document.createElement("span");
        part.className = `cf-script-${kind}`;
        part.textContent = text;
        parts.append(part);
      }
    }
    parts.append("\n");
    return parts;
  }

  const partsOf = (area) => {
    const box = area.closest("[data-cf-script]");
    return {
      box,
      colors: box.querySelector("[data-cf-script-colors]"),
      lines: box.querySelector("[data-cf-script-lines]"),
    };
  };

  function paint(area) {
    const { colors, lines } = partsOf(area);
    colors.replaceChildren(colored(area.value));
    const count = area.value.split("\n").length;
    if (lines.childElementCount !== count) {
      const wrong = lines.dataset.cfScriptWrong;
      lines.replaceChildren(
        ...Array.from({ length: count }, (_, index) => {
          const line = document.createElement("span");
          line.textContent = String(index + 1);
          if (String(index + 1) === wrong) line.className = "cf-script-wrong";
          return line;
        }),
      );
    }
    follow(area);
  }

  function follow(area) {
    const { colors, lines } = partsOf(area);
    colors.style.transform = `translate(${-area.scrollLeft}px, ${-area.scrollTop}px)`;
    lines.scrollTop = area.scrollTop;
    lines.style.height = `${area.clientHeight}px`;
  }

  function start(area) {
    const { box, lines } = partsOf(area);
    if (box.classList.contains("is-colored")) return;
    const errors = document.getElementById(`${area.id}-errors`);
    const found = errors && /^\s*Line (\d+)/.exec(errors.textContent);
    if (found) lines.dataset.cfScriptWrong = found[1];
    box.classList.add("is-colored");
    paint(area);
    area.addEventListener("scroll", () => follow(area), { passive: true });
    new ResizeObserver(() => follow(area)).observe(area);
  }

  // --- keys

  const leaving = new WeakSet(); // text areas in which Tab moves on

  function replace(area, text, from, to, select) {
    area.setSelectionRange(from, to);
    // The one way that the browser can undo; where there is none, the text is replaced all the same.
    if (!document.execCommand("insertText", false, text)) area.setRangeText(text, from, to, "end");
    if (select) area.setSelectionRange(...select);
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function indent(area, isBack) {
    const { value, selectionStart: from, selectionEnd: to } = area;
    if (from === to && !isBack) return replace(area, INDENT, from, to);
    const start = value.lastIndexOf("\n", from - 1) + 1;
    const end = to > from && value[to - 1] === "\n" ? to - 1 : to;
    const block = value.slice(start, end);
    const changed = isBack ? block.replace(/^( {1,2}|\t)/gm, "") : block.replace(/^(?=.)/gm, INDENT);
    if (changed === block) return;
    const first = changed.split("\n")[0].length - block.split("\n")[0].length;
    const last = changed.length - block.length;
    replace(area, changed, start, end, [Math.max(start, from + first), Math.max(start, to + last)]);
  }

  function breakLine(area) {
    const { value, selectionStart: from, selectionEnd: to } = area;
    const line = value.slice(value.lastIndexOf("\n", from - 1) + 1, from);
    const deeper = /[{[(]\s*$/.test(line) ? INDENT : "";
    replace(area, `\n${/^\s*/.exec(line)[0]}${deeper}`, from, to);
  }

  document.addEventListener("keydown", (event) => {
    const area = event.target;
    if (event.key === "Enter" && area.name === "try_contact") {
      event.preventDefault(); // it would save the step
      area.closest("section").querySelector("button").click();
    }
    if (!(area instanceof HTMLTextAreaElement) || !area.closest("[data-cf-script]") || event.isComposing) return;
    if (event.key === "m" && event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      if (leaving.has(area)) leaving.delete(area);
      else leaving.add(area);
    } else if (event.key === "Tab" && !event.ctrlKey && !event.altKey && !leaving.has(area) && !area.readOnly) {
      event.preventDefault();
      indent(area, event.shiftKey);
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !area.readOnly) {
      event.preventDefault();
      breakLine(area);
    }
  });

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-cf-script-use]");
    if (!button) return;
    const details = button.closest("[data-cf-script-example]");
    const area = document.getElementById(details.dataset.cfScriptExample);
    if (area.readOnly || area.disabled) return;
    area.focus();
    const at = area.value.length;
    replace(area, (at ? "\n" : "") + details.querySelector("pre").textContent, at, at, [0, 0]);
    details.open = false;
  });

  document.addEventListener("focusout", (event) => leaving.delete(event.target));

  document.addEventListener("input", (event) => {
    if (event.target instanceof HTMLTextAreaElement && event.target.closest("[data-cf-script]")) paint(event.target);
  });

  const startAll = (root) => root.querySelectorAll("[data-cf-script] textarea").forEach(start);
  document.addEventListener("htmx:load", (event) => startAll(event.detail.elt));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => startAll(document));
  else startAll(document);
})();
