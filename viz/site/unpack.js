"use strict";
// What packing.py has packed: the length of a header, the header in JSON, then the arrays that it names.
const KINDS = { Uint8Array, Uint16Array, Uint32Array, Float32Array };

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const size = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  const arrays = {};
  for (const [name, [kind, at, length]] of Object.entries(header.arrays)) arrays[name] = new KINDS[kind](buffer, 4 + size + at, length);
  return [header, arrays];
}
