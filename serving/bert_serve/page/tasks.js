// Each task: the fields of its request, options that a person may want, and examples. They are data, in tasks.json.

const TASKS = await (await fetch(new URL("tasks.json", import.meta.url))).json();

/** A model's task; one that this page does not know has the fields of the server's own example. */
export function taskOf({ task, examples }) {
  const [example = {}] = examples;
  const fields = Object.keys(example).map((name) => ({ name, label: name, rows: 4 }));
  return TASKS[task] ?? { fields, options: [], examples: [example] };
}
