// Elements. The only place that makes them: text becomes text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element; `props` are attributes, but `on` holds listeners and `text` its text. null and false leave one out. */
export function el(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

/** As `el`, of SVG. */
export function svg(tag, props = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(node, { on = {}, text = null, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [type, listener] of Object.entries(on)) node.addEventListener(type, listener);
  if (text !== null && text !== undefined) node.textContent = String(text);
  put(node, ...children);
  return node;
}

/** Append what is there: elements and strings, nested as they come; null and false are left out. */
export function put(node, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

/** Exchange all that is in a node. */
export function fill(node, ...children) {
  node.replaceChildren();
  return put(node, ...children);
}

/** A button that is one. */
export function button(label, action, props = {}) {
  return el("button", { type: "button", on: { click: action }, text: label, ...props });
}

/** Tell a screen reader; the same words twice are said twice. */
export function announce(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = "";
  setTimeout(() => { announcer.textContent = text; }, 30);
}
