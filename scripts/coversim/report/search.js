// Search in the page: a combobox of the songs, and a table of the ten that are nearest to the one that is chosen.

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

function makeSearch(data) {
  const input = document.getElementById("query");
  const list = document.getElementById("matches");
  const output = document.getElementById("neighbours");
  const found = new Uint32Array(bytes(data.found));
  const probability = new Uint16Array(bytes(data.probability));
  const name = (song) => `${data.works[data.work[song]]} / ${data.performances[song]}`;
  const title = (song) => data.titles[song] || name(song);
  const words = Array.from({ length: data.queries }, (_, song) => plain(`${data.titles[song]} ${name(song)}`));
  let active = -1;

  function close() {
    list.hidden = true;
    list.replaceChildren();
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function activate(place) {
    const options = list.children;
    if (!options.length) return;
    if (active >= 0) options[active].setAttribute("aria-selected", "false");
    active = (place + options.length) % options.length;
    options[active].setAttribute("aria-selected", "true");
    options[active].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[active].id);
  }

  function suggest() {
    const wanted = plain(input.value).split(/\s+/).filter(Boolean);
    close();
    if (!wanted.length) return;
    for (let song = 0; song < data.queries && list.children.length < 12; song++) {
      if (!wanted.every((word) => words[song].includes(word))) continue;
      const option = document.createElement("li");
      option.id = `match-${song}`;
      option.role = "option";
      option.setAttribute("aria-selected", "false");
      option.textContent = title(song);
      if (data.titles[song]) option.append(small(name(song)));
      option.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        choose(song);
      });
      list.append(option);
    }
    list.hidden = !list.children.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    if (list.hidden) output.textContent = "No song with covers here is called so.";
  }

  function small(text) {
    const element = document.createElement("small");
    element.textContent = text;
    return element;
  }

  function cell(kind, text, className = "") {
    const element = document.createElement(kind);
    element.textContent = text;
    element.className = className;
    return element;
  }

  function choose(song) {
    input.value = title(song);
    close();
    const table = document.createElement("table");
    const caption = table.createCaption();
    caption.textContent = `Nearest to ${title(song)}`;
    if (data.titles[song]) caption.append(small(name(song)));
    const head = table.createTHead().insertRow();
    for (const [text, kind] of [["Rank", "number"], ["Song", ""], ["Probability", "number"], ["Cover?", ""]]) {
      const column = cell("th", text, kind);
      column.scope = "col";
      head.append(column);
    }
    const body = table.createTBody();
    for (let rank = 0; rank < data.shown; rank++) {
      const place = song * data.shown + rank;
      const other = found[place];
      if (other === song) continue; // there are no more
      const row = body.insertRow();
      const isCover = data.work[other] === data.work[song];
      row.className = isCover ? "cover" : "";
      const known = probability[place] <= 1000;
      const said = cell("th", title(other));
      said.scope = "row";
      if (data.titles[other]) said.append(small(name(other)));
      row.append(
        cell("td", String(rank + 1), "number"),
        said,
        cell("td", known ? `${(probability[place] / 10).toFixed(1)} %` : "–", "number"),
        cell("td", isCover ? "cover" : "no"),
      );
    }
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.append(table);
    output.replaceChildren(scroll);
  }

  input.addEventListener("input", suggest);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) suggest();
      activate(event.key === "ArrowDown" ? active + 1 : active < 0 ? -1 : active - 1);
    } else if (event.key === "Enter" && !list.hidden) {
      event.preventDefault();
      choose(Number(list.children[Math.max(active, 0)].id.slice("match-".length)));
    } else if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      close();
    }
  });
}

const searchData = document.getElementById("search-data");
if (searchData) makeSearch(JSON.parse(searchData.textContent));
