// Spans of a text, marked in it.

import { element } from "./elements.js";

/**
 * The text with its spans marked, best first: of two that overlap, the second is not. Start and end of a span count code
 * points, as the server does, not JavaScript's UTF-16 units.
 */
export function highlight(text, spans) {
  const points = Array.from(text);
  const parts = [];
  let at = 0;
  for (const { start, end, label, className } of apart(spans)) {
    parts.push(points.slice(at, start).join(""));
    const marked = points.slice(start, end).join("");
    parts.push(element("mark", { class: className }, marked, label && element("span", { class: "tag" }, label)));
    at = end;
  }
  parts.push(points.slice(at).join(""));
  return element("p", { class: "text", dir: "auto" }, ...parts);
}

const apart = (spans) =>
  spans
    .filter(({ start, end }, i) => !spans.slice(0, i).some((better) => start < better.end && better.start < end))
    .sort((a, b) => a.start - b.start);

/** A class with a colour for each of a model's labels. */
export function hues(labels) {
  const names = [...new Set(labels.map((label) => label.replace(/^[BIOESLUMW]-/, "")))].filter((name) => name !== "O");
  return (label) => `hue-${Math.max(0, names.indexOf(label)) % 8}`;
}
