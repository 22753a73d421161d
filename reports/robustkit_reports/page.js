"use strict";
(() => {
  const tip = document.getElementById("tip");

  // A point says what it is: at once under a pointer, and under the keyboard's focus, where a <title> alone is silent.
  const show = (point, x, y) => {
    tip.textContent = point.getAttribute("aria-label");
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - box.width - 4))}px`;
    tip.style.top = `${y + 16 + box.height > innerHeight ? Math.max(4, y - box.height - 10) : y + 16}px`;
  };
  const hide = () => { tip.hidden = true; };
  for (const point of document.querySelectorAll(".point")) {
    point.querySelector("title")?.remove();
    point.addEventListener("pointerenter", (event) => show(point, event.clientX, event.clientY));
    point.addEventListener("pointerleave", hide);
    point.addEventListener("focus", () => {
      const box = point.getBoundingClientRect();
      show(point, box.right, box.bottom);
    });
    point.addEventListener("blur", hide);
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  // A name in a legend shows its series alone; the same name again shows all.
  for (const figure of document.querySelectorAll("figure")) {
    const names = figure.querySelectorAll("[data-only]");
    for (const name of names) {
      name.addEventListener("click", () => {
        const alone = name.getAttribute("aria-pressed") !== "true";
        for (const other of names) other.setAttribute("aria-pressed", String(alone && other === name));
        figure.classList.toggle("alone", alone);
        for (const mark of figure.querySelectorAll("[data-s]")) {
          mark.classList.toggle("on", mark.dataset.s === name.dataset.only);
        }
      });
    }
  }

  // Headings sort their table; what has no value stays last in both directions.
  const before = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const numbers = [Number(a), Number(b)];
    return sign * (numbers.some(Number.isNaN) ? a.localeCompare(b, "en", { numeric: true }) : numbers[0] - numbers[1]);
  };
  for (const button of document.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      const head = button.parentElement;
      const body = head.closest("table").tBodies[0];
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const place = Number(button.dataset.sort);
      const value = (row) => row.cells[place].dataset.v;
      body.append(...[...body.rows].sort((a, b) => before(value(a), value(b), ascending ? 1 : -1)));
    });
  }

  // Every word that is typed must occur in a row.
  for (const input of document.querySelectorAll("[data-filter]")) {
    const rows = [...document.getElementById(`rows-${input.dataset.filter}`).tBodies[0].rows];
    const count = document.querySelector(`[data-count="${CSS.escape(input.dataset.filter)}"]`);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = [...row.cells].map((cell) => `${cell.textContent} ${cell.title}`).join(" ").toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      count.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
    });
  }

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
