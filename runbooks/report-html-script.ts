/**
 * What the page does beyond being read: filters, and a pair's details by click and by keyboard. It runs in the reader's browser. Texts come in as
 * data and go out as text nodes, never as markup.
 */
export const script = String.raw`
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  let data = JSON.parse(byId("data").textContent);
  const table = byId("links"), form = byId("filter"), panel = byId("detail"), pairs = byId("pairs");
  const said = byId("said"), partyBox = byId("party"), stateBox = byId("state");
  const rows = [...table.tBodies[0].rows], heads = [...table.tHead.rows[0].cells];
  const n = rows.length;
  const words = { o: "up", x: "DOWN", q: "could not tell" };
  const grid = rows.map((row) => [...row.cells].slice(1));
  const rowHeads = rows.map((row) => row.cells[0]);
  const kind = grid.map((cells) => cells.map((cell) => cell.classList[0]));
  const oneWay = grid.map((cells) => cells.map((cell) => cell.classList.contains("w")));
  const roomy = !table.classList.contains("dense");
  const box = table.parentElement;
  /** What a reader sees: the whole matrix, or one made of what fits the filter. The whole one is never taken apart, since laying it out anew takes long. */
  const whole = { table, rowHeads, heads: heads.slice(1), grid };
  let view = whole;
  const cellAt = (i, j) => view.grid[i] && view.grid[i][j];

  const element = (name, options, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(options || {}))
      if (key === "class") made.className = value; else made.setAttribute(key, value);
    made.append(...children.filter((child) => child !== null));
    return made;
  };
  const foreign = (text) => element("bdi", {}, text);
  const partyName = (i) => foreign(data.parties[i][0] + " " + data.parties[i][1]);
  const tag = (i, j) => element("span", { class: "tag " + kind[i][j] }, words[kind[i][j]] + (oneWay[i][j] ? ", one way" : ""));
  const id = (i) => data.parties[i][0];

  /** One direction, with all that is known of it. */
  function direction(i, j) {
    const link = data.links[i][j > i ? j - 1 : j];
    const text = (at) => (link && link[at] > 0 ? data.texts[link[at] - 1] : null);
    const parts = element("dl", { class: "parts" });
    const add = (name, value) => {
      if (value === null) return;
      parts.append(element("dt", {}, name), element("dd", {}, foreign(value)));
    };
    add("path", text(0));
    add("view", text(1));
    add("fault", text(2));
    add("detail", text(3));
    add("address", text(4));
    add("latency", text(5));
    add("certificate", text(6));
    add("release", text(7));
    add("seen as", text(8));
    return [element("h3", {}, id(i) + " \u2192 " + id(j) + "  ", tag(i, j)), parts];
  }

  /** What stands in a cell, and what that means where it is one letter. */
  function spoken(i, j) {
    const text = grid[i][j].textContent;
    if (kind[i][j] === "q") return text + ", could not tell";
    return text === "X" ? "X, down" + (oneWay[i][j] ? " one way" : "") : text;
  }

  let at = null;
  let open = null;
  const clearMarks = () => {
    for (const marked of view.table.querySelectorAll(".here,.back,.lit")) marked.classList.remove("here", "back", "lit");
  };
  const mark = (i, j) => {
    clearMarks();
    const add = (cell, name) => cell && cell.classList.add(name);
    add(view.rowHeads[i], "lit");
    add(view.heads[j], "lit");
    if (i === j) return;
    add(cellAt(i, j), "here");
    add(cellAt(j, i), "back");
  };
  function fill(i, j) {
    const made = element("div", {},
      element("p", { class: "hint" }, "from ", partyName(i), " to ", partyName(j), ", and back"),
      ...direction(i, j),
      ...direction(j, i),
    );
    // What is read out is only what is new.
    if (panel.textContent !== made.textContent) panel.replaceChildren(...made.childNodes);
  }
  function show(i, j) {
    if (i === j) return;
    open = [i, j];
    mark(i, j);
    fill(i, j);
    if (panel.getBoundingClientRect().top > innerHeight - 80) panel.scrollIntoView({ block: "nearest" });
  }
  function close() {
    open = null;
    clearMarks();
    panel.replaceChildren(element("p", { class: "hint" }, data.prompt));
  }
  function move(i, j) {
    leave();
    at = [i, j];
    const cell = cellAt(i, j);
    cell.tabIndex = 0;
    name(cell, i, j);
  }
  function leave() {
    const cell = at === null ? undefined : cellAt(...at);
    if (cell) cell.tabIndex = -1;
  }
  function name(cell, i, j) {
    cell.setAttribute(
      "aria-label",
      i === j ? "\u00b7 party " + id(i) + " itself" : "from party " + id(i) + " to party " + id(j) + ": " + spoken(i, j) + "; back: " + spoken(j, i),
    );
  }
  /** The next cell that is shown, from here in one direction, or none. */
  function next(i, j, down, right, far) {
    let found = null;
    for (let a = i + down, b = j + right; a >= 0 && a < n && b >= 0 && b < n; a += down, b += right) {
      if (!cellAt(a, b)) continue;
      found = [a, b];
      if (!far) break;
    }
    return found;
  }
  const steps = {
    ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    Home: [0, -1, true], End: [0, 1, true], PageUp: [-1, 0, true], PageDown: [1, 0, true],
  };
  box.parentElement.addEventListener("keydown", (event) => {
    if (at === null || !view.table.contains(event.target) || event.altKey || event.metaKey) return;
    const [i, j] = at;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      show(i, j);
    } else if (event.key === "Escape") close();
    else if (steps[event.key]) {
      event.preventDefault();
      const to = next(i, j, ...steps[event.key]);
      if (to === null) return;
      move(...to);
      cellAt(...to).focus();
    }
  });
  /** Row and column of a cell, -1 of a header's; null beside them. */
  const place = (target) => {
    const cell = target.closest("td,th");
    if (cell === null || !view.table.contains(cell)) return null;
    return view === whole ? [cell.parentElement.rowIndex - 1, cell.cellIndex - 1] : view.places.get(cell) || null;
  };
  box.parentElement.addEventListener("click", (event) => {
    const found = place(event.target);
    if (found === null) return;
    const [i, j] = found;
    if (i >= 0 && j >= 0) {
      move(i, j);
      show(i, j);
    } else if (i !== j) choose(i >= 0 ? i : j);
  });
  box.parentElement.addEventListener("focusin", (event) => {
    const found = place(event.target);
    if (found !== null && found[0] >= 0 && found[1] >= 0) mark(...found);
  });
  box.parentElement.addEventListener("focusout", () => {
    if (open) mark(...open); else clearMarks();
  });

  const states = {
    all: () => true,
    not: (i, j) => kind[i][j] !== "o",
    down: (i, j) => kind[i][j] === "x",
    unknown: (i, j) => kind[i][j] === "q",
    oneway: (i, j) => oneWay[i][j],
  };
  /** Rows and columns without a match go; in the others stands what matches, and nothing else. */
  function filter() {
    const party = partyBox.value === "" ? -1 : Number(partyBox.value);
    const fits = states[stateBox.value];
    const hit = grid.map((cells, i) => cells.map((_, j) => i !== j && (party < 0 || i === party || j === party) && fits(i, j)));
    const count = hit.reduce((sum, cells) => sum + cells.filter(Boolean).length, 0);
    said.value = count + " of " + n * (n - 1) + " links shown" + (count === 0 ? ": none fits" : "");
    leave();
    clearMarks();
    if (view !== whole) view.table.parentElement.remove();
    view = party < 0 && stateBox.value === "all" ? whole : narrowed(party, hit);
    box.classList.toggle("aside", view !== whole);
    if (view !== whole && count > 0) box.after(view.table.parentElement);
    const first = hit.findIndex((cells) => cells.includes(true));
    if (at !== null && cellAt(...at)) move(...at);
    else if (first >= 0) move(first, hit[first].indexOf(true));
    if (open !== null) mark(...open);
    listPairs(party, hit);
  }
  /** A matrix of its own of what fits: what lies between two cells is one gap. */
  function narrowed(party, hit) {
    const rowOn = hit.map((cells, i) => i === party || cells.includes(true));
    const columns = [...hit.keys()].filter((j) => j === party || hit.some((cells) => cells[j]));
    const copy = (from) => {
      const made = from.cloneNode(true);
      made.classList.remove("here", "back", "lit");
      return made;
    };
    const places = new Map(), made = { places, rowHeads: {}, heads: {}, grid: {} };
    const top = element("tr", {}, copy(heads[0]));
    for (const j of columns) {
      top.append((made.heads[j] = copy(heads[j + 1])));
      places.set(made.heads[j], [-1, j]);
    }
    const body = element("tbody");
    for (const i of hit.keys()) {
      if (!rowOn[i]) continue;
      const row = element("tr", {}, (made.rowHeads[i] = copy(rowHeads[i])));
      places.set(made.rowHeads[i], [i, -1]);
      made.grid[i] = {};
      let gap = null;
      for (const j of columns) {
        if (hit[i][j] || i === j) {
          gap = null;
          row.append((made.grid[i][j] = copy(grid[i][j])));
          places.set(made.grid[i][j], [i, j]);
        } else if (gap === null) row.append((gap = element("td", { class: "gap" })));
        else gap.colSpan++;
      }
      body.append(row);
    }
    made.table = table.cloneNode(false);
    made.table.id = "narrowed";
    made.table.append(table.caption.cloneNode(true), element("thead", {}, top), body);
    const around = box.cloneNode(false);
    around.classList.remove("aside");
    around.classList.add("narrow");
    around.append(made.table);
    return made;
  }
  /** One party's links, both directions of each beside each other. */
  function listPairs(party, hit) {
    pairs.replaceChildren();
    if (party < 0) return;
    const body = element("tbody");
    for (let j = 0; j < n; j++) {
      if (!hit[party][j] && !hit[j][party]) continue;
      const button = element("button", { type: "button" }, "details");
      button.append(element("span", { class: "skip" }, " of " + id(party) + " and " + id(j)));
      button.addEventListener("click", () => show(party, j));
      body.append(element("tr", {},
        element("th", { scope: "row" }, partyName(j)),
        element("td", {}, id(party) + " \u2192 " + id(j) + " ", tag(party, j)),
        element("td", {}, id(j) + " \u2192 " + id(party) + " ", tag(j, party)),
        element("td", {}, button)));
    }
    const head = element("tr", {});
    for (const text of ["peer", "out", "in", "more"]) head.append(element("th", { scope: "col" }, text));
    pairs.append(
      element("h3", {}, "Links of party ", partyName(party)),
      element("div", { class: "box", tabindex: "0", role: "region", "aria-label": "Links of one party" },
        element("table", { class: "list" }, element("caption", {}, "Both directions of each link"), element("thead", {}, head), body)),
    );
  }
  function choose(party) {
    partyBox.value = String(party);
    filter();
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { filter(); close(); }));
  const showButtons = () => {
    for (const button of document.querySelectorAll("button[data-party]")) button.hidden = false;
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-party]");
    if (button === null) return;
    stateBox.value = "not";
    choose(Number(button.dataset.party));
    byId("matrix").scrollIntoView();
    partyBox.focus({ preventScroll: true });
  });
  const ago = byId("ago");
  const minutes = ago === null ? -1 : Math.round((Date.now() - Date.parse(ago.dateTime)) / 60000);
  if (minutes >= 0)
    ago.after(" (" + (minutes < 120 ? minutes + " min" : minutes < 2880 ? Math.round(minutes / 60) + " h" : Math.round(minutes / 1440) + " days") + " before this page was opened)");

  /** Another report of the same parties: only cells that are otherwise than before are touched; what was chosen stays chosen. */
  document.addEventListener("quorate:report", ({ detail }) => {
    data = detail.data;
    const letters = detail.cells.split("\n");
    let changed = false;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const letter = letters[i][j];
        const now = letter === "w" ? "x" : letter;
        if (kind[i][j] === now && oneWay[i][j] === (letter === "w")) continue;
        changed = true;
        const cell = grid[i][j];
        cell.classList.remove("o", "x", "w", "q");
        kind[i][j] = now;
        oneWay[i][j] = letter === "w";
        const others = [...cell.classList];
        cell.className = [now, ...(letter === "w" ? ["w"] : []), ...others].join(" ");
        cell.textContent = { o: "ok", q: "?", x: roomy ? "DOWN" : "X" }[now] + (letter === "w" && roomy ? " " : "");
        if (letter === "w" && roomy) cell.append(element("small", {}, "one way"));
        if (cell.hasAttribute("aria-label")) name(cell, i, j);
        if (grid[j][i].hasAttribute("aria-label")) name(grid[j][i], j, i);
      }
    if (open !== null) fill(...open);
    if (!changed) return;
    const focused = document.activeElement;
    const peer = pairs.contains(focused) ? focused.textContent : null;
    const wasCell = view.table.contains(focused);
    filter();
    // What had the keyboard's attention is there no more, or made anew: the same, or what is nearest to it, gets it.
    if (peer !== null)
      ([...pairs.querySelectorAll("button")].find((button) => button.textContent === peer) || stateBox).focus({ preventScroll: true });
    else if (wasCell && !focused.checkVisibility())
      ((at !== null && view.table.isConnected && cellAt(...at)) || stateBox).focus({ preventScroll: true });
  });

  table.setAttribute("role", "grid");
  table.setAttribute("aria-describedby", "keys");
  for (const cells of grid) for (const cell of cells) cell.tabIndex = -1;
  for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;
  byId("split").classList.add("scripted", n > 40 ? "below" : "beside");
  showButtons();
  close();
  filter();
})();
`;
