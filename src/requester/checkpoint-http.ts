import { type FileHandle, open, rename } from "node:fs/promises";
import { z } from "zod";
import type { SigningKey } from "../identity/index.ts";
import {
  agreementKeyOf,
  CheckpointError,
  type CheckpointHead,
  checkpointBytes,
  decodeCheckpointHead,
  MAX_HEAD_BYTES,
  openSealedKey,
  readCheckpointHead,
  sealKey,
  signCheckpointAsk,
} from "../vm/checkpoint/index.ts";
import type { LeaseRestore } from "../vm/request/lease-request.ts";
import { ASK_HEADER, TOKEN_HEADER } from "../vm/wire/checkpoint-routes.ts";
import { boundedBody } from "./followed-lines.ts";
import { LeaseHttpError } from "./lease-http.ts";

/** A box has said that it will not. */
export class CheckpointRefusedError extends Error {
  override readonly name = "CheckpointRefusedError";
}

/** Of what is brought: after each the box has it on its medium. */
const PIECE_BYTES = 8 * 1_048_576;
/** For one piece, at some 100 kbit/s. */
const PIECE_TIMEOUT_MS = 600_000;
const TIMEOUT_MS = 30_000;
/** Without a byte. */
const SILENT_MS = 60_000;
const TRIES = 5;
const AGAIN_MS = 1_000;

const text = z.string().max(2_000);
const refused = z.object({ is: z.literal("refused"), why: text });
const offered = z.discriminatedUnion("is", [
  refused,
  z.object({
    is: z.literal("wanted"),
    have: z.int().min(0),
    box: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
    token: z.string().regex(/^[0-9a-f]{64}$/),
  }),
]);
const put = z.discriminatedUnion("is", [refused, z.object({ is: z.literal("here"), have: z.int().min(0) })]);

/** How much of how much. */
export type CheckpointProgress = (bytes: number, all: number) => void;

/** The way of saved machines from a box, and to one, by HTTP. */
export class CheckpointHttp {
  /**
   * @param base of the box, as `LeaseHttp.base`
   * @param key the requester's, by which the lease was asked for
   * @param offerBy says an offer as a member, as `LeaseSealed.offer`; default: as a stranger
   */
  constructor(
    private readonly base: URL,
    private readonly key: SigningKey,
    private readonly random: (count: number) => Uint8Array,
    private readonly offerBy?: (ask: Uint8Array) => Promise<string>,
  ) {}

  /**
   * Brings a saved machine of one's own from the box that saved it. What was cut off is gone on with.
   * @param path where it is when it is whole; meanwhile it is beside it, with ".part"
   * @throws {CheckpointRefusedError}, {CheckpointError} when what comes is none, and when nothing comes any more
   */
  async fetch(lease: string, path: string, progress: CheckpointProgress = () => {}): Promise<CheckpointHead> {
    const part = `${path}.part`;
    const ask = signCheckpointAsk({ kind: "fetch", requester: this.requester, checkpoint: lease }, this.key);
    const header = Buffer.from(ask).toString("base64");
    const file = await open(part, "a+", 0o600);
    try {
      for (let tries = 1; ; tries += 1) {
        const before = (await file.stat()).size;
        try {
          const head = await this.fetchOnce(lease, header, file, before, progress);
          if (head.header.id !== lease) throw new CheckpointError("checkpoint.id", "is another one's");
          await file.sync();
          await rename(part, path);
          return head;
        } catch (error) {
          const isOver = error instanceof CheckpointRefusedError || error instanceof CheckpointError;
          const isAny = (await file.stat()).size > before;
          if (isOver || (!isAny && tries >= TRIES)) throw error;
          if (isAny) tries = 0;
          await Bun.sleep(AGAIN_MS);
        }
      }
    } finally {
      await file.close();
    }
  }

  /**
   * Brings a saved machine of one's own to a box.
   * @returns what a request for it is to say
   * @throws {CheckpointRefusedError}, {CheckpointError} when it is none, or somebody else's
   */
  async bring(path: string, progress: CheckpointProgress = () => {}): Promise<LeaseRestore> {
    const file = await open(path, "r");
    try {
      const head = await readCheckpointHead(file);
      const all = checkpointBytes(head);
      if ((await file.stat()).size !== all) throw new CheckpointError("checkpoint", "is not whole");
      const fileKey = openSealedKey(head.header.sealedKey, agreementKeyOf(this.key), "requester");
      let offer = await this.offer(head);
      for (let have = offer.have, tries = 0; have < all; ) {
        progress(have, all);
        try {
          have = await this.put(head.header.id, offer.token, file, have, all);
          tries = 0;
        } catch (error) {
          tries += 1;
          if (error instanceof CheckpointRefusedError || tries >= TRIES) throw error;
          await Bun.sleep(AGAIN_MS);
          offer = await this.offer(head);
          have = offer.have;
        }
      }
      progress(all, all);
      const box = Uint8Array.from(Buffer.from(offer.box, "base64"));
      const sealed = sealKey(fileKey, box, "box", this.random);
      return { checkpoint: head.header.id, key: Buffer.from(sealed).toString("hex") };
    } finally {
      await file.close();
    }
  }

