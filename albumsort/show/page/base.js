// Data, words, and the elements that everything else is made of. Names of photos only ever become text.

const read = id => JSON.parse(document.getElementById(id).textContent);
const words = read("words");
const data = read("data");

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const counted = (forms, n) => filled(n === 1 ? forms.one : forms.other, { n: n.toLocaleString("en") });
// nothing is certain: 100 % is left to what is marked by hand
const percent = share => filled(words.percent, { n: share < 1 ? Math.min(99, Math.round(100 * share)) : 100 });

const STROKES = {
  tick: "M4 12l5 5L20 6",
  cross: "M6 6l12 12M18 6L6 18",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  stack: "M8 8h12v12H8zM4 16V4h12",
  face: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M9 10v.01M15 10v.01M8.5 14.5c2 2.5 5 2.5 7 0",
  details: "M4 6h16M4 12h10M4 18h13",
  broken: "M4 5h16v14H4zM4 16l5-5 3 3M14 9l-2 4 3 2-2 4",
};

function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const icon = name => svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: STROKES[name] }));

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

function tool(className, label, image, onclick, shown = "") {
  const children = [image ? icon(image) : "", shown ? element("span", { className: "word" }, shown) : ""].filter(Boolean);
  return element("button", { type: "button", className: `tool ${className}`, title: label, "aria-label": label, onclick }, ...children);
}

const toast = () => element("p", { className: "toast", role: "status" });

let clearing;
function say(text) {
  const open = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  const line = open.querySelector(":scope > .toast");
  line.textContent = text;
  clearTimeout(clearing);
  clearing = setTimeout(() => { line.textContent = ""; }, 4000);
}

const decidingFace = photo => photo.faces[photo.decides];

// the face that decides has number 1
function numbered(photo) {
  const others = photo.faces.filter(face => face.matters && face !== decidingFace(photo));
  return [decidingFace(photo), ...others].filter(Boolean);
}

function saidOf(face, short = false) {
  if (!face) return short ? "" : words.no_face;
  if (!face.label) return short ? words.no_label : words.no_label_long;
  const values = { looks: words.looks[face.label], sure: percent(face.sure) };
  return filled(short ? words.label : words.label_long, values);
}
