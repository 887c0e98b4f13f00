// 归入材料: pages are selected by mouse and keys, and dragged onto what a case lacks. Dragging only
// presses the button that it ends on: without it everything works the same.
"use strict";
(() => {
  const form = document.getElementById("place");
  if (!form) return;
  const told = document.getElementById("ticked");
  const boxes = () => [...form.querySelectorAll('input[name^="leaf-"]')];
  let last = null;

  function show() {
    const count = boxes().filter((box) => box.checked).length;
    told.textContent = count ? `已选 ${count} 页` : "未选页";
  }
  function reach(to, on) {
    const every = boxes(),
      from = last ?? to;
    const ends = [every.indexOf(from), every.indexOf(to)].sort((one, other) => one - other);
    every.slice(ends[0], ends[1] + 1).forEach((box) => {
      box.checked = on;
    });
    last = to;
    show();
  }

  form.addEventListener("click", (event) => {
    const box = event.target.closest('input[name^="leaf-"]');
    if (!box) return;
    if (event.shiftKey) reach(box, box.checked);
    last = box;
  });
  form.addEventListener("change", show);
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest('input:not([type="checkbox"]), textarea, select, dialog')) return;
    if (event.key.toLowerCase() !== "x") return;
    const box = document.querySelector('.thumb.at input[name^="leaf-"]');
    if (!box) return;
    if (event.shiftKey) reach(box, true);
    else {
      box.checked = !box.checked;
      last = box;
      show();
    }
  });

  form.addEventListener("dragstart", (event) => {
    const box = event.target.closest(".thumb")?.querySelector("input");
    if (!box) return;
    if (!box.checked) {
      boxes().forEach((other) => {
        other.checked = other === box;
      });
      last = box;
      show();
    }
    event.dataTransfer.setData("text/plain", told.textContent);
    event.dataTransfer.effectAllowed = "move";
  });
  document.querySelectorAll("[data-drop]").forEach((target) => {
    target.addEventListener("dragover", (event) => {
      event.preventDefault();
      target.classList.add("over");
    });
    target.addEventListener("dragleave", () => target.classList.remove("over"));
    target.addEventListener("drop", (event) => {
      event.preventDefault();
      target.click();
    });
  });
  show();
})();
