import { boundedBody } from "./followed-lines.ts";
import { LeaseAnswerError } from "./lease-answers.ts";

const TIMEOUT_MS = 5_000;

/** Requests to the mesh of this machine's box. */
export class MeshSocket {
  constructor(private readonly path: string) {}

  /** @throws {LeaseAnswerError} in the mesh's own words */
  async post(path: string, body: unknown, signal = AbortSignal.timeout(TIMEOUT_MS)): Promise<Response> {
    const response = await fetch(`http://box${path}`, {
      unix: this.path,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    if (response.ok) return response;
    const why = new TextDecoder().decode(await boundedBody(response)).slice(0, 500);
    throw new LeaseAnswerError(`the mesh: ${wordsOf(why)}`);
  }
}

function wordsOf(text: string): string {
  const { error } = objectOf(text);
  return typeof error === "string" ? error : text;
}

/** JSON, or nothing where it is none. */
export function objectOf(text: string): { frame?: unknown; error?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
