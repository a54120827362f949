// Pointer or arrow keys show a plot's values; a click on a column's head sorts its table; print unfolds.
"use strict";

const tip = document.getElementById("tip");
const cursor = document.createElement("div");
cursor.className = "cursor";

function tell(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const left = Math.min(Math.max(x + 12, 4), document.documentElement.clientWidth - tip.offsetWidth - 4);
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${Math.max(y - tip.offsetHeight - 4, 4) + scrollY}px`;
}

function show(plot, index) {
  const [at, text] = plot.tips[index];
  const box = plot.getBoundingClientRect();
  plot.shown = index;
  tell(text, box.left + (at / 100) * box.width, box.top);
  if (plot.classList.contains("plot")) {
    cursor.style.left = `${at}%`;
    plot.append(cursor);
  }
}

function hide() {
  tip.hidden = true;
  cursor.remove();
}

// What a plot says goes when pointer or focus leave it, and moves on by the arrow keys
function attend(plot, leave, move) {
  plot.addEventListener("pointerleave", leave);
  plot.addEventListener("blur", leave);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") leave();
    if (!step) return;
    event.preventDefault();
    move(step);
  });
}

for (const plot of document.querySelectorAll("[data-tips]")) {
  plot.tips = JSON.parse(plot.dataset.tips);
  if (!plot.tips.length) continue;
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const at = (100 * (event.clientX - box.left)) / box.width;
    const distances = plot.tips.map(([x]) => Math.abs(x - at));
    show(plot, distances.indexOf(Math.min(...distances)));
  });
  attend(plot, hide, (step) => {
    const last = plot.tips.length - 1;
    show(plot, Math.min(Math.max((plot.shown ?? (step > 0 ? -1 : last + 1)) + step, 0), last));
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
    const unknown = (row) => value(row) === "nan";
    const order = (a, b) => unknown(a) - unknown(b) || compare(value(a), value(b)) * (descending ? -1 : 1);
    const rows = [...body.rows].sort(order);
    body.append(...rows);
  });
}

// a table that is wider than the page says so
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) target.toggleAttribute("data-more", target.scrollWidth > target.clientWidth + 1);
});
for (const scroll of document.querySelectorAll(".scroll")) widths.observe(scroll);

addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details.collection, details.more")) folded.open = true;
});
