// Keys and small comforts of every page. Without it each page still works with the mouse and
// plain links.
"use strict";
(() => {
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("[data-row]")];
  let at = -1;

  function go(step) {
    const all = rows();
    if (!all.length) return;
    all[at]?.classList.remove("at");
    at = Math.min(Math.max(at + step, 0), all.length - 1);
    all[at].classList.add("at");
    all[at].scrollIntoView({ block: "nearest" });
  }

  const keys = {
    "/": () => {
      const find = document.getElementById("find");
      find?.focus();
      return find;
    },
    "?": () => {
      const help = document.getElementById("keys");
      if (help) help.showModal();
      else document.querySelector(".ask")?.click();
      return help ?? document.querySelector(".ask");
    },
    j: () => go(1),
    k: () => go(-1),
    n: () => document.querySelector("[data-key=next]")?.click(),
    p: () => document.querySelector("[data-key=previous]")?.click(),
    c: () => document.querySelector("[data-key=reason]")?.focus(),
    Enter: () => {
      const link = rows()[at]?.querySelector("a[href]");
      link?.click();
      return link;
    },
    Escape: () => {
      const back = document.querySelector("[data-key=back]");
      back?.click();
      return back;
    },
  };

  document.addEventListener("keydown", (event) => {
    // While an input method composes, Enter chooses a character and Esc drops it: neither is ours.
    if (event.isComposing || event.keyCode === 229) {
      if (event.key === "Enter") event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]"))
      return;
    if (typing(event.target)) {
      if (event.key === "Escape") {
        event.target.blur();
        event.preventDefault();
      }
      return;
    }
    if (event.key === "Enter" && event.target.closest("a, button")) return;
    if (keys[event.key]?.() !== undefined || "jknpc".includes(event.key)) event.preventDefault();
  });

  // What stands after the # is never sent: a form that leads back to its page carries it itself.
  document.addEventListener("submit", (event) => {
    if (location.hash && event.target.matches("form[data-keep-place]"))
      event.target.action = event.target.action.split("#")[0] + location.hash;
  });

  // Safari ends the composition before it tells of the Enter that ended it.
  let composed = 0;
  document.addEventListener("compositionend", () => {
    composed = performance.now();
  });
  document.addEventListener("submit", (event) => {
    if (event.submitter === null && performance.now() - composed < 60) event.preventDefault();
    else
      event.target.querySelectorAll("button[data-once]").forEach((button) =>
        setTimeout(() => {
          button.disabled = true;
        }),
      );
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("form[data-auto] select")) event.target.form.requestSubmit();
    if (event.target.matches("select[data-choice]"))
      event.target.form.requestSubmit(event.target.form.querySelector("[data-choose]"));
  });
  document.addEventListener("change", async (event) => {
    const into = event.target.dataset?.into && document.querySelector(event.target.dataset.into);
    if (into && event.target.files[0]) into.value = await event.target.files[0].text();
  });
  document.addEventListener("change", (event) => {
    const name = event.target.dataset?.bytesInto;
    if (!name || !event.target.files[0]) return;
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      document.querySelector(name).value = reader.result.split(",")[1] ?? "";
    });
    reader.readAsDataURL(event.target.files[0]);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });
})();
