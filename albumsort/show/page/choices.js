// What the viewer keeps and drops, by content hash, so that a photo in two sections has one choice.

const choices = new Map();
const history_ = [];
const STORED = `albumsort ${data.id}`;
let handedOver = "[]"; // the choices as they were when the list was last downloaded or copied
let stores = true;
const followers = [];

const snapshot = () => JSON.stringify([...choices].sort());
const isUnsaved = () => snapshot() !== handedOver;
const countOf = what => [...choices.values()].filter(chosen => chosen === what).length;

function choose(photo, what) {
  const before = choices.get(photo.hash);
  history_.push([photo.hash, before]);
  put(photo.hash, before === what ? undefined : what);
  if (before === what) say(what === "keep" ? words.not_kept : words.not_dropped);
  else say(what === "keep" ? words.kept : words.dropped);
}

function undo() {
  if (!history_.length) return say(words.nothing_to_undo);
  put(...history_.pop());
  return say(words.undone);
}

function put(hash, what) {
  if (what) choices.set(hash, what);
  else choices.delete(hash);
  store();
  followers.forEach(follow => follow(hash));
}

function store() {
  try {
    localStorage.setItem(STORED, JSON.stringify({ choices: [...choices], handedOver }));
  } catch {
    if (stores) say(words.not_stored);
    stores = false; // private windows and some browsers refuse it for files
  }
}

function restore() {
  try {
    const known = new Set(data.photos.map(photo => photo.hash));
    const stored = JSON.parse(localStorage.getItem(STORED) ?? "null");
    for (const [hash, what] of stored?.choices ?? []) {
      if (known.has(hash) && (what === "keep" || what === "drop")) choices.set(hash, what);
    }
    if (typeof stored?.handedOver === "string") handedOver = stored.handedOver;
  } catch {
    choices.clear(); // nothing stored, or not by this page
  }
}

function noteHandedOver() {
  handedOver = snapshot();
  store();
}

const keptPhotos = () => data.photos.filter(photo => choices.get(photo.hash) === "keep");
const keptList = () => keptPhotos().map(photo => `${photo.hash}\t${photo.name}\n`).join("");

window.addEventListener("beforeunload", event => {
  if (!isUnsaved()) return;
  event.preventDefault();
  event.returnValue = words.leave; // older browsers ask only with it
});
