const MAX_HEAD_BYTES = 64 * 1024;
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;
const EMPTY: Buffer<ArrayBufferLike> = Buffer.alloc(0);

export interface ParsedResponse {
  status: number;
  headers: Headers;
  body: string;
}

/** Reads one HTTP/1.1 response: Content-Length, chunked, or until the end of the connection (RFC 9112, section 6). */
export class ResponseParser {
  private pending = EMPTY;
  private head: { status: number; headers: Headers } | undefined;

  constructor(private readonly headOnly: boolean) {}

  /** @returns the response, when `chunk` completes it. @throws when it is no HTTP, or too much. */
  push(chunk: Uint8Array): ParsedResponse | undefined {
    this.pending = Buffer.concat([this.pending, chunk]);
    if (this.pending.length > MAX_RESPONSE_BYTES) throw new Error(`more than ${MAX_RESPONSE_BYTES} bytes`);
    if (this.head === undefined && !this.takeHead()) return undefined;
    return this.complete(false);
  }

  /** The connection has ended. @throws when the response is not complete by that. */
  end(): ParsedResponse {
    const response = this.complete(true);
    if (response === undefined) throw new Error(`cut off after ${this.pending.length} bytes`);
    return response;
  }

  private takeHead(): boolean {
    const end = this.pending.indexOf("\r\n\r\n");
    if (end < 0) {
      if (this.pending.length > MAX_HEAD_BYTES)
        throw new Error(`no end of the head in ${MAX_HEAD_BYTES} bytes`);
      return false;
    }
    const [first = "", ...lines] = this.pending.toString("latin1", 0, end).split("\r\n");
    const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
    if (status === undefined) throw new Error(`not HTTP/1.1: ${first.slice(0, 80)}`);
    const headers = new Headers();
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon < 1) throw new Error(`not a header: ${line.slice(0, 80)}`);
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    this.pending = this.pending.subarray(end + 4);
    this.head = { status: Number(status), headers };
    return true;
  }

  private complete(ended: boolean): ParsedResponse | undefined {
    if (this.head === undefined) return undefined;
    const body = this.body(this.head, ended);
    return body === undefined ? undefined : { ...this.head, body: body.toString("utf8") };
  }

  private body(
    { status, headers }: { status: number; headers: Headers },
    ended: boolean,
  ): Buffer | undefined {
    if (this.headOnly || status === 204 || status === 304) return EMPTY;
    if (/\bchunked\b/i.test(headers.get("transfer-encoding") ?? "")) return dechunk(this.pending);
    const length = headers.get("content-length");
    if (length === null) return ended ? this.pending : undefined;
    if (!/^\d+$/.test(length)) throw new Error(`content-length: ${length}`);
    return this.pending.length >= Number(length) ? this.pending.subarray(0, Number(length)) : undefined;
  }
}

/** @returns the body without its chunk framing (RFC 9112, section 7.1), or undefined while the last chunk is missing. */
function dechunk(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = bytes.toString("latin1", at, lineEnd).split(";")[0]?.trim() ?? "";
    if (!/^[0-9a-f]{1,7}$/i.test(size)) throw new Error(`chunk size: ${size.slice(0, 20)}`);
    const length = Number.parseInt(size, 16);
    const start = lineEnd + 2;
    if (length === 0) return bytes.indexOf("\r\n", start) < 0 ? undefined : Buffer.concat(parts);
    if (bytes.length < start + length + 2) return undefined;
    parts.push(bytes.subarray(start, start + length));
    at = start + length + 2;
  }
}
