// Tables that stand whole on their page: sorted by a click on a heading, columns shown or not.
// Without it they are in the order of the server, with all columns. Lists with a name are sorted
// by the server, by links in their headings, since a page alone has no order.
"use strict";
(() => {
  const collator = new Intl.Collator("zh-CN", { numeric: true });
  const cells = (row) => [...row.children];
  const text = (row, place) => row.children[place]?.textContent.trim() ?? "";

  function sort(table, place, head) {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = [...body.rows].sort(
      (one, other) => collator.compare(text(one, place), text(other, place)) * (down ? -1 : 1),
    );
    body.append(...rows);
  }

  function show(table, place, shown) {
    for (const row of table.rows) {
      const cell = row.children[place];
      if (cell) cell.hidden = !shown;
    }
  }

  function choices(table, heads) {
    const key = `columns:${location.pathname.replace(/[^a-z/]/g, "")}`;
    const off = new Set(JSON.parse(localStorage.getItem(key) ?? "[]"));
    const details = document.createElement("details");
    details.className = "columns";
    details.append(Object.assign(document.createElement("summary"), { textContent: "显示的列" }));
    heads.forEach((head, place) => {
      const name = head.textContent.trim();
      if (!name || place === 0) return;
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox" });
      box.checked = !off.has(name);
      box.addEventListener("change", () => {
        box.checked ? off.delete(name) : off.add(name);
        localStorage.setItem(key, JSON.stringify([...off]));
        show(table, place, box.checked);
      });
      label.append(box, name);
      details.append(label);
      show(table, place, box.checked);
    });
    table.closest(".scroll, .sheet")?.before(details);
  }

  function prepare(table) {
    const head = table.tHead?.rows[0];
    const plain =
      head && table.tBodies.length === 1 && !table.querySelector("[colspan], [rowspan]");
    if (!plain || table.dataset.list || table.tBodies[0].rows.length < 2) return;
    table.dataset.list = "1";
    const heads = cells(head);
    if (heads.length > 3 && !table.closest("[hx-get]")) choices(table, heads);
    if (table.dataset.named) return;
    heads.forEach((one, place) => {
      if (!one.textContent.trim() || one.querySelector("a, button, input, .hidden")) return;
      const button = Object.assign(document.createElement("button"), {
        type: "button",
        className: "sort",
      });
      button.append(...one.childNodes);
      button.addEventListener("click", () => sort(table, place, one));
      one.append(button);
    });
  }

  const prepareAll = () => document.querySelectorAll("main table").forEach(prepare);
  document.addEventListener("DOMContentLoaded", prepareAll);
  document.addEventListener("htmx:afterSettle", prepareAll);
})();
