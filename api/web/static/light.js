// The light table of 核对: a sheet is fetched when it lies before one's eyes, and only what was
// fetched may be ticked; the server holds to its own notes of what it sent.
"use strict";
(() => {
  const check = document.getElementById("check");
  if (!check) return;
  const told = document.getElementById("told"),
    open = document.getElementById("open"),
    counted = document.getElementById("ticked"),
    kept = `yice-check-${check.dataset.case}-${check.dataset.revision}`;
  const figures = () => [...check.querySelectorAll(".leaf, .form-leaf")];
  const of = (no) => figures().filter((figure) => figure.dataset.no === no);
  const ticks = [...check.querySelectorAll("[data-tick]")],
    blanks = [...check.querySelectorAll("[data-blank]")];
  let onTable = "";

  const say = (text) => {
    told.textContent = text;
    told.hidden = false;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => {
      told.hidden = true;
    }, 4000);
  };

  // What is seen
  const seen = (no) => of(no).every((figure) => figure.dataset.shown !== undefined);
  function draw(figure) {
    const image = figure.querySelector("img[data-src]");
    if (!image || image.src) return;
    image.addEventListener("load", () => {
      figure.dataset.shown = "";
      state();
    });
    image.addEventListener("error", () => {
      image.removeAttribute("src");
      say("这一页没有取到，请检查连接后再翻到这一页。");
    });
    image.src = image.dataset.src;
  }
  const waiting = new Map();
  const eyes = new IntersectionObserver(
    (entries) =>
      entries.forEach((entry) => {
        clearTimeout(waiting.get(entry.target));
        if (!entry.isIntersecting) return;
        waiting.set(
          entry.target,
          setTimeout(() => draw(entry.target), 120),
        );
      }),
    { threshold: [0.15, 0.4] },
  );
  figures().forEach((figure) => eyes.observe(figure));

  function state() {
    const lacking = [];
    ticks.forEach((tick) => {
      const no = tick.dataset.tick,
        shown = seen(no),
        row = tick.closest("li");
      tick.toggleAttribute("aria-disabled", !shown);
      row.querySelector(".seen").className = `seen${tick.checked ? " full" : shown ? " half" : ""}`;
      row.querySelector("[data-seen]").textContent = tick.checked
        ? "已勾"
        : shown
          ? "已看"
          : "未看";
      if (!tick.checked) lacking.push([no, shown ? `材料 ${no} 已看未勾` : `材料 ${no} 还没看过`]);
    });
    blanks.forEach((blank) => {
      const [no, page] = blank.dataset.blank.split(".");
      blank.toggleAttribute("aria-disabled", !seen(no));
      if (!blank.checked) lacking.push([no, `材料 ${no} 第 ${page} 页空白与否未勾`]);
    });
    check.querySelectorAll(".pile li[data-material]").forEach((row) => {
      row.classList.toggle("at", row.dataset.material === onTable);
      if (!row.querySelector("[data-tick]") && seen(row.dataset.material)) {
        row.querySelector(".seen").className = "seen half";
        row.querySelector("[data-seen]").textContent = "已看";
      }
    });
    if (counted)
      counted.textContent = `已勾 ${ticks.filter((tick) => tick.checked).length} / ${ticks.length}`;
    if (open) {
      open.replaceChildren(
        ...lacking.map(([no, text]) => {
          const item = document.createElement("li"),
            button = document.createElement("button");
          button.type = "button";
          button.dataset.open = no;
          button.textContent = text;
          item.append(button);
          return item;
        }),
      );
    }
    keep();
  }

  // What lies on the table
  function lay(no, figure) {
    onTable = no;
    const tab = check.querySelector(`[data-form="${no}"]`);
    if (tab) {
      check.querySelectorAll("[data-form]").forEach((one) => {
        const chosen = one === tab;
        one.setAttribute("aria-selected", String(chosen));
        document.getElementById(`form-${one.dataset.form}`).hidden = !chosen;
      });
      const form = document.getElementById(`form-${no}`);
      document.getElementById("forms").scrollIntoView({ block: "nearest" });
      draw(form);
    } else {
      const pages = [...document.querySelectorAll("#pages .leaf")];
      const wanted = figure ?? of(no).find((page) => page.dataset.shown === undefined) ?? of(no)[0];
      const at = pages.indexOf(wanted);
      if (at >= 0) {
        window.dispatchEvent(new CustomEvent("yice-page", { detail: at }));
        draw(wanted);
      }
    }
    state();
  }
  const here = () => {
    const at = Number(document.getElementById("at").textContent.split("/")[0]) - 1;
    return document.querySelectorAll("#pages .leaf")[at];
  };
  new MutationObserver(() => {
    const page = here();
    if (page && page.dataset.no !== onTable) {
      onTable = page.dataset.no;
      state();
    }
  }).observe(document.getElementById("at"), { childList: true });

  // Ticks
  function nextOpen() {
    const tick = ticks.find((one) => !one.checked);
    if (tick) lay(tick.dataset.tick);
  }
  function tickOne() {
    const tick =
      ticks.find((one) => !one.checked && one.dataset.tick === onTable) ??
      ticks.find((one) => !one.checked);
    const blank = blanks.find((one) => !one.checked && one.dataset.blank.split(".")[0] === onTable);
    if (!tick) {
      (blank ?? blanks.find((one) => !one.checked))?.click();
      return;
    }
    const no = tick.dataset.tick;
    if (!seen(no)) {
      say(`材料 ${no} 还没有看全，看过后再勾。`);
      lay(no);
      return;
    }
    tick.checked = true;
    tick.closest("li").scrollIntoView({ block: "nearest" });
    nextOpen();
    state();
  }
  check.addEventListener("click", (event) => {
    const box = event.target.closest("[data-tick], [data-blank]");
    if (box?.hasAttribute("aria-disabled")) {
      event.preventDefault();
      const no = (box.dataset.tick ?? box.dataset.blank).split(".")[0];
      say(`材料 ${no} 还没有看全，看过后再勾。`);
      lay(no);
      return;
    }
    if (event.target.closest(".form-leaf img"))
      check.querySelector(".pair-panes")?.classList.toggle("large");
    const wanted = event.target.closest("[data-open]")?.dataset.open;
    if (wanted) lay(wanted);
    const tab = event.target.closest("[data-form]")?.dataset.form;
    if (tab) lay(tab);
  });
  check.addEventListener("change", state);

  // What was ticked and written stays when the page is drawn anew, as after a new scan.
  const fields = () => [
    ...document.querySelectorAll(
      "#check [data-tick], #check [data-blank], #check textarea, [form=back], [form=pass]",
    ),
  ];
  const named = (field) => `${field.getAttribute("form") ?? ""}:${field.name}`;
  function keep() {
    const values = fields()
      .filter((field) => field.name)
      .map((field) => [named(field), field.type === "checkbox" ? field.checked : field.value]);
    sessionStorage.setItem(kept, JSON.stringify(values));
  }
  function restore(from) {
    const values = new Map(JSON.parse(sessionStorage.getItem(from) ?? "[]"));
    fields().forEach((field) => {
      const value = values.get(named(field));
      if (value === undefined) return;
      if (field.type !== "checkbox") field.value = value;
      else if (!field.dataset.tick || seen(field.dataset.tick)) field.checked = value;
    });
  }
  document.addEventListener("input", (event) => {
    if (event.target.closest("textarea")) keep();
  });

  // Three acts
  const ways = ["c", "b", "t"];
  function choose(way) {
    const radio = document.getElementById(`way-${way}`);
    if (!radio) return false;
    radio.checked = true;
    const field = { c: "reason", b: "back-text", t: "to" }[way];
    document.getElementById(field)?.focus();
    return true;
  }
  const submitWay = () => {
    const way = ways.find((one) => document.getElementById(`way-${one}`)?.checked);
    document.querySelector(`.way-${way} button.main`)?.click();
  };
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.isComposing || document.querySelector("dialog[open]")) return;
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        submitWay();
        event.preventDefault();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("textarea, select, input:not([type=checkbox], [type=radio])"))
        return;
      const forms = [...check.querySelectorAll("[data-form]")].map((tab) => tab.dataset.form);
      const acts = {
        x: () => ticks.length && (tickOne(), true),
        f: () => forms.length && (lay(forms[(forms.indexOf(onTable) + 1) % forms.length]), true),
        c: () => choose("c"),
        b: () => choose("b"),
        t: () => choose("t"),
      };
      if (!acts[event.key]?.()) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );

  // 换页
  const file = document.getElementById("new-scan"),
    swap = document.getElementById("swap");
  swap?.addEventListener("click", () => {
    const page = here();
    if (page?.dataset.scan !== "1") {
      say("这一页不是扫描件：共享证照请重新调取，系统表单请退回重出。");
      return;
    }
    const pages = of(page.dataset.no).filter((one) => one.dataset.file === page.dataset.file);
    if (pages.length > 1) say(`这份文件有 ${pages.length} 页，请选整份重扫的文件。`);
    file.click();
  });
  file?.addEventListener("change", async () => {
    const page = here(),
      [scan] = file.files;
    if (!scan || !page) return;
    swap.disabled = true;
    say("正在送检新的扫描件…");
    const address =
      `/checks/${check.dataset.case}/materials/${page.dataset.no}` +
      `/files/${page.dataset.file}?revision=${check.dataset.revision}`;
    const csrf = document.querySelector("#seat input[name=csrf]").value;
    let answer, body;
    try {
      answer = await fetch(address, {
        method: "PUT",
        body: scan,
        headers: { Accept: "application/json", "X-CSRF": csrf },
      });
      body = await answer.json();
    } catch {
      body = { message: "连接中断，没有换页。请重试。" };
    }
    if (answer?.ok) {
      const next = `yice-check-${check.dataset.case}-${Number(check.dataset.revision) + 1}`;
      sessionStorage.setItem(next, sessionStorage.getItem(kept) ?? "[]");
      location.reload();
      return;
    }
    swap.disabled = false;
    file.value = "";
    say(body.message);
  });

  restore(kept);
  onTable = here()?.dataset.no ?? check.querySelector("[data-form]")?.dataset.form ?? "";
  state();
})();
