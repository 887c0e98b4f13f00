// A telephone's camera as a scanner: frames are read by zxing (WebAssembly, served by us), and
// what is read goes the way of every scan. Nothing leaves the telephone but the code.
"use strict";
(() => {
  const panel = document.querySelector("[data-scan]");
  const button = panel?.querySelector("[data-camera]");
  const video = panel?.querySelector("[data-video]");
  if (!button || !button.dataset.reader || !navigator.mediaDevices?.getUserMedia) return;
  button.hidden = false;
  const AGAIN = 3000; // ms in which the same code is one look, not two scans
  const EVERY = 120; // ms between two frames
  let stream = null;
  let reading = null;
  const last = { code: "", at: 0 };

  function load() {
    reading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = button.dataset.reader;
      script.onload = () => {
        ZXingWASM.prepareZXingModule({
          overrides: { locateFile: () => button.dataset.wasm },
        });
        resolve(ZXingWASM.readBarcodes);
      };
      script.onerror = reject;
      document.head.append(script);
    });
    return reading;
  }

  function stop(text) {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.hidden = true;
    button.textContent = text || "用手机摄像头扫";
  }

  async function look(read, canvas) {
    if (!stream) return;
    const { videoWidth: width, videoHeight: height } = video;
    if (width) {
      canvas.width = width;
      canvas.height = height;
      const pen = canvas.getContext("2d", { willReadFrequently: true });
      pen.drawImage(video, 0, 0);
      const codes = await read(pen.getImageData(0, 0, width, height), {
        formats: ["Code128", "QRCode"],
        maxNumberOfSymbols: 1,
      });
      const text = codes[0]?.text;
      const now = performance.now();
      if (text && (text !== last.code || now - last.at > AGAIN)) {
        last.code = text;
        document.dispatchEvent(new CustomEvent("paper-code", { detail: text }));
      }
      if (text) last.at = now;
    }
    setTimeout(() => look(read, canvas), EVERY);
  }

  button.addEventListener("click", async () => {
    if (stream) {
      stop();
      return;
    }
    button.textContent = "正在打开摄像头";
    try {
      const [read, opened] = await Promise.all([
        load(),
        navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }),
      ]);
      stream = opened;
      video.srcObject = opened;
      video.hidden = false;
      await video.play();
      button.textContent = "关闭摄像头";
      look(read, document.createElement("canvas"));
    } catch {
      reading = null;
      stop("摄像头打不开：请允许使用，再按一次");
    }
  });
})();
