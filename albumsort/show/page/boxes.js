// The faces of the large view, drawn over the picture: with as many words as cover no other face's.

const LETTER = 7.6; // pixels, roughly, of a text of 14 pixels
const LINE = 18;

function drawFaces() {
  facesTool.setAttribute("aria-pressed", drawsFaces);
  stage.querySelector(".boxes")?.remove();
  if (!drawsFaces || facesTool.disabled) return;
  const photo = photoOf(current);
  const scale = Math.min(stage.clientWidth / photo.w, stage.clientHeight / photo.h);
  const people = numbered(photo);
  const others = photo.faces.filter(face => !people.includes(face));
  const boxes = [...people, ...others].map(face => boxOf(face, scale, face === decidingFace(photo)));
  const texts = textsOf(people, scale, photo.w);
  stage.append(svg("svg", { class: "boxes", viewBox: `0 0 ${photo.w} ${photo.h}`, "aria-hidden": "true" }, ...boxes, ...texts));
}

function boxOf(face, scale, decides) {
  const [x, y, width, height] = face.box;
  const rects = ["under", ""].map(name => svg("rect", { x, y, width, height, rx: 4 / scale, class: name }));
  return svg("g", { class: `${face.label ?? "none"} ${decides ? "decides" : ""}` }, ...rects);
}

function textsOf(people, scale, photoWidth) {
  const numberOf = i => (people.length > 1 ? `${i + 1}` : "");
  const details = [
    (face, i) => `${numberOf(i)} ${saidOf(face, true)}`.trim(),
    (face, i) => `${numberOf(i)} ${face.label ? words.looks[face.label] : ""}`.trim(),
    (face, i) => numberOf(i),
  ];
  const versions = details.map(detail => people.map((face, i) => placed(detail(face, i), face.box, scale, photoWidth)));
  const shown = versions.find(texts => !texts.some((one, i) => texts.slice(i + 1).some(other => overlap(one, other))));
  return (shown ?? versions.at(-1)).map(({ text, x, y }) => {
    const line = svg("text", { x: x / scale, y: (y + LINE - 5) / scale, "font-size": 14 / scale });
    line.textContent = text;
    return line;
  });
}

// in pixels of the screen, above the face, inside the photo
function placed(text, [left, top], scale, photoWidth) {
  const width = LETTER * text.length;
  const x = Math.max(0, Math.min(left * scale, photoWidth * scale - width));
  return { text, x, y: Math.max(0, top * scale - LINE - 2), width };
}

const overlap = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && Math.abs(a.y - b.y) < LINE;
