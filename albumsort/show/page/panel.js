// What is known of a photo: one sentence, seven bars, the other faces, and the file.

const heading = text => element("h3", {}, text);

function pairs(rows) {
  const list = element("dl");
  for (const [term, value] of rows) if (value) list.append(element("dt", {}, term), element("dd", { dir: "auto" }, value));
  return list;
}

function fillPanel(panel, cell) {
  const photo = photoOf(cell);
  const face = decidingFace(photo);
  const parts = [element("p", { className: "sentence" }, saidOf(face))];
  if (cell.dataset.score) {
    const emotion = words.emotions[emotionOf(cell)].toLowerCase();
    parts.push(element("p", { className: "quiet" }, filled(words.score, { emotion, score: percent(cell.dataset.score) })));
  }
  if (face) parts.push(heading(words.probabilities), bars(face), element("p", { className: "quiet" }, eyesOf(face)));
  const others = numbered(photo).slice(1);
  if (others.length) parts.push(heading(words.others), element("ul", {}, ...others.map((other, i) => faceLine(other, i + 2))));
  parts.push(heading(words.about), pairs([
    [words.name, photo.name],
    [words.pixels, filled(words.pixels_value, { w: photo.w.toLocaleString("en"), h: photo.h.toLocaleString("en") })],
    [words.sharpness, face?.sharpness == null ? "" : percent(face.sharpness)],
    [words.taken, photo.taken],
  ]));
  panel.replaceChildren(...parts);
}

function bars(face) {
  const rows = data.emotions.map((emotion, i) => {
    const fill = element("span", { className: `fill ${emotion}` });
    fill.style.width = `${100 * face.probabilities[i]}%`;
    return element(
      "li", {},
      element("span", {}, words.looks[emotion]),
      element("span", { className: "track", "aria-hidden": "true" }, fill),
      element("span", { className: "share" }, percent(face.probabilities[i])),
    );
  });
  return element("ul", { className: "bars" }, ...rows);
}

const eyesOf = face => words.eyes[face.eyes];

function faceLine(face, n) {
  const label = filled(words.face, { n, label: saidOf(face, true) });
  return element("li", {}, face.eyes === "closed" ? `${label}, ${eyesOf(face)}` : label);
}
