// 组卷: ticking rows by mouse and keys; each ticked row shows the number that it would get. The page
// works without it: then the preview is a page of its own.
"use strict";
(() => {
  const form = document.getElementById("choice");
  if (!form) return;
  const all = form.elements.all,
    page = document.getElementById("page-all"),
    told = document.getElementById("ticked");
  const boxes = () => [...form.querySelectorAll('input[name^="pick-"]')];
  let last = null;

  function show() {
    const ticked = boxes().filter((box) => box.checked).length;
    told.textContent = all.checked ? "已勾全部符合的" : ticked ? `已勾 ${ticked} 件` : "未勾选";
    boxes().forEach((box) => {
      box.disabled = all.checked;
    });
    page.disabled = all.checked;
    page.checked = ticked > 0 && ticked === boxes().length;
    page.indeterminate = ticked > 0 && !page.checked;
    const codes = new Map(
      [...document.querySelectorAll("#plan [data-case]")].map((row) => [
        row.dataset.case,
        row.dataset.code,
      ]),
    );
    form.querySelectorAll("[data-code-of]").forEach((cell) => {
      const code = codes.get(cell.dataset.codeOf);
      cell.textContent = code ? code.slice(code.indexOf("HJ·") + 3) : "不勾则不赋";
      cell.title = code ?? "";
      cell.classList.toggle("not", !code);
    });
  }

  // One change is told for many boxes: the preview is asked for once.
  function tick(some, on) {
    some.forEach((box) => {
      box.checked = on;
    });
    form.dispatchEvent(new Event("change", { bubbles: true }));
    show();
  }

  function between(from, to) {
    const every = boxes(),
      ends = [every.indexOf(from), every.indexOf(to)].sort((one, other) => one - other);
    return every.slice(ends[0], ends[1] + 1);
  }

  page.addEventListener("click", (event) => {
    event.stopPropagation();
    tick(boxes(), page.checked);
  });
  page.addEventListener("change", (event) => event.stopPropagation());
  form.addEventListener("click", (event) => {
    const box = event.target.closest('input[name^="pick-"]');
    if (!box) return;
    if (event.shiftKey && last) tick(between(last, box), box.checked);
    last = box;
  });
  form.addEventListener("change", show);
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest('input:not([type="checkbox"]), textarea, select, dialog')) return;
    const key = event.key.toLowerCase();
    if (key === "v") form.requestSubmit();
    if (key !== "x" || all.checked) return;
    const box = document.querySelector('tr[data-row].at input[name^="pick-"]');
    if (!box) return;
    if (event.shiftKey && last) tick(between(last, box), true);
    else tick([box], !box.checked);
    last = box;
  });
  document.body.addEventListener("htmx:afterSwap", show);
  show();
})();
