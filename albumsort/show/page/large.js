// The large view: one photo, its moment's frames, and on demand its faces and scores.

const place = element("p");
const stage = element("div", { className: "stage", tabIndex: -1 });
const frameTools = element("div", { className: "frames", role: "group", "aria-label": words.strip });
const best = element("p", { className: "quiet" });
const strip = element("div", { className: "strip" }, frameTools, best);
const panel = element("aside", { className: "panel", hidden: true, tabIndex: 0, "aria-label": words.details });
const facesTool = tool("", words.faces, "face", () => toggleFaces(), words.faces);
const detailsTool = tool("", words.details, "details", () => toggleDetails(), words.details);
const beforeTool = tool("", words.before, "left", () => step(-1));
const afterTool = tool("", words.after, "right", () => step(1));
const keepTool = tool("keep framed", words.keep, "tick", () => choose(photoOf(current), "keep"), words.keep);
const dropTool = tool("drop framed", words.drop, "cross", () => choose(photoOf(current), "drop"), words.drop);
const large = element(
  "dialog", { className: "large dark", "aria-label": words.view },
  element("div", { className: "top" }, place, facesTool, detailsTool, tool("", words.close, "cross", () => large.close())),
  stage, strip, panel,
  element("div", { className: "foot" }, beforeTool, keepTool, dropTool, afterTool),
  toast(),
);
let current;
let drawsFaces = false;

function showLarge(cell) {
  current = cell;
  const isNew = !large.open;
  if (isNew) large.showModal();
  large.querySelector(":scope > .toast").textContent = ""; // it was about the photo before
  const photo = photoOf(cell);
  const stored = document.getElementById(`view-${cell.dataset.photo}`);
  const source = stored ? `data:image/webp;base64,${stored.textContent.trim()}` : cell.querySelector("img")?.src;
  const alt = `${nameOf(cell)}: ${photo.name}`;
  stage.replaceChildren(
    photo.error
      ? element("p", { className: "lost" }, icon("broken"), filled(words.unreadable_why, { reason: photo.error }))
      : element("img", { src: source, alt, draggable: false }),
  );
  facesTool.disabled = !stored || !photo.faces.length;
  const cards = cells.filter(other => !other.dataset.of && emotionOf(other) === emotionOf(cell));
  const n = cards.indexOf(cardOf(cell)) + 1;
  place.textContent = filled(words.position, { emotion: words.emotions[emotionOf(cell)], n, total: cards.length });
  beforeTool.disabled = !nextOf(cell, -1);
  afterTool.disabled = !nextOf(cell, 1);
  fillStrip(cell);
  fillPanel(panel, cell);
  drawFaces();
  followLarge();
  if (isNew || !large.contains(document.activeElement) || document.activeElement.disabled) stage.focus();
}

function followLarge() {
  if (!large.open) return;
  const chosen = choices.get(photoOf(current).hash);
  keepTool.setAttribute("aria-pressed", chosen === "keep");
  dropTool.setAttribute("aria-pressed", chosen === "drop");
}

function nextOf(cell, by) {
  const shown = visibleCells();
  const at = shown.indexOf(cell.hidden ? cardOf(cell) : cell);
  return shown[cell.hidden && by < 0 ? at : at + by];
}

function step(by) {
  const next = nextOf(current, by);
  if (next) showLarge(next);
}

function momentOf(cell) {
  return [cardOf(cell), ...framesOf(cardOf(cell))];
}

function stepFrame(by) {
  const frame = momentOf(current)[momentOf(current).indexOf(current) + by];
  if (frame) showLarge(frame);
}

function fillStrip(cell) {
  const frames = momentOf(cell);
  strip.hidden = frames.length < 2;
  const buttons = frames.map((frame, i) => {
    const picture = frame.querySelector("img");
    const label = nameOf(frame);
    const inside = picture ? element("img", { src: picture.src, alt: "" }) : icon("broken");
    return element("button", { type: "button", "aria-label": label, "aria-current": frame === cell, onclick: () => showLarge(frames[i]) }, inside);
  });
  const hadFocus = frameTools.contains(document.activeElement);
  frameTools.replaceChildren(...buttons);
  best.textContent = bestOf(frames);
  if (hadFocus) buttons[frames.indexOf(cell)].focus();
}

function bestOf(frames) {
  const reasons = (frames[0].dataset.best ?? "").split(" ").filter(Boolean).map(reason => words.best[reason]);
  return [filled(words.best.plain, { n: frames.length }), reasons.join(", ")].filter(Boolean).join(": ");
}

function toggleFaces() {
  drawsFaces = !drawsFaces;
  drawFaces();
}

function toggleDetails() {
  panel.hidden = !panel.hidden;
  detailsTool.setAttribute("aria-expanded", !panel.hidden);
  drawFaces();
}
detailsTool.setAttribute("aria-expanded", "false");

large.addEventListener("close", () => focusCell(current.hidden ? cardOf(current) : current));
large.addEventListener("click", event => {
  if (event.detail && !panel.contains(event.target)) stage.focus(); // after a pointer, Space keeps again
});
window.addEventListener("resize", () => { if (large.open) drawFaces(); });

let touched;
stage.addEventListener("pointerdown", event => { touched = event.isPrimary ? event : undefined; });
stage.addEventListener("pointerup", event => {
  if (!touched || (window.visualViewport?.scale ?? 1) > 1.01) return;
  const across = event.clientX - touched.clientX;
  const down = event.clientY - touched.clientY;
  touched = undefined;
  if (Math.abs(across) > 48 && Math.abs(across) > 2 * Math.abs(down)) step(across < 0 ? 1 : -1);
});
