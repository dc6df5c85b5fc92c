// The bar, the keys, and the start.

const summary = element("span", { className: "count", role: "status" });
const slider = element("input", { type: "range", min: 120, max: 320, step: 4, "aria-label": words.size, title: words.size });
const listTool = element("button", { type: "button", className: "tool main", onclick: () => showList() });

function followBar() {
  const [kept, dropped] = [countOf("keep"), countOf("drop")];
  summary.textContent = kept + dropped ? filled(words.summary, { kept, dropped }) : "";
  listTool.textContent = kept ? `${words.list} (${kept.toLocaleString("en")})` : words.list;
}

const IN_GRID = {
  Enter: cell => showLarge(cell),
  " ": cell => choose(photoOf(cell), "keep"),
  x: cell => choose(photoOf(cell), "drop"),
  m: cell => unfold(cell),
};
const IN_LARGE = {
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  ArrowUp: () => stepFrame(-1),
  ArrowDown: () => stepFrame(1),
  " ": () => choose(photoOf(current), "keep"),
  x: () => choose(photoOf(current), "drop"),
  f: () => { if (!facesTool.disabled) toggleFaces(); },
  i: () => toggleDetails(),
};
const ANYWHERE = { u: () => undo(), e: () => showList(), "?": () => keysSheet.showModal() };

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector(".sheet[open]")) return;
  if (event.target.matches("input, textarea")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const presses = (key === " " || key === "Enter") && event.target.matches("button:not(.open)");
  const scrolls = panel.contains(event.target) && key.startsWith("Arrow");
  if (presses || scrolls) return;
  const cell = event.target.closest(".cell");
  let act = ANYWHERE[key];
  if (large.open) act ??= IN_LARGE[key];
  else if (key.startsWith("Arrow")) act = () => { const next = cell ? neighbour(cell, key) : reachable; if (next) focusCell(next); };
  else if (cell && IN_GRID[key]) act = () => IN_GRID[key](cell);
  if (!act) return;
  event.preventDefault();
  act();
}

restore();
document.body.append(large, toast());
makeSheets();
document.getElementById("bar").append(
  summary, slider, listTool, tool("framed", words.keys, "", () => keysSheet.showModal(), "?"),
);
cells.forEach(completeCell);
if (cells.length) makeReachable(cells[0]);
followers.push(hash => cells.filter(cell => photoOf(cell).hash === hash).forEach(follow), followBar, followLarge);
followBar();
slider.value = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--cell"));
slider.addEventListener("input", () => document.documentElement.style.setProperty("--cell", `${slider.value}px`));
document.addEventListener("keydown", onKey);
// Firefox presses a button when Space is released
document.addEventListener("keyup", event => { if (event.key === " " && event.target.matches(".open")) event.preventDefault(); });
if (choices.size) say(words.restored);
