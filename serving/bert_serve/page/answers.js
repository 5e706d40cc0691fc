// Answers as a person reads them: one function for each task, from the request and the answer to elements.

import { bar, bars, element, percent } from "./elements.js";
import { highlight, hues } from "./highlight.js";

const paragraph = (className, ...children) => element("p", { class: className }, ...children);

function entities(request, { entities: found }, model) {
  const hue = hues(model.labels);
  if (!found.length) return [highlight(request.text, []), paragraph("verdict", "No entity found.")];
  const spans = found.map(({ start, end, label }) => ({ start, end, label, className: hue(label) }));
  const rows = found.map((each) => bar(named(each.text, each.label), each.score, percent(each.score), false, hue(each.label)));
  return [highlight(request.text, spans), bars(...rows)];
}

const shortened = (what) => paragraph("help", `The ${what} was longer than the model reads: its end was cut.`);
const named = (text, label) => element("span", {}, element("span", { class: "tag" }, label), " ", text);

function spans(request, { answers, no_answer_score: none, question_truncated: cut }) {
  const found = answers.filter(({ text }) => text);
  const marks = found.map(({ start, end }, i) => ({ start, end, className: i ? "other" : "best" }));
  const isNone = !answers[0]?.text;
  return [
    paragraph(isNone ? "verdict none" : "verdict", isNone ? "No answer in this context." : answers[0].text),
    bars(
      ...found.map(({ text, score }, i) => bar(text, score, percent(score), i === 0 && !isNone)),
      ...(none == null ? [] : [bar("no answer", none, percent(none), isNone)]),
    ),
    highlight(request.context, marks),
    cut && shortened("question"),
  ];
}

function labels(_, { labels: found, scores, values }) {
  if (values) return [values.map(({ label, value }) => figure(label, value))];
  const chosen = new Set(found.map(({ label }) => label));
  const isMany = Boolean(scores);
  const rows = (scores ?? found).map(({ label, score }, i) =>
    bar(label, score, percent(score), isMany ? chosen.has(label) : i === 0),
  );
  const best = isMany ? [...chosen].join(", ") || "No label reaches the least score." : found[0]?.label;
  return [paragraph("verdict", best), bars(...rows)];
}

const figure = (label, value) =>
  element("p", { class: "figure" }, element("span", { class: "number" }, value.toPrecision(4)), " ", label);

function words(text, masks) {
  return [
    filled(text, masks),
    ...masks.flatMap(({ candidates }, i) => [
      masks.length > 1 && element("h3", {}, `Mask ${i + 1}`),
      bars(...candidates.map(({ token, score }, j) => bar(token, score, percent(score), j === 0))),
    ]),
  ];
}

/** The text with the best word in the place of each mask. */
function filled(text, masks) {
  const points = Array.from(text);
  let shift = 0;
  const spans = masks.map(({ start, end, candidates: [best] }) => {
    const word = Array.from(best?.token.replace(/^##/, "") ?? "");
    points.splice(start + shift, end - start, ...word);
    const span = { start: start + shift, end: start + shift + word.length, className: "best" };
    shift += word.length - (end - start);
    return span;
  });
  return highlight(points.join(""), spans);
}

function follows(isNext, score) {
  return [
    paragraph(isNext ? "verdict" : "verdict none", isNext ? "It follows." : "It does not follow."),
    bars(bar("follows", score, percent(score), isNext), bar("does not", 1 - score, percent(1 - score), !isNext)),
  ];
}

function pretraining(request, { masks, next_masks: next, is_next: isNext, score }) {
  return [
    ...(isNext == null ? [] : follows(isNext, score)),
    ...(masks.length ? words(request.text, masks) : []),
    ...(next.length ? words(request.next_text, next) : []),
  ];
}

function choices(request, { choice, text, scores }) {
  const order = scores.map((score, i) => ({ score, i })).sort((a, b) => b.score - a.score);
  return [
    paragraph("verdict", text),
    bars(...order.map(({ score, i }) => bar(request.choices[i], score, percent(score), i === choice))),
  ];
}

function nearest({ texts }, { predictions }) {
  const [own, ...others] = predictions.map(({ vector }) => vector);
  const near = texts.map((text, i) => ({ text, near: cosine(own, others[i]) })).sort((a, b) => b.near - a.near);
  const shown = own.slice(0, 4).map((number) => number.toFixed(3)).join(", ");
  return [
    near.length > 0 && paragraph("verdict", near[0].text),
    near.length > 0 && bars(...near.map(({ text, near: score }, i) => bar(text, score, score.toFixed(3), i === 0))),
    paragraph("help", `Cosine similarity of vectors with ${own.length} numbers. The first text's: ${shown}, …`),
  ];
}

function cosine(a, b) {
  const dot = (x, y) => x.reduce((sum, each, i) => sum + each * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** A text that grows: the elements, and where its parts are appended. */
export function growing(prompt) {
  const grown = element("span", { class: "grown" });
  return { grown, shown: element("p", { class: "text growing", dir: "auto" }, element("span", { class: "prompt" }, prompt), grown) };
}

function generated(request, { sequences }) {
  return sequences.flatMap(({ text, token_ids: ids, finish_reason: reason }) => {
    const { grown, shown } = growing(request.prompt);
    grown.append(text);
    shown.classList.remove("growing");
    const end = { length: "the most that were asked for", eos: "the text ended" }[reason] ?? reason;
    return [shown, paragraph("help", `${ids.length} tokens: ${end}.`)];
  });
}

const VIEWS = {
  "token-classification": entities,
  "question-answering": spans,
  "text-classification": labels,
  "fill-mask": (request, { masks }) => words(request.text, masks),
  "next-sentence-prediction": (_, { is_next: isNext, score }) => follows(isNext, score),
  "multiple-choice": choices,
  "feature-extraction": nearest,
  "text-generation": generated,
  pretraining,
};

/** The elements of an answer. */
export function view(model, request, answer) {
  const made = VIEWS[model.task]?.(request, answer, model) ?? [element("pre", {}, JSON.stringify(answer, null, 1))];
  const isCut = answer.truncated || answer.predictions?.some(({ truncated }) => truncated);
  return [...made.flat(), isCut && shortened("text")].filter(Boolean);
}
