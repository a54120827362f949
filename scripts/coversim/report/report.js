// Hover or arrow keys show a figure's values; a click on a column's head sorts its table; print unfolds.
"use strict";

const tip = document.getElementById("tip");
const cursor = document.createElement("div");
cursor.className = "cursor";

function show(figure, index) {
  const [at, text] = figure.tips[index];
  const box = figure.getBoundingClientRect();
  figure.shown = index;
  tip.textContent = text;
  tip.hidden = false;
  const x = box.left + (at / 100) * box.width;
  const left = Math.min(Math.max(x + 12, 4), document.documentElement.clientWidth - tip.offsetWidth - 4);
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${Math.max(box.top - tip.offsetHeight - 4, 4) + scrollY}px`;
  if (figure.classList.contains("plot")) {
    cursor.style.left = `${at}%`;
    figure.append(cursor);
  }
}

function hide() {
  tip.hidden = true;
  cursor.remove();
}

for (const figure of document.querySelectorAll("[data-tips]")) {
  figure.tips = JSON.parse(figure.dataset.tips);
  if (!figure.tips.length) continue;
  figure.addEventListener("pointermove", (event) => {
    const box = figure.getBoundingClientRect();
    const at = (100 * (event.clientX - box.left)) / box.width;
    const distances = figure.tips.map(([x]) => Math.abs(x - at));
    show(figure, distances.indexOf(Math.min(...distances)));
  });
  figure.addEventListener("pointerleave", hide);
  figure.addEventListener("blur", hide);
  figure.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    const last = figure.tips.length - 1;
    show(figure, Math.min(Math.max((figure.shown ?? (step > 0 ? -1 : last + 1)) + step, 0), last));
  });
}

for (const head of document.querySelectorAll(".sortable thead th[aria-sort]")) {
  head.firstElementChild.addEventListener("click", () => {
    const descending = head.getAttribute("aria-sort") !== "descending";
    for (const other of head.parentElement.children) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = head.closest("table").tBodies[0];
    const value = (row) => row.children[head.cellIndex].dataset.value;
    const compare = (a, b) => Number(a) - Number(b) || (isNaN(a) || isNaN(b) ? a.localeCompare(b) : 0);
    const rows = [...body.rows].sort((a, b) => compare(value(a), value(b)) * (descending ? -1 : 1));
    body.append(...rows);
  });
}

addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details.collection, details.more")) folded.open = true;
});
