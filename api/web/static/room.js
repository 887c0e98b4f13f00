// The reading room and the check: pages by key, zoom, rotation, originals beside.
"use strict";
(() => {
  const zooms = ["z75", "z100", "z125", "z150", "z200"],
    turns = ["", "r90", "r180", "r270"];
  const room = document.getElementById("room"),
    pages = document.getElementById("pages");
  if (!pages) return;
  let leaves = [...pages.querySelectorAll(".leaf")];
  const contents = [...document.querySelectorAll("[data-page]")];
  const at = document.getElementById("at"),
    zoomed = document.getElementById("zoom"),
    alone = document.getElementById("alone");
  let zoom = 1,
    page = 0,
    jumped = 0;

  function show(index) {
    page = Math.min(Math.max(index, 0), leaves.length - 1);
    if (at) at.textContent = `${page + 1} / ${leaves.length}`;
    const here = contents.filter((link) => Number(link.dataset.page) <= page + 1).pop();
    contents.forEach((link) => link.classList.toggle("on", link === here));
    [...document.querySelectorAll("#thumbs li")].forEach((one, index) => {
      one.classList.toggle("on", index === page);
      if (index === page)
        one.parentElement.scrollLeft = one.offsetLeft - one.parentElement.clientWidth / 2;
    });
  }
  const stay = () => {
    jumped = performance.now();
    leaves[page]?.scrollIntoView({ block: "start", behavior: "instant" });
  };
  const jump = (index) => {
    show(index);
    stay();
  };
  const size = (step) => {
    zoom = Math.min(Math.max(zoom + step, 0), zooms.length - 1);
    document.querySelectorAll(".pages").forEach((one) => {
      one.classList.remove(...zooms);
      one.classList.add(zooms[zoom]);
    });
    if (zoomed) zoomed.textContent = `${zooms[zoom].slice(1)}%`;
    stay();
  };
  const turn = () => {
    const leaf = leaves[page];
    const now = turns.findIndex((one) => one && leaf.classList.contains(one));
    leaf.classList.remove(...turns.filter(Boolean));
    const following = turns[((now < 0 ? 0 : now) + 1) % turns.length];
    if (following) leaf.classList.add(following);
  };
  const beside = (on) => {
    room?.classList.toggle("both", on);
    if (alone) alone.hidden = !on;
    stay();
  };
  // Places of what was looked for in this volume: the server draws the marks, we lay them over the
  // pages and go from one to the next.
  const within = document.getElementById("within"),
    inside = document.getElementById("inside");
  let places = [],
    place = 0,
    sought = "";
  function lay() {
    pages.querySelectorAll(".marks").forEach((one) => one.remove());
    inside
      .querySelectorAll(".marks")
      .forEach((one) => pages.querySelector(`#p${one.dataset.of} .turn`)?.append(one));
    places = [...inside.querySelectorAll("[data-place]")];
    if (places.length) go(0);
  }
  function go(index) {
    if (!places.length) return;
    place = (index + places.length) % places.length;
    places.forEach((one, at) => {
      if (at === place) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    });
    places[place].scrollIntoView({ block: "nearest" });
    document.getElementById("nth").textContent = place + 1;
    pages
      .querySelectorAll(".marks rect")
      .forEach((one) => one.classList.toggle("now", Number(one.dataset.at) === place));
    show(Number(places[place].dataset.on) - 1);
    jumped = performance.now();
    (pages.querySelector(".marks rect.now") ?? leaves[page]).scrollIntoView({
      block: "center",
      inline: "nearest",
      behavior: "instant",
    });
  }
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target === inside) {
      sought = within.value;
      lay();
    }
  });
  within?.addEventListener("keydown", (event) => {
    if (
      event.isComposing ||
      event.keyCode === 229 ||
      event.key !== "Enter" ||
      !places.length ||
      within.value !== sought
    )
      return;
    go(place + (event.shiftKey ? -1 : 1));
    event.preventDefault();
  });
  within?.addEventListener("search", () => {
    if (!within.value) {
      inside.replaceChildren();
      sought = "";
      lay();
    }
  });

  const acts = {
    before: () => go(place - 1),
    after: () => go(place + 1),
    seek: () => {
      within.focus();
      within.select();
    },
    up: () => jump(page - 1),
    down: () => jump(page + 1),
    in: () => size(1),
    out: () => size(-1),
    turn,
    alone: () => beside(false),
  };

  document.addEventListener("click", (event) => {
    const act = event.target.closest("[data-do]")?.dataset.do;
    if (act) acts[act]();
    const link = event.target.closest("a[data-page]");
    if (link) {
      jump(Number(link.dataset.page) - 1);
      event.preventDefault();
    }
    const found = event.target.closest("[data-place]");
    if (found) go(Number(found.dataset.place));
    const compare = event.target.closest("[data-compare]");
    if (compare) {
      jump(Number(compare.parentElement.querySelector("[data-page]").dataset.page) - 1);
      beside(true);
    }
  });
  document.addEventListener(
    "keydown",
    (event) => {
      if (
        event.isComposing ||
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        event.target.closest("input, textarea, select") ||
        document.querySelector("dialog[open]")
      )
        return;
      const step = places.length && (event.shiftKey ? "before" : "after");
      const act =
        {
          n: step,
          N: step,
          f: within && "seek",
          j: "down",
          k: "up",
          "+": "in",
          "=": "in",
          "-": "out",
          r: "turn",
        }[event.key] ?? (event.key === "Escape" && room?.classList.contains("both") ? "alone" : "");
      if (!act) return;
      acts[act]();
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );
  // Pages that were laid anew are counted anew.
  window.addEventListener("yice-page", (event) => {
    leaves = [...pages.querySelectorAll(".leaf")];
    jump(event.detail);
  });
  // The page that one reads is the first that reaches below the upper third; while we jump
  // ourselves, the jump says which.
  document.addEventListener(
    "scroll",
    () => {
      if (performance.now() - jumped < 250) return;
      const here = leaves.findIndex(
        (leaf) => leaf.getBoundingClientRect().bottom > window.innerHeight * 0.35,
      );
      if (here >= 0) show(here);
    },
    { passive: true },
  );
  const asked = leaves.findIndex(
    (leaf) => leaf.dataset.here !== undefined || (location.hash && `#${leaf.id}` === location.hash),
  );
  // On a phone the findings lie above the pages and are read first.
  if (asked > 0 && (location.hash || window.innerWidth > 820)) jump(asked);
  else show(0);
})();
