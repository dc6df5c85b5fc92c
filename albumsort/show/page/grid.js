// The cells: one can be reached with Tab, arrows go to the others. Frames of a moment unfold after their card.

const cells = [...document.querySelectorAll(".cell")];
const photoOf = cell => data.photos[cell.dataset.photo];
const cardOf = cell => document.getElementById(cell.dataset.of) ?? cell;
const framesByCard = new Map();
for (const cell of cells) {
  if (cell.dataset.of) framesByCard.set(cell.dataset.of, [...(framesByCard.get(cell.dataset.of) ?? []), cell]);
}
const framesOf = card => framesByCard.get(card.id) ?? [];
const visibleCells = () => cells.filter(cell => !cell.hidden);
const nameOf = cell => cell.querySelector("img")?.alt ?? cell.querySelector(".open").ariaLabel;
const emotionOf = cell => cell.closest("section").dataset.emotion;

function completeCell(cell) {
  const photo = photoOf(cell);
  const open = cell.querySelector(".open");
  open.onclick = () => showLarge(cell);
  const lost = open.querySelector(".lost");
  if (lost) {
    open.ariaLabel = filled(words.unreadable_name, { name: lost.textContent });
    lost.replaceChildren(icon("broken"), words.unreadable);
  }
  const label = nameOf(cell);
  const keep = tool("keep", `${words.keep}: ${label}`, "tick", () => choose(photo, "keep"));
  const drop = tool("drop", `${words.drop}: ${label}`, "cross", () => choose(photo, "drop"));
  cell.append(
    element("span", { className: "badge", "aria-hidden": "true" }),
    element(
      "div", { className: "over" },
      element("p", { className: "said" }, saidOf(decidingFace(photo), true)),
      element("div", { className: "choice" }, keep, drop),
    ),
  );
  const frames = framesOf(cell);
  if (frames.length) {
    const text = filled(words.frames, { n: frames.length + 1 });
    const more = element(
      "button", { type: "button", className: "more", title: text, "aria-label": text, "aria-expanded": "false", onclick: () => unfold(cell) },
      icon("stack"), String(frames.length + 1),
    );
    cell.append(more);
  }
  for (const control of cell.querySelectorAll("button")) control.tabIndex = -1;
  cell.addEventListener("focusin", () => makeReachable(cell));
  cell.addEventListener("pointerdown", () => makeReachable(cell)); // Safari gives buttons no focus when clicked
  follow(cell);
}

function follow(cell) {
  const chosen = choices.get(photoOf(cell).hash);
  cell.classList.toggle("is-kept", chosen === "keep");
  cell.classList.toggle("is-dropped", chosen === "drop");
  cell.querySelector(".keep").setAttribute("aria-pressed", chosen === "keep");
  cell.querySelector(".drop").setAttribute("aria-pressed", chosen === "drop");
  cell.querySelector(".badge").replaceChildren(...(chosen ? [icon(chosen === "keep" ? "tick" : "cross")] : []));
}

let reachable;
function makeReachable(cell) {
  if (reachable === cell) return;
  for (const control of reachable?.querySelectorAll("button") ?? []) control.tabIndex = -1;
  for (const control of cell.querySelectorAll("button")) control.tabIndex = 0;
  reachable = cell;
}

function focusCell(cell) {
  makeReachable(cell);
  cell.querySelector(".open").focus();
  cell.scrollIntoView({ block: "nearest" });
}

function unfold(cell) {
  const card = cardOf(cell);
  const more = card.querySelector(".more");
  if (!more) return;
  const unfolded = card.classList.toggle("unfolded");
  for (const frame of framesOf(card)) frame.hidden = !unfolded;
  more.setAttribute("aria-expanded", unfolded);
  if (cell.hidden) focusCell(card);
}

function neighbour(cell, key) {
  const shown = visibleCells();
  const at = shown.indexOf(cell);
  if (key === "ArrowLeft") return shown[at - 1];
  if (key === "ArrowRight") return shown[at + 1];
  const down = key === "ArrowDown";
  const here = cell.getBoundingClientRect();
  const rest = down ? shown.slice(at + 1) : shown.slice(0, at).reverse();
  const row = rest.find(other => Math.abs(other.getBoundingClientRect().top - here.top) > here.height / 2);
  if (!row) return undefined;
  const top = row.getBoundingClientRect().top;
  const away = other => Math.abs(other.getBoundingClientRect().left - here.left);
  const inRow = rest.filter(other => Math.abs(other.getBoundingClientRect().top - top) < 2);
  return inRow.reduce((best, other) => (away(other) < away(best) ? other : best));
}
