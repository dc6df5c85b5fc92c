// The list of kept photos to send back, and the keys.

function sheet(title, ...children) {
  const name = element("h2", { id: `sheet-${document.querySelectorAll(".sheet").length}` }, title);
  const made = element(
    "dialog", { className: "sheet", "aria-labelledby": name.id },
    element("div", { className: "head" }, name, tool("", words.close, "cross", () => made.close())),
    ...children, toast(),
  );
  made.addEventListener("click", event => { if (event.target === made && isOutside(made, event)) made.close(); });
  document.body.append(made);
  return made;
}

function isOutside(made, { clientX: x, clientY: y }) {
  const { left, top, right, bottom } = made.getBoundingClientRect();
  return x < left || x > right || y < top || y > bottom;
}

const listSays = element("p");
const listText = element("textarea", { readOnly: true, spellcheck: false, wrap: "off", "aria-label": words.list_text });
const downloadTool = element("button", { type: "button", className: "tool main", autofocus: true, onclick: download }, words.download);
const copyTool = element("button", { type: "button", className: "tool framed", onclick: copy }, words.copy);
const listUse = element("p", { className: "quiet" }, words.list_use);
let listSheet;
let keysSheet;

function showList() {
  const n = keptPhotos().length;
  listSays.textContent = n ? counted(words.list_some, n) : words.list_none;
  listText.value = keptList();
  for (const part of [listText, listUse, downloadTool.parentElement]) part.hidden = !n;
  listSheet.showModal();
}

function download() {
  const address = URL.createObjectURL(new Blob([keptList()], { type: "text/plain;charset=utf-8" }));
  element("a", { href: address, download: words.list_file }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
  noteHandedOver();
  say(words.downloaded);
}

async function copy() {
  try {
    await navigator.clipboard.writeText(keptList());
  } catch {
    listText.focus();
    listText.select();
    if (!document.execCommand("copy")) return say(words.copy_failed);
  }
  noteHandedOver();
  return say(words.copied);
}

function makeSheets() {
  listSheet = sheet(words.list_title, listSays, listText, element("div", { className: "row" }, downloadTool, copyTool), listUse);
  const keys = element("dl");
  for (const [key, what] of words.key_list) keys.append(element("dt", {}, element("kbd", {}, key)), element("dd", {}, what));
  keysSheet = sheet(words.keys, keys);
}
