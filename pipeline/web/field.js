// What input fits a field, told by the JSON schema of its answer. Makes the controls; sends nothing.

import { el } from "./dom.js";

const CURRENCIES = ["INR", "EUR", "USD", "GBP", "AED", "JPY", "SGD", "THB"];
const READ_AS = {
  date: "date", datetime: "datetime-local", time: "time", int: "integer", float: "number", Decimal: "number",
  Money: "money", bool: "boolean",
};
const FORMATS = { date: "date", "date-time": "datetime-local", time: "time", email: "email", uri: "url" };

/** {kind, choices, schema} of an answer; kind "words" means that the message box is the best form. */
export function fieldOf(schema, choices = null) {
  if (choices?.length) return { kind: "choices", choices: choices.map(String), schema: {} };
  const inner = unwrapped(schema ?? {}, schema ?? {});
  const listed = inner.enum ?? ("const" in inner ? [inner.const] : null);
  if (listed) return { kind: "choices", choices: listed.filter((one) => one !== null).map(String), schema: inner };
  const kind = READ_AS[schema?.["x-read-as"]] ?? READ_AS[inner["x-read-as"]] ?? FORMATS[inner.format] ?? inner.type;
  if (kind === "boolean") return { kind: "choices", choices: ["yes", "no"], schema: inner };
  if (isMoney(inner)) return { kind: "money", schema: inner };
  if (["date", "datetime-local", "time", "email", "url", "integer", "number", "money"].includes(kind)) return { kind, schema: inner };
  if (kind === "array" && inner.items) {
    const items = fieldOf(resolved(inner.items, schema));
    if (items.kind === "choices") return { kind: "several", choices: items.choices, schema: inner };
  }
  return { kind: "words", schema: inner };
}

function isMoney(schema) {
  const names = Object.keys(schema.properties ?? {});
  return names.includes("amount") && names.includes("currency");
}

/** The schema behind references and behind "or null". */
function unwrapped(schema, root) {
  const here = resolved(schema, root);
  const options = (here.anyOf ?? here.oneOf ?? here.allOf)?.map((one) => resolved(one, root)).filter((one) => one.type !== "null");
  return options?.length === 1 ? unwrapped(options[0], root) : here;
}

function resolved(schema, root) {
  const path = schema.$ref?.match(/^#\/(\$defs|definitions)\/(.+)$/);
  return path ? root[path[1]]?.[path[2]] ?? {} : schema;
}

/** Controls for a field: their nodes, and `read()`, which gives the answer as text, "" for none. */
export function controls({ kind, schema, choices }, label) {
  if (kind === "money") return money(label);
  if (kind === "several") return several(choices, label);
  const number = kind === "integer" || kind === "number";
  const input = el("input", {
    type: number ? "number" : kind, required: true, "aria-label": label,
    inputmode: kind === "integer" ? "numeric" : number ? "decimal" : null,
    step: kind === "integer" ? 1 : number ? "any" : null,
    min: schema.minimum ?? (schema.exclusiveMinimum !== undefined ? schema.exclusiveMinimum : null),
    max: schema.maximum ?? schema.exclusiveMaximum ?? null,
    maxlength: number ? null : schema.maxLength ?? null,
  });
  return { nodes: [input], read: () => input.value.trim() };
}

function money(label) {
  const amount = el("input", { type: "number", min: 0, step: "any", required: true, inputmode: "decimal", "aria-label": label });
  const currency = el("select", { "aria-label": "Currency" }, CURRENCIES.map((code) => el("option", { value: code, text: code })));
  return { nodes: [amount, currency], read: () => (amount.value.trim() ? `${amount.value.trim()} ${currency.value}` : "") };
}

function several(choices, label) {
  const boxes = choices.map((choice) => el("input", { type: "checkbox", value: choice }));
  const group = el("div", { class: "boxes", role: "group", "aria-label": label },
    boxes.map((box, at) => el("label", {}, box, choices[at])));
  return { nodes: [group], read: () => boxes.filter((box) => box.checked).map((box) => box.value).join(", ") };
}
