/** A line that is longer than its reader takes. */
export class LongLineError extends Error {
  override readonly name = "LongLineError";
}

/** Finds lines in what comes in pieces, however it is cut, and keeps no more than one. */
export class LineReader {
  private readonly decoder = new TextDecoder();
  private rest = "";

  constructor(private readonly maxChars: number) {}

  /** @returns the lines that end in these bytes, empty ones left out @throws {LongLineError} */
  take(bytes: Uint8Array): string[] {
    const lines = (this.rest + this.decoder.decode(bytes, { stream: true })).split("\n");
    this.rest = lines.pop() ?? "";
    const longest = Math.max(this.rest.length, ...lines.map(({ length }) => length));
    if (longest > this.maxChars) throw new LongLineError(`a line has more than ${this.maxChars} characters`);
    return lines.filter((line) => line !== "");
  }
}
