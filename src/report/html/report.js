// Filters and the comparison. The page is whole without this: what needs it is hidden until it runs.
// Text that came from data is moved as nodes that are there already, never put together as markup.
"use strict";
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const one = (selector, from = document) => from.querySelector(selector);
  for (const element of all(".needs-script")) element.hidden = false;

  const cards = all(".persona");
  const filters = one("#filters");

  // The words of a card, once: searching must not wait for the layout.
  const words = new Map(cards.map((card) => [card, card.textContent.toLowerCase()]));

  function apply() {
    const said = new FormData(filters);
    const sought = said.get("q").toLowerCase().split(/\s+/).filter(Boolean);
    const levels = said.getAll("level");
    let shown = 0;
    for (const card of cards) {
      const fits = levels.includes(card.dataset.level)
        && (!said.has("passed") || card.dataset.passed === "yes")
        && sought.every((word) => words.get(card).includes(word));
      card.hidden = !fits;
      shown += fits;
    }
    for (const item of all(".inferred")) item.hidden = !said.has("inferred");
    one("#shown").textContent = `${shown} of ${cards.length} shown`;
    one("#none").hidden = shown > 0;
  }

  // The state stands in the address, so that a filtered page can be passed on.
  function write() {
    const said = new FormData(filters);
    const state = new URLSearchParams();
    if (said.get("q")) state.set("q", said.get("q"));
    if (said.getAll("level").length < 3) state.set("level", said.getAll("level").join("."));
    if (said.has("passed")) state.set("passed", "1");
    if (!said.has("inferred")) state.set("inferred", "0");
    const text = state.toString();
    try { history.replaceState(null, "", text ? `#?${text}` : "#"); } catch { /* some browsers refuse this for files */ }
  }

  function read() {
    if (!location.hash.startsWith("#?")) return;
    const state = new URLSearchParams(location.hash.slice(2));
    filters.elements.q.value = state.get("q") ?? "";
    filters.elements.passed.checked = state.has("passed");
    filters.elements.inferred.checked = state.get("inferred") !== "0";
    const levels = state.has("level") ? state.get("level").split(".") : ["1", "2", "3"];
    for (const box of all("[name=level]", filters)) box.checked = levels.includes(box.value);
    const [a, b] = (state.get("compare") ?? "").split(".");
    if (pick && a && b) { pick.elements.a.value = a; pick.elements.b.value = b; compare(); }
  }

  const pick = one("#pick");
  const parts = [["gauges", "In figures"], ["demographics", "From the data"], ["goals", "Goals"], ["pains", "Pains"],
    ["behaviours", "Behaviours"], ["motivations", "Motivations"], ["quotes", "In their words"]];

  function node(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function cited(card) {
    return new Set(all(".ids, .quote .source", card).flatMap((from) => from.textContent.match(/f\d+#\d+/g) ?? []));
  }

  function compare() {
    const sides = ["a", "b"].map((side) => document.getElementById(pick.elements[side].value));
    const grid = one("#sides");
    grid.replaceChildren();
    for (const card of sides) {
      const head = node("div", "head");
      head.append(one(".avatar", card).cloneNode(true), node("strong", "", one("h3 bdi", card).textContent),
        one(".badge", card).cloneNode(true));
      grid.append(head);
    }
    for (const [part, title] of parts) {
      if (!sides.some((card) => one(`[data-part=${part}]`, card))) continue;
      for (const card of sides) {
        const cell = node("div", [...card.classList].find((name) => /^c\d$/.test(name)));
        const found = one(`[data-part=${part}]`, card);
        if (found) {
          const copy = found.cloneNode(true);
          if (!one("h4", copy)) cell.append(node("h4", "", title));
          cell.append(copy);
        } else {
          cell.append(node("h4", "", title), node("p", "none", "nothing"));
        }
        grid.append(cell);
      }
    }
    const [first, second] = sides.map(cited);
    const shared = [...first].filter((id) => second.has(id));
    const records = (number) => `${number} record${number === 1 ? "" : "s"}`;
    one("#shared").textContent = sides[0] === sides[1]
      ? "The same persona twice."
      : `They share ${records(shared.length)}${shared.length ? ` (${shared.join(", ")})` : ""}; `
        + `${records(first.size)} stand behind the first, ${records(second.size)} behind the second.`;
  }

  if (filters) {
    filters.addEventListener("input", (event) => {
      if (event.target.name === "unfold") {
        for (const card of cards) for (const fold of all(".evidence, .quote", card)) fold.open = event.target.checked;
      }
      apply();
      write();
    });
    filters.addEventListener("submit", (event) => event.preventDefault());
    filters.addEventListener("reset", () => setTimeout(() => {
      for (const card of cards) for (const fold of all(".evidence, .quote", card)) fold.open = false;
      apply();
      write();
    }));
    apply();
  }
  if (pick) {
    pick.elements.b.selectedIndex = 1;
    pick.addEventListener("change", compare);
    pick.addEventListener("submit", (event) => event.preventDefault());
    compare();
  }
  if (filters) {
    read();
    apply();
    addEventListener("hashchange", () => { read(); apply(); });
  }

  // Which section is being read.
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((entry) => entry.isIntersecting)) {
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const section of all("main > section")) seen.observe(section);
})();
