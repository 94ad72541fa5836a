import { randomBytes } from "node:crypto";
import { z } from "zod";
import { isWireGuardKey, makeWireGuardKey } from "../host/wireguard-key.ts";
import { type SigningKey, signingKey } from "../identity/signing-key.ts";
import { type Document, openDocument } from "../store/index.ts";

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const wireGuardKey = z.string().refine(isWireGuardKey);

const leaseSchema = z.looseObject({
  id: hex(32),
  /** Where it was asked for, as whoever wires the requester names providers. */
  provider: z.string(),
  /** What people call that box, where it is something else. */
  providerTitle: z.string().max(500).optional(),
  /** The network by whose key of the requester it was asked for, and so obeys; missing: by the state's own. */
  signedIn: hex(16).optional(),
  /** Its own address in the tunnel. */
  address: z.string(),
  /** The signed request, base64: what is shown again is the same to the byte. */
  request: z.string(),
  /** ms since 1970 */
  askedAt: z.number(),
  durationS: z.number(),
  phase: z.enum(["asking", "queued", "preparing", "ready", "suspended", "checkpointed", "releasing"]),
  /** Known from the admission on. */
  tunnel: z
    .looseObject({
      publicKey: wireGuardKey,
      endpoint: z.looseObject({ address: z.string(), port: z.number() }).optional(),
    })
    .optional(),
  /** What it is for, as it was asked. */
  activity: z.string().optional(),
  /** The file with the key by which its requester logs in; undefined: one made for this lease alone. */
  identity: z.string().optional(),
  /** ms since 1970, when its machine was first seen to run: from then on its time counts. */
  runsSince: z.number().optional(),
  /** The machine's own key for SSH as OpenSSH writes it, where the provider has told it. */
  hostKey: z.string().max(1_000).optional(),
});

const schema = z.looseObject({
  /** Seed of the Ed25519 key that signs requests and commands. */
  seed: hex(64),
  /** Private. */
  wireGuardKey,
  vpn: z.looseObject({ id: hex(8), /** 0: not known yet. */ listenPort: z.int().min(0).max(65_535) }),
  leases: z.array(leaseSchema),
});

/** From a request to the machine's first instruction: a provider's longest queue, and its longest preparation. */
const LONGEST_BEFORE_MS = 25 * 3_600_000;

export type KeptLease = z.output<typeof leaseSchema>;
export type KeptRequester = z.output<typeof schema>;

/**
 * What a requester needs to go on with its leases after a restart: written whole or not at all, readable by its owner alone.
 */
export class RequesterState {
  readonly key: SigningKey;
  /** Of the last command or request that was signed. */
  private lastSerial = 0;

  private constructor(private readonly document: Document<KeptRequester>) {
    this.key = signingKey(Buffer.from(document.data.seed, "hex"));
  }

  /**
   * @param seed of the requester's Ed25519 key; without it the file's own, made where there is none
   * @param told of what a person should know
   */
  static open(path: string, seed?: Uint8Array, told: (message: string) => void = () => {}): RequesterState {
    const document = openDocument(path, schema, () => ({
      seed: Buffer.from(seed ?? randomBytes(32)).toString("hex"),
      wireGuardKey: makeWireGuardKey(),
      vpn: { id: randomBytes(4).toString("hex"), listenPort: 0 },
      leases: [],
    }));
    for (const aside of document.setAside)
      told(`the requester's state was torn; what is left of it is in ${aside}`);
    // A key that is used before it is kept would leave leases that nobody can release.
    document.update((data) => {
      if (seed !== undefined) data.seed = Buffer.from(seed).toString("hex");
    });
    return new RequesterState(document);
  }

  /** 64 hexadecimal digits, as requests name the requester. */
  get requester(): string {
    return Buffer.from(this.key.publicKey).toString("hex");
  }

  get vpn(): { id: string; listenPort: number; privateKey: string } {
    const { vpn, wireGuardKey: privateKey } = this.document.data;
    return { ...vpn, privateKey };
  }

  get leases(): readonly KeptLease[] {
    return this.document.data.leases;
  }

  /** The next start listens there again: the providers know it. */
  keepPort(listenPort: number): void {
    this.document.update((data) => {
      data.vpn.listenPort = listenPort;
    });
  }

  /** Puts a lease there, or in the place of the one with its id. */
  keep(lease: KeptLease): void {
    this.document.update((data) => {
      data.leases = [...data.leases.filter(({ id }) => id !== lease.id), lease];
    });
  }

  /** Those that a provider cannot have any more by the time that they were asked for. @param nowMs ms since 1970 */
  expired(nowMs: number): readonly KeptLease[] {
    return this.leases.filter(
      ({ phase, askedAt, durationS }) =>
        phase !== "checkpointed" && nowMs > askedAt + durationS * 1_000 + LONGEST_BEFORE_MS,
    );
  }

  forget(id: string): void {
    if (!this.leases.some((lease) => lease.id === id)) return;
    this.document.update((data) => {
      data.leases = data.leases.filter((lease) => lease.id !== id);
    });
  }

  /**
   * A number that is higher than all before. @param nowMs ms since 1970
   * @param beyond what a provider has named as the last that it heard
   */
  nextSerial(nowMs: number, beyond = 0): number {
    this.lastSerial = Math.max(this.lastSerial + 1, beyond + 1, Math.round(nowMs));
    return this.lastSerial;
  }
}
