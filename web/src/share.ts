import type { Value } from "./engine/contract";

/** What a link holds: all that the page needs to show the same. */
export interface Shared {
  text: string;
  name: string;
  variant: string;
  variables: Record<string, Value>;
  inputs: Record<string, number[]>;
}

const KEY = "#s=";
const MOST = 4_000_000;

/** The fragment of an address: it is sent to no server. */
export async function toFragment(shared: Shared): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(shared));
  const packed = await through(bytes, new CompressionStream("deflate-raw"));
  let binary = "";
  for (let at = 0; at < packed.length; at += 0x8000) binary += String.fromCharCode(...packed.subarray(at, at + 0x8000));
  return KEY + btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What the fragment of an address holds; null if it holds nothing of ours. Anybody may have written it. */
export async function fromFragment(fragment: string): Promise<Shared | null> {
  if (!fragment.startsWith(KEY)) return null;
  try {
    const binary = atob(fragment.slice(KEY.length).replaceAll("-", "+").replaceAll("_", "/"));
    const packed = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const bytes = await through(packed, new DecompressionStream("deflate-raw"));
    const read = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Shared>;
    if (typeof read.text !== "string") return null;
    return {
      text: read.text,
      name: typeof read.name === "string" ? read.name : "net.yaml",
      variant: typeof read.variant === "string" ? read.variant : "",
      variables: isObject(read.variables) ? read.variables : {},
      inputs: isObject(read.inputs) ? read.inputs : {},
    };
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, never> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function through(bytes: Uint8Array<ArrayBuffer>, stream: GenericTransformStream): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes]).stream().pipeThrough(stream as ReadableWritablePair<Uint8Array, Uint8Array>).getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > MOST) throw new Error("too large");
    chunks.push(value as Uint8Array<ArrayBuffer>);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
