// Forms of configs: rows, what belongs to a choice, values to insert, searches. Listens on the document, so that forms
// that htmx brings in later work without being told.
(() => {
  "use strict";

  const within = (element, selector) => (element instanceof Element ? element.closest(selector) : null);

  // --- fields that belong to a choice

  function currentValue(form, name) {
    for (const input of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (input.type === "checkbox") return input.checked ? "true" : "false";
      if (input.type === "radio") {
        const chosen = form.querySelector(`[name="${CSS.escape(name)}"]:checked`);
        return chosen ? chosen.value : "";
      }
      if (input.type !== "hidden") return input.value;
    }
    return "";
  }

  function showWhatBelongs(form) {
    for (const part of form.querySelectorAll("[data-cf-when]")) {
      const ways = [JSON.parse(part.dataset.cfWhen)].flat();
      const fits = ([name, values]) => values.includes(currentValue(form, name));
      part.hidden = !ways.some((way) => Object.entries(way).every(fits));
    }
    // What is hidden is not sent, and the browser does not ask for it.
    for (const input of form.querySelectorAll("input, select, textarea, button")) {
      const isHidden = input.closest("[data-cf-when][hidden]") !== null;
      if (isHidden !== Boolean(input.dataset.cfOff)) {
        input.disabled = isHidden;
        if (isHidden) input.dataset.cfOff = "true";
        else delete input.dataset.cfOff;
      }
    }
  }

  // --- rows

  const rowsOf = (block) => block.querySelector(":scope > [data-cf-row-list]");

  function updateRows(block) {
    const list = rowsOf(block);
    const rows = [...list.children];
    block.querySelector(":scope > [data-cf-add]").disabled = rows.length >= Number(block.dataset.cfMost);
    rows.forEach((row, index) => {
      const buttons = row.querySelector(":scope > .cf-row-buttons");
      buttons.querySelector("[data-cf-up]").disabled = index === 0;
      buttons.querySelector("[data-cf-down]").disabled = index === rows.length - 1;
    });
  }

  let lastRowId = 0;

  function addRow(block) {
    lastRowId = Math.max(Date.now(), lastRowId + 1);
    const holder = document.createElement("template");
    holder.innerHTML = block
      .querySelector(":scope > template[data-cf-blank]")
      .innerHTML.replaceAll(block.dataset.cfRowId, String(lastRowId));
    const row = holder.content.querySelector("[data-cf-row]");
    rowsOf(block).append(row);
    updateRows(block);
    start(row);
    const form = within(block, "[data-cf-form]");
    showWhatBelongs(form);
    row.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    changed(block);
  }

  function moveRow(button, row, block, step) {
    const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    if (step < 0) other.before(row);
    else other.after(row);
    updateRows(block);
    (button.disabled ? row.querySelector(":scope > .cf-row-buttons button:not([disabled])") : button).focus();
    changed(block);
  }

  function removeRow(row, block) {
    const next = row.nextElementSibling || row.previousElementSibling;
    row.remove();
    updateRows(block);
    const target = next
      ? next.querySelector(":scope > .cf-row-buttons [data-cf-remove]")
      : block.querySelector(":scope > [data-cf-add]");
    target.focus();
    changed(block);
  }

  const changed = (element) => element.dispatchEvent(new Event("change", { bubbles: true }));

  // --- values to insert

  let menuFor = null;
  const visited = new WeakSet(); // inputs whose caret somebody placed; in others values are put at the end

  function openMenu(button) {
    const menu = within(button, "[data-cf-form]").querySelector("[data-cf-menu]");
    const isForMail = "cfMergeMail" in button.dataset;
    menu.querySelectorAll("[data-cf-menu-mail]").forEach((group) => (group.dataset.cfOut = String(!isForMail)));
    menuFor = { menu, button, input: document.getElementById(button.dataset.cfMerge) };
    button.after(menu);
    menu.hidden = false;
    button.setAttribute("aria-expanded", "true");
    const search = menu.querySelector("[data-cf-menu-search]");
    search.value = "";
    filterMenu(menu);
    placeMenu();
    search.focus();
  }

  function placeMenu() {
    const { menu, button } = menuFor;
    const at = button.getBoundingClientRect();
    const height = menu.offsetHeight;
    const isBelow = at.bottom + height + 8 < window.innerHeight || at.top < height;
    menu.style.left = `${Math.max(8, Math.min(at.right - menu.offsetWidth, window.innerWidth - menu.offsetWidth - 8))}px`;
    menu.style.top = `${isBelow ? at.bottom + 4 : at.top - height - 4}px`;
  }

  function closeMenu(isFocusBack) {
    if (!menuFor) return;
    const { menu, button } = menuFor;
    menu.hidden = true;
    button.setAttribute("aria-expanded", "false");
    menuFor = null;
    if (isFocusBack) button.focus();
  }

  function filterMenu(menu) {
    const text = menu.querySelector("[data-cf-menu-search]").value.trim().toLowerCase();
    let found = 0;
    for (const group of menu.querySelectorAll("[data-cf-menu-group]")) {
      let inGroup = 0;
      for (const item of group.querySelectorAll("[data-cf-insert]")) {
        item.hidden = group.dataset.cfOut === "true" || !item.textContent.toLowerCase().includes(text);
        if (!item.hidden) inGroup += 1;
      }
      group.hidden = inGroup === 0;
      found += inGroup;
    }
    menu.querySelector("[data-cf-menu-nothing]").hidden = found > 0;
  }

  function insert(path) {
    const { input } = menuFor;
    closeMenu(false);
    const start = visited.has(input) ? input.selectionStart : input.value.length;
    const end = visited.has(input) ? input.selectionEnd : start;
    input.focus();
    input.setRangeText(`{{ ${path} }}`, start, end, "end");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    changed(input);
  }

  function moveInMenu(menu, step) {
    const items = [...menu.querySelectorAll("[data-cf-insert]")].filter((item) => !item.hidden);
    const at = items.indexOf(document.activeElement);
    if (at < 0 && step < 0) return;
    if (at + step < 0) menu.querySelector("[data-cf-menu-search]").focus();
    else items[Math.min(at + step, items.length - 1)]?.focus();
  }

  // --- searches for objects of the account

  const searches = new WeakMap();

  function search(box) {
    const before = searches.get(box);
    clearTimeout(before?.timer);
    before?.abort.abort();
    const abort = new AbortController();
    searches.set(box, { abort, timer: setTimeout(() => fetchFound(box, abort.signal), 200) });
  }

  async function fetchFound(box, signal) {
    const select = document.getElementById(box.dataset.cfSearchFor);
    try {
      const answer = await fetch(`${box.dataset.cfSearch}?q=${encodeURIComponent(box.value)}`, { signal });
      if (!answer.ok) return;
      const { items } = await answer.json();
      const chosen = select.selectedOptions[0];
      const kept = [select.options[0]];
      if (chosen && chosen.value) kept.push(chosen);
      const found = items
        .filter((item) => item.id !== select.value)
        .map((item) => new Option(item.name, item.id));
      select.replaceChildren(...new Set([...kept, ...found]));
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }

  // --- small ones

  function switchValueType(block) {
    const type = block.querySelector("select").value;
    const text = block.querySelector("textarea");
    text.hidden = ["yes", "no", "nothing"].includes(type);
    text.rows = type === "list" ? 3 : 1;
  }

  function showProblemOfJson(area) {
    let detail = "";
    if (area.value.trim()) {
      try {
        JSON.parse(area.value);
      } catch (error) {
        detail = error.message;
      }
    }
    area.setAttribute("aria-invalid", String(detail !== ""));
    area.title = detail;
  }

  function start(root) {
    root.querySelectorAll("[data-cf-rows]").forEach(updateRows);
  }

  document.addEventListener("click", (event) => {
    const button = within(event.target, "button");
    if (menuFor && !menuFor.menu.contains(event.target)) closeMenu(false);
    if (!button || !within(button, "[data-cf-form]")) return;
    if ("cfInsert" in button.dataset) return insert(button.dataset.cfInsert);
    if ("cfMerge" in button.dataset) return openMenu(button);
    const block = within(button, "[data-cf-rows]");
    const row = within(button, "[data-cf-row]");
    if ("cfAdd" in button.dataset) addRow(block);
    else if ("cfRemove" in button.dataset) removeRow(row, block);
    else if ("cfUp" in button.dataset) moveRow(button, row, block, -1);
    else if ("cfDown" in button.dataset) moveRow(button, row, block, 1);
  });

  document.addEventListener("change", (event) => {
    const form = within(event.target, "[data-cf-form]");
    if (!form) return;
    showWhatBelongs(form);
    const value = within(event.target, "[data-cf-value]");
    if (value) switchValueType(value);
    if (event.target.dataset.cfJson !== undefined) showProblemOfJson(event.target);
  });

  document.addEventListener("input", (event) => {
    const input = event.target;
    if (!within(input, "[data-cf-form]")) return;
    if ("cfMenuSearch" in input.dataset) filterMenu(menuFor.menu);
    else if ("cfSearch" in input.dataset) search(input);
    else if ("cfDate" in input.dataset) document.getElementById(input.dataset.cfDate).value = input.value;
    else if ("cfColor" in input.dataset) document.getElementById(input.dataset.cfColor).value = input.value.toUpperCase();
    else if (/^#[0-9a-f]{6}$/i.test(input.value)) {
      const swatch = input.parentElement.querySelector("[data-cf-color]");
      if (swatch) swatch.value = input.value;
    }
  });

  document.addEventListener("keydown", (event) => {
    const search = "cfMenuSearch" in (event.target.dataset ?? {}) || "cfSearch" in (event.target.dataset ?? {});
    if (event.key === "Enter" && search) event.preventDefault();
    if (!menuFor) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      closeMenu(true);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      moveInMenu(menuFor.menu, event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && "cfMenuSearch" in event.target.dataset) {
      menuFor.menu.querySelector("[data-cf-insert]:not([hidden])")?.click();
    }
  }, true);

  document.addEventListener("focusin", (event) => {
    visited.add(event.target);
    if (menuFor && !menuFor.menu.contains(event.target) && event.target !== menuFor.button) closeMenu(false);
  });

  window.addEventListener("scroll", () => menuFor && placeMenu(), { passive: true, capture: true });

  const startAll = (root) => {
    const forms = root.matches?.("[data-cf-form]") ? [root] : root.querySelectorAll("[data-cf-form]");
    forms.forEach((form) => {
      start(form);
      showWhatBelongs(form);
    });
  };
  document.addEventListener("htmx:load", (event) => startAll(event.detail.elt));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => startAll(document));
  else startAll(document);
})();
