// The one input of a page that scans. A scan is kept in the browser until the server has answered
// it, and sent in the order in which it was scanned: a network that goes loses nothing.
"use strict";
(() => {
  const panel = document.querySelector("[data-scan]");
  if (!panel) return;
  const input = panel.querySelector("input[name=code]");
  const ready = panel.querySelector("[data-ready]");
  const verdict = document.querySelector("[data-verdict]");
  const SILENCE = 60; // ms after which a scanner that sends no Enter has ended its code
  const MOST_PAUSE = 5000;
  const REDRAW = 500;
  const target = {
    flow: panel.dataset.flow,
    stocktake: Number(panel.dataset.stocktake) || null,
    handover: Number(panel.dataset.handover) || null,
  };
  const key = ["yice-scans", panel.dataset.account, ...Object.values(target)].join("/");
  const kept = () => {
    try {
      return JSON.parse(localStorage.getItem(key)) || {};
    } catch {
      return {};
    }
  };
  // `codes` are the scans that no answer came to yet, in their order; `next` is the number of the
  // first of them in the session.
  const state = { session: null, next: 1, codes: [], ...kept() };
  const keep = () => localStorage.setItem(key, JSON.stringify(state));

  // Sound at once, and another one for what needs a person.
  let audio = null;
  function beep(hertz, seconds, times = 1) {
    try {
      audio ??= new AudioContext();
    } catch {
      return;
    }
    for (let at = 0; at < times; at += 1) {
      const begin = audio.currentTime + at * (seconds + 0.06);
      const tone = audio.createOscillator();
      const loudness = audio.createGain();
      tone.frequency.value = hertz;
      loudness.gain.value = 0.12;
      tone.connect(loudness).connect(audio.destination);
      tone.start(begin);
      tone.stop(begin + seconds);
    }
  }

  const TONES = { MISPLACED: "off", REPEATED: "same" };
  function tone(answer) {
    if (answer.good) return "good";
    return TONES[answer.verdict] || "bad";
  }
  function show(word, line, action, look) {
    verdict.className = `verdict ${look}`;
    verdict.querySelector("em").textContent = word;
    verdict.querySelector("b").textContent = line;
    verdict.querySelector("small").textContent = action;
    void verdict.offsetWidth;
    verdict.classList.add("fresh");
  }
  function status() {
    const waits = state.codes.length;
    ready.className = `ready${stopped ? " stopped" : offline ? " waits" : ""}`;
    ready.textContent = stopped || (offline ? "网断，照常扫" : "可以扫");
    panel.querySelector("[data-queue]").textContent = waits
      ? `${waits} 次待送达，不会丢`
      : "全部送达";
  }

  let sending = false;
  let offline = false;
  let stopped = "";
  let pause = 500;
  async function post(where, body) {
    const answer = await fetch(where, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        "x-csrf": panel.dataset.csrf,
      },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    let value = {};
    try {
      value = JSON.parse(text);
    } catch {
      // A proxy's own page: the status says enough.
    }
    return { status: answer.status, value };
  }
  const again = (status) => status >= 500 || status === 429 || status === 408;

  // Sends what waits, one after the other; returns when nothing waits or the network is away.
  async function settle() {
    if (sending || stopped) return;
    sending = true;
    try {
      while (state.codes.length) {
        if (!state.session) {
          const begun = await post("/paper/sessions", target);
          if (again(begun.status)) throw new Error("later");
          if (begun.status !== 201) {
            stop(begun);
            return;
          }
          state.session = begun.value.session;
          state.next = 1;
          keep();
        }
        const scan = state.codes[0];
        const answer = await post("/paper/scans", {
          session: state.session,
          seq: state.next,
          code: scan.code,
          at: scan.at,
        });
        if (again(answer.status)) throw new Error("later");
        if (answer.status === 404 || (answer.status === 409 && answer.value.code === "PAPER_GAP")) {
          // Another tab went on in this session: begin one of our own, the scan is sent again.
          if (scan.renewed) {
            stop(answer);
            return;
          }
          scan.renewed = true;
          state.session = null;
          keep();
          continue;
        }
        if (answer.status !== 200) {
          stop(answer);
          return;
        }
        state.codes.shift();
        state.next += 1;
        keep();
        offline = false;
        pause = 500;
        answered(answer.value);
      }
    } catch {
      offline = true;
      setTimeout(settle, pause);
      pause = Math.min(pause * 2, MOST_PAUSE);
    } finally {
      sending = false;
      status();
    }
  }
  function stop(answer) {
    stopped = answer.status === 401 ? "登录已过期，重新登录后接着送" : "暂停送达";
    show(
      "停",
      answer.value.message || "服务器没有接受。",
      "已扫的都留在本机，刷新页面后接着送",
      "bad",
    );
    beep(220, 0.2, 3);
  }
  // The lists of the page are drawn again after scans, the last one among them: not for each.
  let drawing = 0;
  function drawAgain() {
    drawing ||= setTimeout(() => {
      drawing = 0;
      document.body.dispatchEvent(new CustomEvent("scanned"));
    }, REDRAW);
  }
  function answered(answer) {
    const look = tone(answer);
    show(answer.label, answer.message, answer.action, look);
    if (look === "good") beep(1320, 0.05);
    else beep(look === "bad" ? 220 : 440, 0.14, 2);
    drawAgain();
    panel.dataset.answered = String(Number(panel.dataset.answered || 0) + 1);
  }

  function take(text) {
    const code = text.trim();
    if (!code) return;
    state.codes.push({ code: code.slice(0, 200), at: new Date().toISOString() });
    keep();
    beep(880, 0.04);
    status();
    settle();
  }

  let composing = false;
  let silence = 0;
  function end() {
    clearTimeout(silence);
    const text = input.value;
    input.value = "";
    take(text);
  }
  input.addEventListener("compositionstart", () => {
    composing = true;
    clearTimeout(silence);
  });
  input.addEventListener("compositionend", () => {
    composing = false;
    wait();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "Tab") return;
    if (event.isComposing || event.keyCode === 229 || composing) return;
    if (!input.value.trim()) return; // Tab leaves an empty input as everywhere
    event.preventDefault();
    end();
  });
  // Silence ends only what is whole: a busy machine may hold back a character for longer, and half
  // a code would be taken for two. Whatever else there is ends with Enter or Tab.
  const WHOLE = [
    /^[0-9０-９]{14}$/,
    /^[A-Z][0-9]{3}-ZY.HJ.[A-Z]{2}.[0-9]{4}.(Y|D30|D10)-[0-9]{6}$/,
  ];
  function wait() {
    clearTimeout(silence);
    const text = input.value.replace(/\s/g, "");
    if (WHOLE.some((code) => code.test(text))) silence = setTimeout(end, SILENCE);
  }
  input.addEventListener("input", () => {
    if (!composing) wait();
  });
  input.form?.addEventListener("submit", (event) => {
    event.preventDefault();
    end();
  });

  // The input is always ready, unless a person is writing into another field.
  const elsewhere = () =>
    document.activeElement?.closest("input, textarea, select, button, a, summary, dialog, video");
  document.addEventListener("click", () => {
    if (!elsewhere()) input.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (!elsewhere() && /^[0-9A-Za-z]$/.test(event.key) && !event.ctrlKey && !event.metaKey)
      input.focus();
  });
  window.addEventListener("focus", () => {
    if (!elsewhere()) input.focus();
  });
  window.addEventListener("online", settle);
  input.focus();
  document.addEventListener("paper-code", (event) => take(event.detail));
  status();
  settle();
})();
