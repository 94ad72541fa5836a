import { z } from "zod";
import { type Document, openDocument } from "../../store/index.ts";

const schema = z.looseObject({
  /** Public keys of requesters, 64 hexadecimal digits, who was blocked first comes first. */
  blocked: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(10_000),
});

/** As many as a configuration may name. */
const MOST = 1_000;

/** Requesters whom the operator lends nothing, beside those of the configuration: kept in a file of its own. */
export class BlockedRequesters {
  private constructor(private readonly document: Document<z.output<typeof schema>>) {}

  /** @param path of the document; made where there is none */
  static open(path: string): BlockedRequesters {
    return new BlockedRequesters(openDocument(path, schema, () => ({ blocked: [] })));
  }

  list(): readonly string[] {
    return this.document.data.blocked;
  }

  /** @returns on the medium; false: there are too many */
  block(requester: string): boolean {
    if (this.list().includes(requester)) return true;
    if (this.list().length >= MOST) return false;
    this.document.update((data) => {
      data.blocked.push(requester);
    });
    return true;
  }

  /** @returns whether it was there */
  unblock(requester: string): boolean {
    if (!this.list().includes(requester)) return false;
    this.document.update((data) => {
      data.blocked = data.blocked.filter((one) => one !== requester);
    });
    return true;
  }
}
