import { createHmac, timingSafeEqual } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { SigningKey } from "../../identity/signing-key.ts";
import type { Source } from "../admission/index.ts";
import type { VmImage } from "../image/index.ts";
import type { LeaseRequest } from "../request/index.ts";
import { openCheckpointAsk } from "./checkpoint-ask.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import { encodeCheckpointHead } from "./checkpoint-head.ts";
import type { CheckpointHeader, MachineKind } from "./checkpoint-header.ts";
import { type FileRun, openCheckpoint, sealCheckpoint } from "./checkpoint-seal.ts";
import type { CheckpointShelf, ShelvedCheckpoint } from "./checkpoint-shelf.ts";
import {
  type AgreementKey,
  agreementKey,
  agreementPublicKey,
  FILE_KEY_BYTES,
  openSealedKey,
  sealKey,
} from "./sealed-key.ts";
import { checkAskedFor, checkGoesOnHere, ownLink } from "./why-not-here.ts";

export interface CheckpointsOptions {
  shelf: CheckpointShelf;
  /** The box's own, by which it signs what it saves. */
  key: SigningKey;
  /** Whether what another box has saved may go on here, by its public key, 64 hexadecimal digits: it comes into QEMU as it is. */
  trusts(box: string): boolean;
  images(): readonly VmImage[];
  /** What machines are here, see `machineKind`. */
  machine(): Promise<MachineKind>;
  /** Why somebody may bring nothing here; undefined: they may. */
  refusalOf(requester: string, source: Source): string | undefined;
  randomBytes(count: number): Uint8Array;
}

/**
 * @property have bytes of it that are here
 * @property box X25519, base64: what opens it is to be sealed for it. It is another one after each start of the box
 * @property token for what brings the rest
 */
export type OfferAnswer =
  | { is: "wanted"; have: number; box: string; token: string }
  | { is: "refused"; why: string };

/** A saved machine that is about to go on. Nobody takes it away meanwhile. */
export interface RestoreClaim {
  readonly header: CheckpointHeader;
  /** Opens it into files. @throws {CheckpointError} when it was changed */
  writeTo(
    state: { file: FileHandle; at: number },
    disk: { file: FileHandle; at: number } | undefined,
  ): Promise<void>;
  /** @param isUsed it went on: what is in the file is older than the machine from now on, and it is removed */
  done(isUsed: boolean): void;
}

/** What of a machine is to be saved. */
export interface MachineToSave {
  image: Pick<VmImage, "name" | "digest">;
  resources: CheckpointHeader["resources"];
  leftS: number;
  hostKey: string;
  state: FileRun;
  disk: FileRun | undefined;
}

const TOKEN = "omerta-box checkpoint token 1\0";

/** Room for a machine that is to be saved. */
export interface PromisedCheckpoint {
  /** @throws {CheckpointError}, and the file system's errors */
  save(what: MachineToSave): Promise<void>;
  /** Gives back the room where nothing came of it. */
  leave(): void;
}

/** The saved machines of a box: made, kept, given out, taken in, and opened to go on. */
export class Checkpoints {
  private readonly own: AgreementKey;

  constructor(private readonly options: CheckpointsOptions) {
    this.own = agreementKey(options.randomBytes(32));
  }

  start(): Promise<void> {
    return this.options.shelf.start();
  }

  /**
   * Keeps room for a machine, before it is stopped for good.
   * @param mostBytes that its state and its disk may have
   * @throws {CheckpointError} when there is none
   */
  promise(lease: string, requester: string, mostBytes: number): PromisedCheckpoint {
    const { shelf } = this.options;
    const path = shelf.beginSaving(lease, requester, mostBytes);
    return {
      save: (what) => this.save({ ...what, lease, requester }, path),
      leave: () => {
        if (shelf.find(lease) === undefined) shelf.remove(lease);
      },
    };
  }

