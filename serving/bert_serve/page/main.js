// The page: choose a model, write a request, see its answer.

import { growing, view } from "./answers.js";
import { byId, element } from "./elements.js";
import { fillForm, makeForm, markProblems, readForm } from "./form.js";
import { asCommand, models, predict, Refusal, savedKey, saveKey, stream } from "./server.js";
import { taskOf } from "./tasks.js";

const state = { models: [], model: null, task: null, example: 0, running: null };

async function start() {
  byId("key").value = savedKey();
  showKeyNeeded(savedKey() !== "");
  try {
    state.models = await models();
  } catch (error) {
    if (error.status === 401) askForKey(savedKey() !== "");
    else showRefusal(error);
    return;
  }
  showKeyForm(false);
  byId("answer").replaceChildren();
  const groups = Map.groupBy(state.models, (model) => model.task);
  byId("model").replaceChildren(...[...groups].map(([task, of]) => group(task, of)));
  for (const id of ["model", "submit", "example"]) byId(id).disabled = false;
  choose(decodeURIComponent(location.hash.slice(1)));
}

const group = (task, of) =>
  element("optgroup", { label: task.replaceAll("-", " ") }, ...of.map(({ id }) => element("option", { value: id }, id)));

function choose(name) {
  stop();
  const model = state.models.find(({ id }) => id === name) ?? state.models[0];
  Object.assign(state, { model, task: taskOf(model), example: 0 });
  byId("model").value = model.id;
  history.replaceState(null, "", `#${encodeURIComponent(model.id)}`);
  byId("facts").replaceChildren(...facts(model).map((fact) => element("span", {}, fact)));
  makeForm(state.task, model);
  fillForm(state.task, model, state.task.examples[0]);
  clear("Press Ctrl and Enter in a field, or the button.");
}

const facts = ({ task, target, precision, max_length: length, labels }) => [
  task.replaceAll("-", " "),
  `${target} ${precision}`,
  `${length} tokens`,
  ...(labels.length ? [`${labels.length} label${labels.length === 1 ? "" : "s"}`] : []),
];

function nextExample() {
  state.example = (state.example + 1) % state.task.examples.length;
  fillForm(state.task, state.model, state.task.examples[state.example]);
  markProblems([], []);
}

async function ask() {
  const { model, task } = state;
  const request = readForm(task);
  const sent = model.task === "feature-extraction" ? together(request) : request;
  markProblems([], []);
  byId("measured").textContent = "";
  const running = (state.running = new AbortController());
  busy(true);
  const began = performance.now();
  try {
    const asked = model.task === "text-generation" ? grow : predict;
    const { answer, artefact } = await asked(model.id, sent, running.signal);
    const failed = answer.predictions?.find((each) => each.error);
    if (failed) throw new Refusal(422, failed.error);
    showAnswer(model, request, sent, answer, artefact, performance.now() - began);
  } catch (error) {
    if (state.running !== running) return;
    if (error.name === "AbortError") byId("measured").textContent = "stopped";
    else showRefusal(error);
  } finally {
    if (state.running === running) busy(false);
  }
}

const together = ({ text, texts }) => ({ instances: [text, ...texts].map((each) => ({ text: each })) });

function grow(name, request, signal) {
  const { grown, shown } = growing(request.prompt);
  byId("answer").replaceChildren(shown);
  return stream(name, request, signal, (part) => grown.append(part));
}

function showAnswer(model, request, sent, answer, artefact, milliseconds) {
  byId("answer").replaceChildren(...view(model, request, answer));
  byId("measured").replaceChildren(
    element("strong", {}, milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${Math.round(milliseconds)} ms`),
    ` ${artefact}`,
  );
  byId("raw").hidden = false;
  byId("raw-request").textContent = asCommand(model.id, sent);
  byId("raw-answer").textContent = indented(answer);
}

/** A value as JSON of several lines, with each list of numbers on one. */
const indented = (value) =>
  JSON.stringify(value, null, 1).replace(/\[[\d\s.,e+-]+\]/g, (list) => list.replace(/\s+/g, " "));

function showRefusal(error) {
  if (error.status === 401) return askForKey(true);
  const problems = error.problems ?? [`The page met a fault of its own: ${error.message}`];
  const later = error.retryAfter ? `Try again in ${error.retryAfter} s.` : null;
  clear();
  byId("answer").replaceChildren(
    element(
      "div",
      { class: "refusal", role: "alert" },
      element("h3", {}, error.status ? `Refused with status ${error.status}` : "No answer"),
      element("ul", {}, ...problems.map((problem) => element("li", {}, problem))),
      later && element("p", {}, later),
    ),
  );
  markProblems(problems, error.fields ?? []);
}

function clear(hint = "") {
  byId("measured").textContent = "";
  byId("raw").hidden = true;
  byId("answer").replaceChildren(element("p", { class: "hint" }, hint));
}

function busy(isBusy) {
  if (!isBusy) state.running = null;
  byId("answer").setAttribute("aria-busy", isBusy);
  byId("submit-word").textContent = isBusy ? "Stop" : "Answer";
}

function stop() {
  state.running?.abort();
  busy(false);
}

/** A link cannot bring a key: where one is needed, links would lead to refusals. */
function showKeyNeeded(isNeeded) {
  byId("key-button").hidden = !isNeeded;
  byId("links").hidden = isNeeded;
}

function askForKey(isWrong) {
  showKeyNeeded(true);
  showKeyForm(true);
  byId("key-help").textContent = isWrong
    ? "The server does not know this key."
    : "The server asks for a key. This tab keeps it until it is closed.";
  byId("key").focus();
}

function showKeyForm(isShown) {
  byId("key-form").hidden = !isShown;
  byId("key-button").setAttribute("aria-expanded", isShown);
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if (state.running) state.running.abort();
  else if (state.model) ask();
});
byId("ask").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  byId("ask").requestSubmit();
});
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  saveKey(byId("key").value.trim());
  start();
});
byId("model").addEventListener("change", (event) => choose(event.target.value));
byId("example").addEventListener("click", nextExample);
byId("key-button").addEventListener("click", () => {
  showKeyForm(byId("key-form").hidden);
  if (!byId("key-form").hidden) byId("key").focus();
});
start();
