// The drawer: a modal dialog that panels are loaded into. It opens when one arrives and closes when the board changes.
"use strict";
(() => {
    const drawer = () => document.getElementById("drawer");
    let opener = null; // id of the element that gets the focus back
    let typed = false; // whether something was typed into the panel since it arrived

    function close() {
        if (!drawer()?.open) return;
        typed = false;
        drawer().close();
    }

    function mayClose() {
        return !typed || window.confirm("Close without saving what you typed?");
    }

    function arrived(panel) {
        if (!drawer().open) {
            opener = document.activeElement?.id || document.activeElement?.closest("[id]")?.id || null;
            drawer().showModal();
        }
        drawer().scrollTop = 0;
        const first = panel.querySelector("[aria-invalid=true], .has-error :is(input, select, textarea), [role=alert]")
            ?? panel.querySelector("[autofocus]")
            ?? panel.querySelector(".panel-body:not(:disabled) :is(input, select, textarea):not([type=hidden])")
            ?? panel.querySelector("button[type=submit]")
            ?? panel.querySelector("#drawer-title");
        if (first?.getAttribute("role") === "alert") first.tabIndex = -1;
        first?.focus();
    }

    document.addEventListener("htmx:afterSwap", (event) => {
        if (event.detail.target.id === "drawer-body") {
            typed = event.detail.requestConfig.verb === "post"; // it came back: what was typed is still not saved
            arrived(event.detail.target);
        }
        if (event.detail.target.id === "editor") close();
    });
    document.addEventListener("input", (event) => {
        if (event.target.closest("#drawer .panel-form")) typed = true;
    });
    document.addEventListener("click", (event) => {
        const onBackdrop = event.target === drawer();
        if ((onBackdrop || event.target.closest("[data-close-drawer]")) && mayClose()) close();
    });
    document.addEventListener("keydown", (event) => {
        if (event.key !== "Escape" || event.defaultPrevented || !drawer()?.open) return;
        event.preventDefault(); // the browser itself asks once only, and closes at the second key
        if (mayClose()) close();
    });
    document.addEventListener("close", (event) => {
        if (event.target !== drawer()) return;
        typed = false;
        document.getElementById("drawer-body").replaceChildren();
        if (opener && !document.activeElement?.closest("#editor")) document.getElementById(opener)?.focus();
    }, true);
    let leaving = false; // whether the server leads to another page, as a copy does to itself
    document.addEventListener("htmx:beforeOnLoad", (event) => {
        leaving = Boolean(event.detail.xhr.getResponseHeader("HX-Redirect"));
    });
    window.addEventListener("beforeunload", (event) => {
        if (typed && drawer()?.open && !leaving) event.preventDefault();
    });

    // The palette: words and categories hide what does not fit.
    function narrow(palette) {
        const words = palette.querySelector("[data-palette-search]").value.toLowerCase().split(/\s+/).filter(Boolean);
        const category = palette.querySelector("[data-category][aria-pressed=true]").dataset.category;
        let found = 0;
        for (const shelf of palette.querySelectorAll("[data-shelf]")) {
            let fitting = 0;
            for (const item of shelf.querySelectorAll("[data-words]")) {
                const fits = (!category || shelf.dataset.shelf === category)
                    && words.every((word) => item.dataset.words.includes(word));
                item.hidden = !fits;
                fitting += fits;
            }
            shelf.hidden = !fitting;
            found += fitting;
        }
        palette.querySelector("[data-palette-nothing]").hidden = found > 0;
    }
    document.addEventListener("input", (event) => {
        if (event.target.matches("[data-palette-search]")) narrow(event.target.closest("[data-palette]"));
    });
    document.addEventListener("click", (event) => {
        const chip = event.target.closest("[data-palette] [data-category]");
        if (!chip) return;
        for (const other of chip.parentElement.children) other.setAttribute("aria-pressed", String(other === chip));
        narrow(chip.closest("[data-palette]"));
    });
    document.addEventListener("keydown", (event) => {
        const palette = event.target.closest?.("[data-palette]");
        if (!palette || !["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
        const links = [...palette.querySelectorAll("li:not([hidden]) > .type")].filter((link) => !link.closest("[hidden]"));
        const place = links.indexOf(document.activeElement);
        if (event.key === "Enter") {
            if (place === -1 && event.target.matches("[data-palette-search]") && links.length) links[0].click();
            return;
        }
        event.preventDefault();
        const next = links[place + (event.key === "ArrowDown" ? 1 : -1)];
        (next ?? (place <= 0 ? palette.querySelector("[data-palette-search]") : null))?.focus();
    });
})();