  /**
   * For a request that was opened, so that it is its requester's.
   * @throws {CheckpointError} naming why it cannot go on here; undefined where the request is for a new machine
   */
  async claim(request: LeaseRequest): Promise<RestoreClaim | undefined> {
    const { restoreFrom } = request;
    if (restoreFrom === undefined) return undefined;
    const { shelf } = this.options;
    const found = shelf.find(restoreFrom.checkpoint);
    // Whoever asks for another's learns no more than that.
    if (found === undefined || found.head.header.requester !== request.requester)
      throw new CheckpointError("request.restoreFrom", "is nothing of yours that is here");
    const { header } = found.head;
    checkAskedFor(header, request);
    await this.check(header);
    const sealed = Uint8Array.from(Buffer.from(restoreFrom.key, "hex"));
    const fileKey = openSealedKey(sealed, this.own, "box");
    const leave = shelf.use(header.id);
    return {
      header,
      writeTo: async (state, disk) => {
        try {
          await openCheckpoint(found.path, fileKey, state, disk);
        } catch (error) {
          // It is of no use to anybody; the right one may be brought in its place.
          if (error instanceof CheckpointError) shelf.remove(header.id);
          throw error;
        }
      },
      done: (isUsed) => {
        leave();
        if (isUsed) shelf.remove(header.id);
      },
    };
  }

  /** @param bytes a signed offer. Nothing of the machine itself is taken before @throws {CheckpointError} when it does not hold */
  async offer(bytes: Uint8Array, source: Source): Promise<OfferAnswer> {
    const ask = openCheckpointAsk(bytes);
    if (ask.kind !== "offer") throw new CheckpointError("ask.kind", "is no offer");
    const refusal = this.options.refusalOf(ask.requester, source);
    if (refusal !== undefined) return { is: "refused", why: refusal };
    try {
      await this.check(ask.head.header);
      const have = await this.options.shelf.beginArriving(ask.head);
      const box = Buffer.from(this.own.publicKey).toString("base64");
      return { is: "wanted", have, box, token: this.tokenOf(ask.head.header.id) };
    } catch (error) {
      if (error instanceof CheckpointError) return { is: "refused", why: error.message };
      throw error;
    }
  }

  /** The next bytes of one that was offered, see `CheckpointShelf.append`. @returns how many are here then */
  async append(id: string, token: string, at: number, body: AsyncIterable<Uint8Array>): Promise<number> {
    const [said, own] = [Buffer.from(token), Buffer.from(this.tokenOf(id))];
    if (said.length !== own.length || !timingSafeEqual(said, own))
      throw new CheckpointError("token", "is not what the offer was answered with");
    return this.options.shelf.append(id, at, body);
  }

  /** @param bytes signed by its requester, who alone is given it @throws {CheckpointError} when that does not hold */
  fetch(id: string, bytes: Uint8Array): ShelvedCheckpoint | undefined {
    const ask = openCheckpointAsk(bytes);
    if (ask.kind !== "fetch" || ask.checkpoint !== id)
      throw new CheckpointError("ask", "is not for this one");
    const found = this.options.shelf.find(id);
    return found?.head.header.requester === ask.requester ? found : undefined;
  }

  private async save(
    what: MachineToSave & { lease: string; requester: string },
    path: string,
  ): Promise<void> {
    const { shelf, key, randomBytes, machine } = this.options;
    const { lease: id, requester, image, resources, leftS, hostKey, state, disk } = what;
    const fileKey = randomBytes(FILE_KEY_BYTES);
    const head = encodeCheckpointHead({
      ...{ id, requester, resources, leftS, hostKey, link: ownLink },
      savedBy: Buffer.from(key.publicKey).toString("hex"),
      sealedKey: sealKey(fileKey, agreementPublicKey(requester), "requester", randomBytes),
      image: { name: image.name, digest: image.digest },
      machine: await machine(),
      stateBytes: state.bytes,
      diskBytes: disk?.bytes ?? 0,
    });
    await sealCheckpoint(path, head, { state, disk }, fileKey, key);
    shelf.saved(id, head);
  }

  private tokenOf(id: string): string {
    return createHmac("sha256", this.own.secret).update(TOKEN).update(id).digest("hex");
  }

  private async check(header: CheckpointHeader): Promise<void> {
    const { images, machine, trusts, key } = this.options;
    checkGoesOnHere(header, {
      image: images().find(({ name }) => name === header.image.name),
      machine: await machine(),
      trusts: (box) => box === Buffer.from(key.publicKey).toString("hex") || trusts(box),
    });
  }
}
