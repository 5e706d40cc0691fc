// Elements of the page. Text becomes text nodes, never markup.

/** An element with attributes and children; strings become text. An attribute that is false or null is left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child != null));
  return made;
}

/** The element of an id. */
export const byId = (id) => document.getElementById(id);

/** A score in 0..1 as a percentage. */
export const percent = (score) => `${(100 * score).toFixed(score < 0.001 ? 3 : 1)} %`;

/** A row of a bar chart: a name, a bar as long as the share in 0..1, and a value. */
export function bar(name, share, value, isBest = false, hue = null) {
  const fill = element("span", { class: "fill" });
  fill.style.setProperty("--share", `${100 * Math.min(1, Math.max(0, share))}%`);
  return element(
    "li",
    { class: ["bar", isBest && "best", hue].filter(Boolean).join(" ") },
    element("span", { class: "name" }, name),
    element("span", { class: "track", "aria-hidden": "true" }, fill),
    element("span", { class: "value" }, value),
  );
}

/** Rows of a bar chart. */
export const bars = (...rows) => element("ul", { class: "bars" }, ...rows);
