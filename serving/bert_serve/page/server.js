// Requests to the server that this page came from, and their answers.

import { events } from "./events.js";

const KEY = "bert-serve-key";

/** Why there is no answer: the server's status (0 where it was not reached), its sentences, and the field of each. */
export class Refusal extends Error {
  constructor(status, { problems, faults = [] }, retryAfter = null) {
    super(problems.join("; "));
    Object.assign(this, { status, problems, fields: faults.map(({ field }) => field), retryAfter });
  }
}

const unreached = (sentence) => new Refusal(0, { problems: [sentence] });

export const savedKey = () => sessionStorage.getItem(KEY) ?? "";

export function saveKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

/** What the server serves: a list of models, each with its task, artefact, labels and examples. */
export async function models() {
  return (await (await send("v1/models", {})).json()).data;
}

/** The answer to a request, and which artefact gave it. */
export async function predict(model, request, signal) {
  const response = await send(address(model), { method: "POST", body: JSON.stringify(request), signal });
  return { answer: await response.json(), artefact: response.headers.get("bert-artefact") };
}

/** The same, of a text that grows: each part is told as it comes. */
export async function stream(model, request, signal, onPart) {
  const headers = { accept: "text/event-stream" };
  const response = await send(address(model), { method: "POST", body: JSON.stringify(request), signal, headers });
  const artefact = response.headers.get("bert-artefact");
  for await (const { name, data } of events(response.body)) {
    const value = JSON.parse(data);
    if (name === "error") throw new Refusal(500, value);
    if (name === "done") return { answer: value, artefact };
    onPart(value.text);
  }
  throw unreached("The text ended before its end: the connection was lost.");
}

/** The command that asks the same. */
export function asCommand(model, request) {
  const body = JSON.stringify(request, null, 1).replaceAll("'", "'\\''");
  const key = savedKey() ? " \\\n  -H 'authorization: Bearer …'" : "";
  return `curl ${new URL(address(model), document.baseURI)}${key} -d '${body}'`;
}

const address = (model) => `v1/models/${encodeURIComponent(model)}:predict`;

async function send(path, { headers = {}, ...options }) {
  const key = savedKey();
  const sent = { ...headers, ...(key && { authorization: `Bearer ${key}` }) };
  let response;
  try {
    response = await fetch(path, { ...options, headers: sent, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreached("The server does not answer: it may have stopped, or the network is gone.");
  }
  if (response.ok) return response;
  throw new Refusal(response.status, await told(response), response.headers.get("retry-after"));
}

async function told(response) {
  try {
    const value = await response.json();
    const failed = value.predictions?.find((each) => each.error) ?? value;
    return failed.error.problems ? failed.error : { problems: [String(failed.error)] };
  } catch {
    return { problems: [`The server answered with status ${response.status}.`] };
  }
}
