import { type SigningKey, signingKey } from "../../../../src/identity/signing-key.ts";
import {
  type LeaseCommand,
  type LeaseRequest,
  signLeaseCommand,
  signLeaseRequest,
} from "../../../../src/vm/request/index.ts";
import { idOf, NOW_MS } from "../admission/fixed-case.ts";
import { fixedRequest, hex } from "../request/fixed-request.ts";

/** Somebody with a key of their own who asks for machines, and signs what they say. */
export class Asker {
  readonly key: SigningKey;
  private serial = NOW_MS;

  constructor(number: number) {
    this.key = signingKey(new Uint8Array(32).fill(1 + (number % 250)).fill(number >> 8, 0, 2));
  }

  get publicKey(): string {
    return hex(this.key.publicKey);
  }

  /** A request, of the fixed one's size where nothing is said; its lease is `idOf(number)`. */
  asks(number: number, rest: Partial<LeaseRequest> = {}): Uint8Array {
    this.serial += 1;
    const { resources } = fixedRequest();
    const request = fixedRequest({
      ...{ id: idOf(number), requester: this.publicKey, createdAt: this.serial, image: "small" },
      resources: { ...resources, diskMiB: 0 },
      ...rest,
    });
    return signLeaseRequest(request, this.key);
  }

  releases(number: number): Uint8Array {
    return this.says({ kind: "release", lease: idOf(number) });
  }

  keepsAlive(...numbers: readonly number[]): Uint8Array {
    return this.says({ kind: "keep-alive", leases: numbers.map(idOf) });
  }

  private says(
    what: { kind: "release"; lease: string } | { kind: "keep-alive"; leases: string[] },
  ): Uint8Array {
    this.serial += 1;
    const said: LeaseCommand = { requester: this.publicKey, serial: this.serial, ...what };
    return signLeaseCommand(said, this.key);
  }
}
