// Files and folders to the 归集池: each has its bar, a broken line goes on where it broke, and
// none is forgotten.
"use strict";
(() => {
  const pool = document.getElementById("upload");
  if (!pool) return;
  const AT_ONCE = 4,
    TRIES = 4;
  const drop = document.getElementById("drop"),
    list = document.getElementById("sent"),
    told = document.getElementById("told");
  const whole = document.getElementById("whole"),
    again = document.getElementById("again"),
    fields = pool.querySelector("form");
  const files = [];
  let busy = false;

  const headers = { "X-CSRF": pool.dataset.csrf, Accept: "application/json" };
  const wait = (ms) =>
    new Promise((done) => {
      setTimeout(done, ms);
    });
  const hex = (bytes) =>
    [...new Uint8Array(bytes)].map((one) => one.toString(16).padStart(2, "0")).join("");

  class Refused extends Error {}

  // XMLHttpRequest, because fetch does not tell how much has gone up.
  function ask(method, address, body, progress) {
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      request.open(method, address);
      Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
      if (typeof body === "string") request.setRequestHeader("Content-Type", "application/json");
      if (progress) request.upload.onprogress = (event) => progress(event.loaded);
      request.onload = () => {
        let answer = {};
        try {
          answer = request.responseText ? JSON.parse(request.responseText) : {};
        } catch {
          /* an error page of a proxy */
        }
        if (request.status < 300) done(answer);
        else if (request.status >= 500 || request.status === 429) failed(new Error("服务暂不可用"));
        else
          failed(
            Object.assign(new Refused(answer.message || answer.title || "服务器拒绝了该文件"), {
              code: answer.code,
            }),
          );
      };
      request.onerror = request.ontimeout = () => failed(new Error("连接中断"));
      request.timeout = 120000;
      request.send(body ?? null);
    });
  }

  // A broken line is tried again by itself, later each time; what the server refuses is not.
  async function patiently(one, act) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await act();
      } catch (error) {
        if (error instanceof Refused || attempt >= TRIES) throw error;
        if (one) say(one, `${error.message}，第 ${attempt} 次重试…`, "wait");
        await wait(400 * 2 ** attempt);
      }
    }
  }

  function row(one) {
    const item = document.createElement("li"),
      name = document.createElement("span"),
      state = document.createElement("small");
    const bar = document.createElement("progress"),
      retry = document.createElement("button");
    name.textContent = one.name;
    name.className = "name";
    bar.max = one.file.size || 1;
    bar.value = 0;
    bar.setAttribute("aria-label", `${one.name} 上传进度`);
    retry.type = "button";
    retry.className = "btn small";
    retry.textContent = "重试";
    retry.hidden = true;
    retry.setAttribute("aria-label", `重试 ${one.name}`);
    retry.addEventListener("click", () => {
      one.state = "waits";
      run();
    });
    item.append(name, bar, state, retry);
    Object.assign(one, { item, bar, label: state, retry });
    list.append(item);
  }

  function say(one, text, kind) {
    one.label.textContent = text;
    one.label.className = kind || "";
    one.retry.hidden = one.state !== "failed";
    if (one.state === "failed") list.prepend(one.item); // what needs a hand is seen first
  }

  function sum() {
    const count = (state) => files.filter((one) => one.state === state).length;
    const done = count("done"),
      failed = count("failed");
    whole.max = files.length || 1;
    whole.value = done;
    const broken = failed ? `，失败 ${failed}` : "";
    const ended = files.length === done ? "，全部完成" : "，已停止";
    told.textContent = `已收到 ${done} / ${files.length}${broken}${busy ? "" : ended}`;
    again.hidden = !failed || busy;
    again.textContent = `全部重试 ${failed} 个`;
  }

  async function send(one) {
    say(one, "上传中", "");
    let gone = 0;
    for (let part = 0; part < one.parts; part += 1) {
      const piece = one.file.slice(part * one.size, (part + 1) * one.size);
      if (!one.here.has(part)) {
        try {
          await patiently(one, () =>
            ask("PUT", `/collecting/uploads/${one.id}/parts/${part}`, piece, (loaded) => {
              one.bar.value = gone + loaded;
            }),
          );
        } catch (error) {
          if (error.code !== "UPLOAD_ENDED") throw error; // its twin in the same heap was first
        }
        one.here.add(part);
      }
      gone += piece.size;
      one.bar.value = gone;
    }
    const answer = await patiently(one, () =>
      ask("POST", `/collecting/uploads/${one.id}/complete`),
    ).catch((error) => {
      if (error.code === "PARTS_MISSING") one.here.clear();
      throw error;
    });
    finish(one, answer);
  }

  function finish(one, answer) {
    one.state = "done";
    one.bar.value = one.bar.max;
    say(
      one,
      answer.findings[0]
        ? `${answer.state_label}：${answer.findings[0].message}`
        : answer.state_label,
      answer.state === "PLACED" ? "ok" : "wait",
    );
  }

  async function digest(all) {
    for (const [at, one] of all.entries()) {
      if (at % 20 === 0) told.textContent = `正在核算 ${at} / ${all.length}`;
      one.sha256 = hex(await crypto.subtle.digest("SHA-256", await one.file.arrayBuffer()));
    }
  }

  function place(all) {
    const { case_no: number, no, type } = Object.fromEntries(new FormData(fields));
    if (!number || !no || !type) return () => null;
    return (at) => ({
      case_no: number.trim(),
      no: Number(no),
      type: type.trim(),
      position: at + 1,
      of: all.length,
    });
  }

  async function announce(all) {
    const where = place(all),
      said = new FormData(fields);
    const body = JSON.stringify({
      station: said.get("station").trim(),
      operator: "-",
      dpi: Number(said.get("dpi")),
      captured_at: new Date().toISOString(),
      files: all.map((one, at) => ({
        name: one.name,
        size: one.file.size,
        sha256: one.sha256,
        material: where(at),
      })),
    });
    const answers = await patiently(null, () => ask("POST", "/collecting/uploads", body));
    all.forEach((one, at) => {
      const answer = answers[at];
      Object.assign(one, {
        id: answer.id,
        size: answer.part_size,
        parts: answer.parts,
        here: new Set(answer.received),
      });
      if (answer.state === "RECEIVING") return;
      finish(one, answer);
      say(one, `${one.label.textContent}（此前已收到）`, one.label.className);
    });
  }

  async function run() {
    if (busy) return;
    busy = true;
    try {
      const fresh = files.filter((one) => one.state === "waits" && !one.id);
      if (fresh.length) {
        try {
          await digest(fresh.filter((one) => !one.sha256));
          await announce(fresh);
        } catch (error) {
          fresh.forEach((one) => {
            one.state = "failed";
            say(one, error.message, "bad");
          });
        }
      }
      const worker = async () => {
        for (let one; (one = files.find((each) => each.state === "waits" && each.id)); sum()) {
          one.state = "sending";
          try {
            await send(one);
          } catch (error) {
            one.state = "failed";
            say(one, error.message, "bad");
          }
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    } finally {
      busy = false;
      sum();
      document.body.dispatchEvent(new Event("uploaded"));
    }
    if (files.some((one) => one.state === "waits")) run();
  }

  function take(found) {
    const largest = Number(pool.dataset.largest),
      most = Number(pool.dataset.most);
    if (!crypto.subtle) {
      told.textContent = "浏览器只在安全连接（HTTPS）下核算摘要，请以 https 地址打开本页。";
      return;
    }
    if (!fields.reportValidity()) return;
    if (found.length > most) {
      told.textContent = `一次最多 ${most} 个文件，请分批上传。`;
      return;
    }
    document.getElementById("progress").hidden = false;
    found.forEach(({ file, name }) => {
      const one = { file, name, state: "waits" };
      row(one);
      if (!file.size) one.state = "failed";
      if (file.size > largest) one.state = "failed";
      files.push(one);
      say(
        one,
        !file.size ? "空文件，未上传" : one.state === "failed" ? "文件过大，请分批扫描" : "等待",
        one.state === "failed" ? "bad" : "",
      );
    });
    sum();
    run();
  }

  // A folder that is dropped is walked; a reader gives a hundred at a time until it gives none.
  async function walk(entry, path) {
    if (entry.isFile)
      return [
        await new Promise((done, failed) => {
          entry.file((file) => done({ file, name: path + file.name }), failed);
        }),
      ];
    const reader = entry.createReader(),
      found = [];
    for (;;) {
      const some = await new Promise((done, failed) => {
        reader.readEntries(done, failed);
      });
      if (!some.length) return found;
      for (const one of some) found.push(...(await walk(one, `${path}${entry.name}/`)));
    }
  }

  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const entries = [...event.dataTransfer.items]
      .map((one) => one.webkitGetAsEntry?.())
      .filter(Boolean);
    const plain = [...event.dataTransfer.files].map((file) => ({ file, name: file.name }));
    take(entries.length ? (await Promise.all(entries.map((one) => walk(one, "")))).flat() : plain);
  });
  pool.querySelectorAll("input[type=file]").forEach((input) =>
    input.addEventListener("change", () => {
      take([...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
      input.value = "";
    }),
  );
  again.addEventListener("click", () => {
    files
      .filter((one) => one.state === "failed" && one.id)
      .forEach((one) => {
        one.state = "waits";
      });
    files
      .filter((one) => one.state === "failed" && !one.id && one.sha256)
      .forEach((one) => {
        one.state = "waits";
      });
    run();
  });
  document.addEventListener("click", (event) => {
    const lack = event.target.closest("[data-lack]");
    if (!lack) return;
    const { case: number, no, type } = lack.dataset;
    Object.entries({ case_no: number, no, type }).forEach(([name, value]) => {
      fields.elements[name].value = value;
    });
    fields.closest("details").open = true;
    document.getElementById("choose").focus();
    pool.scrollIntoView({ block: "start" });
  });
  window.addEventListener("beforeunload", (event) => {
    if (busy) event.preventDefault();
  });
})();