  private get requester(): string {
    return Buffer.from(this.key.publicKey).toString("hex");
  }

  private async fetchOnce(
    lease: string,
    ask: string,
    file: FileHandle,
    from: number,
    progress: CheckpointProgress,
  ): Promise<CheckpointHead> {
    let got = from;
    let head = await headOf(file);
    const all = () => (head ? checkpointBytes(head) : undefined);
    if (head && got >= checkpointBytes(head)) return whole(head, got);
    const silent = new AbortController();
    const patience = () => setTimeout(() => silent.abort(), SILENT_MS);
    let timer = patience();
    try {
      const response = await fetch(new URL(`v1/leases/${lease}/checkpoint`, this.base), {
        headers: { [ASK_HEADER]: ask, ...(from === 0 ? {} : { range: `bytes=${from}-` }) },
        ...{ redirect: "error", signal: silent.signal },
      });
      if (response.status !== (from === 0 ? 200 : 206) || response.body === null)
        throw await refusalOf(response);
      for await (const bytes of response.body) {
        clearTimeout(timer);
        timer = patience();
        got += bytes.length;
        // Nobody fills a medium with more than was saved.
        if (got > (all() ?? MAX_FIRST_BYTES))
          throw new CheckpointError("checkpoint", "is longer than its header says");
        await file.appendFile(bytes);
        head ??= await headOf(file);
        progress(got, all() ?? got);
      }
    } finally {
      clearTimeout(timer);
    }
    if (!head) throw new LeaseHttpError("the box has broken off");
    return whole(head, got);
  }

  private async offer(head: CheckpointHead): Promise<Extract<z.output<typeof offered>, { is: "wanted" }>> {
    const ask = signCheckpointAsk({ kind: "offer", requester: this.requester, head }, this.key);
    const { offerBy } = this;
    const answer = offerBy ? answerIn(await offerBy(ask), offered) : await this.offerAsStranger(ask);
    if (answer.is === "refused") throw new CheckpointRefusedError(answer.why);
    return answer;
  }

  private async offerAsStranger(ask: Uint8Array): Promise<z.output<typeof offered>> {
    const response = await fetch(new URL("v1/checkpoints", this.base), {
      ...{ method: "POST", body: Uint8Array.from(ask), redirect: "error" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return answerOf(response, offered);
  }

  private async put(id: string, token: string, file: FileHandle, from: number, all: number): Promise<number> {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, all - from));
    const { bytesRead } = await file.read(piece, 0, piece.length, from);
    if (bytesRead !== piece.length) throw new CheckpointError("checkpoint", "was cut off meanwhile");
    const response = await fetch(new URL(`v1/checkpoints/${id}`, this.base), {
      ...{ method: "PUT", body: piece, redirect: "error", signal: AbortSignal.timeout(PIECE_TIMEOUT_MS) },
      headers: { "content-range": `bytes ${from}-${from + piece.length - 1}/${all}`, [TOKEN_HEADER]: token },
    });
    const answer = await answerOf(response, put);
    if (answer.is === "refused") throw new LeaseHttpError(answer.why);
    return answer.have;
  }
}

/** What the first bytes of a stream may have before its head is known. */
const MAX_FIRST_BYTES = 4 * 1_048_576;

function whole(head: CheckpointHead, bytes: number): CheckpointHead {
  if (bytes < checkpointBytes(head)) throw new LeaseHttpError("the box has broken off");
  if (bytes > checkpointBytes(head))
    throw new CheckpointError("checkpoint", "is longer than its header says");
  return head;
}

/** @returns undefined while too little of it is there @throws {CheckpointError} when it is none */
async function headOf(file: FileHandle): Promise<CheckpointHead | undefined> {
  const start = new Uint8Array(MAX_HEAD_BYTES);
  const { bytesRead } = await file.read(start, 0, start.length, 0);
  try {
    return decodeCheckpointHead(start.subarray(0, bytesRead));
  } catch (error) {
    if (bytesRead < start.length && error instanceof CheckpointError && error.why.includes("cut off"))
      return undefined;
    throw error;
  }
}

async function answerOf<T>(response: Response, form: z.ZodType<T>): Promise<T> {
  const said = new TextDecoder().decode(await boundedBody(response));
  if (response.status === 429) throw new LeaseHttpError("the box is asked too often");
  return answerIn(said, form, `${response.status}: `);
}

function answerIn<T>(said: string, form: z.ZodType<T>, status = ""): T {
  try {
    return form.parse(JSON.parse(said));
  } catch {
    throw new LeaseHttpError(`the box answers ${status}${said.slice(0, 200)}`);
  }
}

async function refusalOf(response: Response): Promise<Error> {
  const said = new TextDecoder().decode(await boundedBody(response));
  try {
    return new CheckpointRefusedError(refused.parse(JSON.parse(said)).why);
  } catch {
    return new LeaseHttpError(`the box answers ${response.status}`);
  }
}
