// 核对: pages laid by key and by hand; what is laid is saved at once, and never over what
// somebody else laid.
"use strict";
(() => {
  const check = document.getElementById("check"),
    thumbs = document.getElementById("thumbs"),
    pages = document.getElementById("pages");
  if (!check || !thumbs) return;
  const conflict = document.getElementById("conflict"),
    laid = document.getElementById("laid"),
    seen = document.getElementById("seen");
  const editions = new Map(
    pages.dataset.editions
      .trim()
      .split(/\s+/)
      .map((one) => one.split(":").map(Number)),
  );
  const csrf = document.querySelector("#seat input[name=csrf]").value;
  const turns = ["r90", "r180", "r270"],
    pending = new Map();
  let saving = Promise.resolve(),
    broken = false;

  const leaves = () => [...pages.querySelectorAll(".leaf")];
  const small = () => [...thumbs.children];
  const here = () => Number(document.getElementById("at").textContent.split("/")[0]) - 1;
  const show = (index) => window.dispatchEvent(new CustomEvent("yice-page", { detail: index }));

  async function save(no) {
    const order = small()
      .filter((one) => one.dataset.no === no)
      .map((one) => `${one.dataset.file}.${one.dataset.of}.${one.dataset.turn}`)
      .join(",");
    const body = new URLSearchParams({
      csrf,
      revision: check.dataset.revision,
      material: no,
      edition: editions.get(Number(no)) ?? 0,
      leaves: order,
    });
    let answer, said;
    try {
      answer = await fetch(`/checks/${check.dataset.case}/order`, {
        method: "POST",
        body,
        headers: { Accept: "application/json" },
      });
      said = await answer.json();
    } catch {
      said = { message: "连接中断，页序未保存。请刷新页面。" };
    }
    if (answer?.ok) {
      editions.set(Number(no), said.edition);
      if (seen) seen.value = [...editions.values()].reduce((sum, one) => sum + one, 0);
      laid.textContent = "页序已保存";
      return;
    }
    broken = true;
    laid.textContent = "";
    conflict.textContent = `${said.message} `;
    const again = document.createElement("a");
    again.href = location.pathname;
    again.textContent = "刷新页面";
    conflict.append(again);
    conflict.hidden = false;
  }

  // Several strokes in a row are one save; a save waits for the one before it, or it would be
  // in conflict with itself.
  function later(no) {
    if (broken) return;
    laid.textContent = "正在保存…";
    clearTimeout(pending.get(no));
    pending.set(
      no,
      setTimeout(() => flush(no), 350),
    );
  }
  function flush(no) {
    clearTimeout(pending.get(no));
    if (!pending.delete(no)) return;
    saving = saving.then(() => (broken ? undefined : save(no)));
  }

  function move(from, to) {
    const figures = leaves(),
      rows = small();
    if (broken || from === to || !rows[to] || rows[from].dataset.no !== rows[to].dataset.no) return;
    const place = to > from ? "after" : "before";
    figures[to][place](figures[from]);
    rows[to][place](rows[from]);
    small().forEach((one, at) => {
      const button = one.querySelector("button");
      button.setAttribute(
        "aria-label",
        button.getAttribute("aria-label").replace(/第 \d+ 页$/, `第 ${at + 1} 页`),
      );
    });
    show(to);
    later(rows[from].dataset.no);
  }
  function turn(at) {
    const row = small()[at],
      leaf = leaves()[at];
    if (broken || !row) return;
    const now = (Number(row.dataset.turn) + 90) % 360;
    row.dataset.turn = now;
    [leaf, row.querySelector("span")].forEach((one) => {
      one.classList.remove(...turns);
      if (now) one.classList.add(`r${now}`);
    });
    later(row.dataset.no);
  }
  const acts = {
    up: () => move(here(), here() - 1),
    down: () => move(here(), here() + 1),
    turn: () => turn(here()),
  };

  document.addEventListener(
    "keydown",
    (event) => {
      if (
        event.isComposing ||
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        document.querySelector("dialog[open]")
      )
        return;
      if (event.target.closest("textarea, select, input:not([type=checkbox])")) return;
      const act = { J: acts.down, K: acts.up, r: acts.turn }[event.key];
      if (!act) return;
      act();
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );
  document.addEventListener("click", (event) => {
    const act = event.target.closest("[data-lay]")?.dataset.lay;
    if (act) acts[act]();
    const row = event.target.closest("#thumbs li");
    if (row) show(small().indexOf(row));
  });
  let dragged = -1;
  thumbs.addEventListener("dragstart", (event) => {
    dragged = small().indexOf(event.target.closest("li"));
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", "");
  });
  thumbs.addEventListener("dragover", (event) => {
    const row = event.target.closest("li");
    if (row && dragged >= 0 && row.dataset.no === small()[dragged].dataset.no)
      event.preventDefault();
  });
  thumbs.addEventListener("drop", (event) => {
    event.preventDefault();
    const row = event.target.closest("li");
    if (row && dragged >= 0) move(dragged, small().indexOf(row));
    dragged = -1;
  });
  // What is laid must be saved before the case is confirmed: the confirmation says which order
  // was seen.
  check.addEventListener(
    "submit",
    (event) => {
      if (!pending.size && !check.dataset.saving) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      check.dataset.saving = "1";
      [...pending.keys()].forEach(flush);
      saving.then(() => {
        delete check.dataset.saving;
        if (!broken) check.requestSubmit();
      });
    },
    true,
  );
})();
