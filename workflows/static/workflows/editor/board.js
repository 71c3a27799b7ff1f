// The board: steps are dragged or moved by keyboard; what the server answers is announced and gets the focus.
"use strict";
(() => {
    const board = () => document.getElementById("editor");
    const live = () => document.getElementById("editor-live");

    function announce(text) {
        live().textContent = "";
        window.setTimeout(() => { live().textContent = text; }, 50);
    }

    // What a change answers.
    function settled() {
        const { focus, announce: text } = board().dataset;
        if (text.trim()) announce(text.trim());
        const target = document.getElementById("errors") ?? (focus && document.getElementById(focus));
        if (target && !document.getElementById("drawer").open) {
            target.focus({ preventScroll: true });
            target.scrollIntoView({ block: "nearest" });
        }
        makeSortable();
    }
    document.addEventListener("htmx:afterSettle", (event) => {
        if (event.detail.target?.id === "editor" || event.detail.elt?.id === "editor") settled();
    });
    document.addEventListener("htmx:oobAfterSwap", (event) => {
        if (event.detail.target.id === "editor") makeSortable();
    });

    // Refusals bring a board or a form of their own; anything else that fails is said in words.
    document.addEventListener("htmx:beforeSwap", (event) => {
        const { xhr, requestConfig } = event.detail;
        if (xhr.responseURL && !new URL(xhr.responseURL).pathname.endsWith(requestConfig.path.split("?")[0])) {
            event.detail.shouldSwap = false; // led elsewhere, such as to the login
            window.location.reload();
        } else if (xhr.status >= 400 && xhr.getResponseHeader("HX-Retarget")) {
            event.detail.shouldSwap = true;
            event.detail.isError = false;
        }
    });
    function failed(text) {
        restoreOrder();
        announce(text);
        window.alert(text);
    }
    document.addEventListener("htmx:responseError", (event) => {
        const { status } = event.detail.xhr;
        if (status === 403) failed("Your role does not allow this, or the page is too old. Load it anew.");
        else if (status === 404) failed("This is not there any more. Load the page anew.");
        else failed(`The server could not do this (${status}). Nothing was changed; try again.`);
    });
    document.addEventListener("htmx:sendError", () => failed("The server cannot be reached. Nothing was changed; try again."));

    // Dragging.
    let order = null; // [list, ids] before the drag, put back when the move fails
    function restoreOrder() {
        if (!order) return;
        for (const [list, steps] of order) list.replaceChildren(...steps);
        order = null;
    }
    function makeSortable() {
        for (const list of document.querySelectorAll("#editor [data-sortable]")) {
            if (Sortable.get(list)) continue;
            Sortable.create(list, {
                group: "steps",
                handle: "[data-handle]",
                draggable: "[data-step]",
                animation: 140,
                forceFallback: true,
                fallbackOnBody: true,
                fallbackTolerance: 4,
                scrollSensitivity: 80,
                onStart: () => {
                    order = [...document.querySelectorAll("#editor [data-sortable]")].map((each) => [each, [...each.children]]);
                },
                onEnd: (event) => {
                    if (event.from === event.to && event.oldDraggableIndex === event.newDraggableIndex) return;
                    const card = event.item.querySelector("[data-move]");
                    window.htmx.ajax("POST", card.dataset.move, {
                        source: board(),
                        target: "#editor",
                        swap: "outerHTML",
                        values: { position: event.newDraggableIndex, branch_id: event.to.dataset.branch },
                    });
                },
            });
        }
    }

    // The keyboard: on a card, Enter opens it and Alt with an arrow moves it.
    document.addEventListener("keydown", (event) => {
        const card = event.target.closest?.(".step-card");
        if (!card) return;
        if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
            event.preventDefault();
            const button = card.querySelector(event.key === "ArrowUp" ? "[data-up]" : "[data-down]");
            if (!button) return;
            if (button.disabled) announce(event.key === "ArrowUp" ? "This is the first step." : "This is the last step.");
            else button.click();
        } else if (event.key === "Enter" && event.target === card) {
            event.preventDefault();
            card.querySelector("[data-open]").click();
        }
    });

    // Problems lead to their card.
    document.addEventListener("click", (event) => {
        const link = event.target.closest("[data-focus-on]");
        const target = link && document.getElementById(link.dataset.focusOn);
        if (!target) return;
        event.preventDefault();
        target.scrollIntoView({ block: "center" });
        target.focus({ preventScroll: true });
    });

    if (board()) makeSortable();
})();
