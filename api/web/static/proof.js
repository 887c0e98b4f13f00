// Compares a file that somebody holds with what was issued. Its bytes stay in his browser; where
// there is no WebCrypto, the part stays hidden.
"use strict";
(() => {
  const mine = document.getElementById("mine");
  if (!mine || !window.crypto?.subtle) return;
  mine.hidden = false;
  const said = mine.querySelector(".said");
  mine.querySelector("input").addEventListener("change", async (event) => {
    const file = event.target.files[0];
    if (!file) return;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const same = hex === mine.dataset.sha256;
    said.className = `said ${same ? "yes" : "no"}`;
    said.textContent = same
      ? "相同：您手中的文件就是本系统出具的那一份。"
      : "不同：您手中的文件不是本系统出具的那一份，请勿采信。";
  });
})();
