import { type ParsedResponse, ResponseParser } from "./http-response.ts";
import { Conversation, DEFAULT_TIMEOUT_MS, type PhoneSocket } from "./phone-conversation.ts";
import type { PhoneError, PhoneRequest, PhoneResponse } from "./phone-request.ts";

/** One HTTP/1.1 request and its answer. */
export class Exchange extends Conversation {
  private unsent: Buffer<ArrayBufferLike>;
  private connectMs = 0;
  private firstByteMs = 0;
  private readonly parser: ResponseParser;

  constructor(
    phone: string,
    request: PhoneRequest,
    private readonly resolve: (response: PhoneResponse) => void,
    reject: (error: PhoneError) => void,
  ) {
    super(phone, request.timeoutMs ?? DEFAULT_TIMEOUT_MS, reject);
    this.unsent = Buffer.from(requestText(request));
    this.parser = new ResponseParser(request.method === "HEAD");
  }

  protected override talk(socket: PhoneSocket): void {
    this.connectMs = this.since();
    this.drained(socket);
  }

  override drained(socket: PhoneSocket): void {
    if (this.unsent.length === 0) return;
    const written = socket.write(this.unsent);
    if (written < 0) this.fail("closed", "cannot write the request");
    else this.unsent = this.unsent.subarray(written);
  }

  override received(chunk: Buffer): void {
    if (this.settled) return;
    if (this.firstByteMs === 0) this.firstByteMs = this.since();
    this.read(() => this.parser.push(chunk));
  }

  override ended(): void {
    if (!this.settled) this.read(() => this.parser.end());
  }

  private read(step: () => ParsedResponse | undefined): void {
    try {
      const response = step();
      if (response === undefined || !this.finish()) return;
      const { connectMs, firstByteMs } = this;
      this.resolve({ ...response, connectMs, firstByteMs, totalMs: this.since() });
    } catch (error) {
      this.fail("malformed", error instanceof Error ? error.message : String(error));
    }
  }
}

function requestText(request: PhoneRequest): string {
  const port = request.port ?? 80;
  const headers: Record<string, string> = {
    host: request.host ?? (port === 80 ? request.address : `${request.address}:${port}`),
    connection: "close",
    ...(request.body === undefined ? {} : { "content-length": String(Buffer.byteLength(request.body)) }),
  };
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  // openNDS 9.10 compares header names with case.
  const lines = Object.entries(headers).map(
    ([name, value]) => `${name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())}: ${value}\r\n`,
  );
  return `${request.method ?? "GET"} ${request.path ?? "/"} HTTP/1.1\r\n${lines.join("")}\r\n${request.body ?? ""}`;
}
