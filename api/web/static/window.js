/* The window: files of a material, dropped or chosen, and the signature on the screen. */
"use strict";
(() => {
  const say = (place, text) => {
    place.querySelector("output").textContent = text;
  };
  const fresh = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
      byte.toString(16).padStart(2, "0"),
    ).join("");

  const uploads = document.getElementById("uploads");
  const send = async (material, files) => {
    for (const [at, file] of [...files].entries()) {
      say(uploads, `正在保存“${material}”，第 ${at + 1} 个，共 ${files.length} 个……`);
      const query = new URLSearchParams({ name: material, key: fresh() });
      let answer = null;
      try {
        answer = await fetch(`/window/${uploads.dataset.case}/files?${query}`, {
          method: "PUT",
          headers: { Accept: "application/json", "X-CSRF": uploads.dataset.csrf },
          body: file,
        });
      } catch {
        say(uploads, "网络中断，没有保存；请重试，已保存的不会丢失。");
        return;
      }
      if (!answer.ok) {
        const told = await answer.json().catch(() => ({}));
        say(uploads, told.message || "没有保存，请刷新页面后重试。");
        return;
      }
    }
    location.hash = "materials";
    location.reload();
  };
  for (const input of document.querySelectorAll("input[data-material]")) {
    const place = input.closest("label");
    input.addEventListener("change", () => send(input.dataset.material, input.files));
    place.addEventListener("dragover", (event) => {
      event.preventDefault();
      place.classList.add("over");
    });
    place.addEventListener("dragleave", () => place.classList.remove("over"));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      place.classList.remove("over");
      send(input.dataset.material, event.dataTransfer.files);
    });
  }

  const pad = document.querySelector(".pad");
  if (!pad) return;
  const canvas = pad.querySelector("canvas");
  const ink = canvas.getContext("2d");
  const key = fresh();
  let strokes = [];
  let began = null;
  let stroke = null;

  const bounded = (value) => Math.min(1, Math.max(0, value));
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    began ??= event.timeStamp;
    const four = (value) => Math.round(value * 1e4) / 1e4;
    return [
      four(bounded((event.clientX - box.left) / box.width)),
      four(bounded((event.clientY - box.top) / box.height)),
      Math.max(0, Math.round(event.timeStamp - began)),
      four(bounded(event.pressure || 0.5)),
    ];
  };
  const draw = (from, to) => {
    ink.strokeStyle = "#14213d";
    ink.lineCap = "round";
    ink.lineWidth = 1.8 + 8 * ((from[3] + to[3]) / 2);
    ink.beginPath();
    ink.moveTo(from[0] * canvas.width, from[1] * canvas.height);
    ink.lineTo(to[0] * canvas.width, to[1] * canvas.height);
    ink.stroke();
  };
  const follow = (event) => {
    if (!stroke) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      const next = point(each);
      const last = stroke[stroke.length - 1];
      if (next[2] < last[2] || (next[0] === last[0] && next[1] === last[1])) continue;
      draw(last, next);
      stroke.push(next);
    }
  };
  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    stroke = [point(event)];
    strokes.push(stroke);
    draw(stroke[0], stroke[0]);
  });
  canvas.addEventListener("pointermove", follow);
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      stroke = null;
    });
  }
  pad.querySelector("[data-act=clear]").addEventListener("click", () => {
    strokes = [];
    began = null;
    ink.clearRect(0, 0, canvas.width, canvas.height);
    say(pad, "");
  });
  pad.querySelector("[data-act=keep]").addEventListener("click", async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    say(pad, "正在保存……");
    try {
      const answer = await fetch(`/window/${pad.dataset.case}/signature`, {
        method: "POST",
        headers: {
          Accept: "application/json",
          "Content-Type": "application/json",
          "X-CSRF": pad.dataset.csrf,
        },
        body: JSON.stringify({
          key,
          seen: Number(pad.dataset.seen),
          signer: document.getElementById("signer").value,
          form: pad.dataset.form,
          form_sha256: pad.dataset.digest,
          device: document.getElementById("device").value || "窗口签名屏",
          strokes,
        }),
      });
      if (answer.ok) {
        location.href = `/window/${pad.dataset.case}`;
        return;
      }
      const told = await answer.json().catch(() => ({}));
      say(pad, told.message || "没有保存，请刷新页面后重新签名。");
    } catch {
      say(pad, "网络中断，没有保存；笔迹还在，请再按一次“确认签名”。");
    }
    button.disabled = false;
  });
})();
