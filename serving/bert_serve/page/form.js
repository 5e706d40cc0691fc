// The fields of a request: made for a task, filled, read, and marked where the server found something wrong.

import { byId, element } from "./elements.js";

/** Make the fields and options of a task for a model. */
export function makeForm(task, model) {
  const fields = task.fields.filter((field) => field.name !== "encoder_text" || model.reads_encoder);
  byId("fields").replaceChildren(...fields.map((field) => textField(field, model)));
  byId("option-fields").replaceChildren(...task.options.map(option));
  byId("options").hidden = task.options.length === 0;
  for (const area of byId("fields").querySelectorAll("textarea")) area.addEventListener("input", () => fit(area));
}

/** Fill in an example; options that it leaves out take their defaults. */
export function fillForm(task, model, example) {
  for (const { name, value, isList } of [...task.fields, ...task.options]) {
    const input = inputOf(name);
    if (!input) continue;
    const given = example[name] ?? value ?? "";
    if (input.type === "checkbox") input.checked = Boolean(given);
    else input.value = isList ? given.join("\n") : masked(String(given), model);
    if (input.tagName === "TEXTAREA") fit(input);
  }
}

/** The request that the fields stand for. Numbers that are none stay text, for the server to refuse by name. */
export function readForm(task) {
  const request = {};
  for (const field of [...task.fields, ...task.options]) {
    const input = inputOf(field.name);
    if (!input) continue;
    const value = valueOf(field, input);
    if (value !== undefined) request[field.name] = value;
  }
  return request;
}

function valueOf(field, input) {
  if (input.type === "checkbox") return input.checked || undefined;
  if (field.isList) return input.value.split("\n").filter((each) => each.trim());
  if (field.kind && input.value.trim() === String(field.value)) return undefined;
  if (field.kind === "number") return input.value.trim() === "" ? undefined : numberOf(input.value);
  return input.value === "" && field.optional ? undefined : input.value;
}

const numberOf = (written) => (Number.isNaN(Number(written)) ? written : Number(written));

/** Mark the fields that problems are about, each at its place in `fields`, and go to the first of them. */
export function markProblems(problems, fields) {
  let first = null;
  for (const input of document.querySelectorAll("#ask [name]")) {
    const own = problems.filter((_, i) => fields[i]?.replace(/\[.*/, "") === input.name);
    const note = byId(`${input.id}-problem`);
    input.setAttribute("aria-invalid", own.length > 0);
    note.textContent = own.join("; ");
    note.hidden = own.length === 0;
    if (own.length) first ??= input;
  }
  if (first?.closest("details")) first.closest("details").open = true;
  first?.focus();
}

const masked = (text, model) => text.replaceAll("[MASK]", model.mask_token || "[MASK]");
const inputOf = (name) => byId(`field-${name}`);

function textField({ name, label, help, rows }, model) {
  const id = `field-${name}`;
  const attributes = { id, name, spellcheck: "false", dir: "auto", "aria-describedby": `${id}-help ${id}-problem` };
  const input = rows === 1 ? element("input", { type: "text", autocomplete: "off", ...attributes }) : element("textarea", { rows, ...attributes });
  return element(
    "div",
    { class: "field" },
    element("label", { for: id }, label),
    input,
    element("p", { class: "help", id: `${id}-help` }, help && masked(help, model)),
    problemNote(id),
  );
}

function option({ name, label, kind, values }) {
  const id = `field-${name}`;
  const attributes = { id, name, "aria-describedby": `${id}-problem` };
  const input = values
    ? element("select", attributes, ...values.map((value) => element("option", { value }, value)))
    : element("input", { type: kind === "check" ? "checkbox" : "text", inputmode: "decimal", autocomplete: "off", ...attributes });
  return element("div", { class: `option ${kind}` }, element("label", { for: id }, label), input, problemNote(id));
}

const problemNote = (id) => element("p", { class: "problem", id: `${id}-problem`, hidden: true });

/** As tall as its text, within bounds that the style sheet sets. */
function fit(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}
