// The map: the nearest dot tells its title and is joined with the other songs of its work; arrow keys go from song to song.

function makeMap(svg, { titles, works }) {
  const dots = [...svg.querySelectorAll("path")];
  const places = dots.map((dot) => dot.getAttribute("d").match(/[\d.]+/g).map(Number));
  const joins = document.createElementNS("http://www.w3.org/2000/svg", "path");
  joins.setAttribute("class", "joins");
  svg.prepend(joins);
  let shown = -1;

  function showSong(song) {
    shown = song;
    const own = dots.map((_, other) => other).filter((other) => works[other] === works[song]);
    dots.forEach((dot, other) => dot.classList.toggle("own", works[other] === works[song]));
    const [x, y] = places[song];
    joins.setAttribute("d", own.map((other) => `M${x} ${y}L${places[other].slice(0, 2).join(" ")}`).join(""));
    const others = own.filter((other) => other !== song).map((other) => `cover: ${titles[other]}`);
    const box = svg.getBoundingClientRect();
    tell([titles[song], ...others.slice(0, 8)].join("\n"), box.left + (x * box.width) / 100, box.top + (y * box.height) / 100);
  }

  function leave() {
    hide();
    joins.removeAttribute("d");
    for (const dot of dots) dot.classList.remove("own");
  }

  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const far = places.map(([a, b]) => Math.hypot((a * box.width) / 100 - x, (b * box.height) / 100 - y));
    const song = far.indexOf(Math.min(...far));
    if (far[song] < 25) showSong(song);
    else leave();
  });
  attend(svg, leave, (step) => showSong((shown + step + dots.length) % dots.length));
}

const mapData = document.getElementById("map-data");
if (mapData) makeMap(document.getElementById("song-map"), JSON.parse(mapData.textContent));
