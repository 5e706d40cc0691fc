// Server-sent events out of a response's body. EventSource itself can neither POST nor show a key.

/** Each event's name (empty for none) and data, as they come. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (held + value).split("\n\n");
    held = blocks.pop();
    yield* blocks.map(parsed);
  }
}

function parsed(block) {
  const found = { name: "", data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) found.name = line.slice(7);
    if (line.startsWith("data: ")) found.data += line.slice(6);
  }
  return found;
}
