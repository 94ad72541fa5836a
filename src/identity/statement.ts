import { createHash } from "node:crypto";
import { type Cbor, decodeCborArray, encodeCbor, type Fields } from "./cbor.ts";
import {
  type Certificate,
  CertificateError,
  certificateCbor,
  readCertificate,
  signedBytes,
} from "./certificate.ts";
import { hasExpired, isSameKey, keysOf, openChain } from "./chain-check.ts";
import { MAX_CHAIN_BYTES } from "./member.ts";
import { KEY_BYTES, SIGNATURE_BYTES, type SigningKey, verify } from "./signing-key.ts";

/** A statement that does not hold whatever else is known, or is none. */
export class StatementError extends Error {
  override readonly name = "StatementError";
  constructor(
    /** What is wrong: `statement.key`. */
    readonly field: string,
    why: string,
  ) {
    super(`${field}: ${why}`);
  }
}

/** "out": whatever has the key in its chain is refused. "no-more": an invite's key lets nobody new in. */
export type RevocationKind = "out" | "no-more";

export interface Revocation {
  what: "revocation";
  key: Uint8Array;
  kind: RevocationKind;
  /** For people, at most {@link MAX_WHY_CHARS}; may be empty. */
  why: string;
}

/** A member box has seen that somebody came by an invite. */
export interface Admission {
  what: "admission";
  invite: Uint8Array;
  /** What the invite's key has signed for who came: nobody can be said to have come who did not. */
  certificate: Certificate;
}

/** One of the network's shared keys. Rotation: one of a higher epoch. */
export interface SharedKey {
  what: "shared-key";
  epoch: number;
  /** 32 bytes. */
  key: Uint8Array;
}

export type Fact = Revocation | Admission | SharedKey;

/** A fact and who says so. Its bytes are the same wherever they come from. */
export type Statement = Fact & {
  bytes: Uint8Array;
  /** SHA-256 of the bytes, in hex. */
  id: string;
  /** Who signed it, 32 bytes. */
  signer: Uint8Array;
  /** The signer's certificates; none where the network's own key has signed. */
  chain: readonly Certificate[];
  /** Seconds since 1970 by the signer's clock. */
  issuedAt: number;
};

export const MAX_STATEMENT_BYTES = 3_072;
export const MAX_WHY_CHARS = 120;
/** Beyond that an epoch could not be followed by another in the numbers that statements have. */
export const MAX_EPOCH = 2 ** 32;

const DOMAIN = Buffer.from("omerta-box statement 1\0");
const NUMBERS = { revocation: 1, admission: 2, "shared-key": 3 } as const;
const KINDS: readonly RevocationKind[] = ["out", "no-more"];

/** Who makes a statement: the network's own key, or a member with its encoded certificates. */
export interface Signer {
  key: SigningKey;
  /** Empty: the network's own key. */
  chain: Uint8Array;
}

/** Says a fact, in deterministic CBOR: `[number, issuedAt, …fact, chain, signature]`. */
export function signStatement(network: Uint8Array, fact: Fact, issuedAt: number, signer: Signer): Uint8Array {
  const body: Cbor[] = [NUMBERS[fact.what], issuedAt, ...factCbor(fact), signer.chain];
  return encodeCbor([...body, signer.key.sign(statementBytes(network, body))]);
}

/** What is signed has the network in it, so that no statement can be carried into another one. */
function statementBytes(network: Uint8Array, body: readonly Cbor[]): Uint8Array {
  return Buffer.concat([DOMAIN, encodeCbor([network, ...body])]);
}

function factCbor(fact: Fact): Cbor[] {
  switch (fact.what) {
    case "revocation":
      return [fact.key, KINDS.indexOf(fact.kind), fact.why];
    case "admission":
      return [fact.invite, certificateCbor(fact.certificate)];
    case "shared-key":
      return [fact.epoch, fact.key];
  }
}

/**
 * Reads a statement and checks all of it that nothing else can change: its form, its signature, its signer's chain, and
 * that such a signer may say such a thing. Whether it counts beside the others is for `standingOf` to say.
 * @throws {StatementError}
 */
export function openStatement(bytes: Uint8Array, network: Uint8Array): Statement {
  const error = (field: string, why: string) => new StatementError(field, why);
  const fields = decodeCborArray(bytes, MAX_STATEMENT_BYTES, "statement", error);
  const number = fields.uint("kind", 255);
  const issuedAt = fields.uint("issuedAt");
  const fact = readFact(number, fields, network);
  const chainBytes = fields.bytes("chain", 0, MAX_CHAIN_BYTES);
  const signature = fields.bytes("signature", SIGNATURE_BYTES);
  fields.end();
  const chain = chainBytes.length === 0 ? [] : openSignerChain(chainBytes, network);
  const signer = chain[0]?.subject ?? network;
  checkRight(fact, chain, issuedAt);
  const body = [number, issuedAt, ...factCbor(fact), chainBytes];
  if (!verify(signer, statementBytes(network, body), signature)) {
    throw error("statement.signature", "is not its signer's");
  }
  if (fact.what === "revocation" && isSameKey(fact.key, network)) {
    throw error("statement.key", "is the network's own, which nobody can revoke");
  }
  const copy = Uint8Array.from(bytes);
  return {
    ...fact,
    bytes: copy,
    id: createHash("sha256").update(copy).digest("hex"),
    signer,
    chain,
    issuedAt,
  };
}

/** Whether bytes are an admission if they are a statement at all: told without checking any signature, which takes its time. */
export function looksLikeAdmission(bytes: Uint8Array): boolean {
  // The head of a CBOR array of less than 24 items, and the number of what it says.
  return ((bytes[0] ?? 0) & 0xe0) === 0x80 && bytes[1] === NUMBERS.admission;
}

function openSignerChain(bytes: Uint8Array, network: Uint8Array): readonly Certificate[] {
  try {
    return openChain(bytes, network);
  } catch (cause) {
    if (cause instanceof CertificateError) throw new StatementError("statement.chain", cause.message);
    throw cause;
  }
}

/** What each may say. An admission is a box's to make, and nobody's own. */
function checkRight(fact: Fact, chain: readonly Certificate[], issuedAt: number): void {
  const [leaf] = chain;
  if (leaf === undefined) return;
  const mayBe = fact.what === "admission" ? ["box", "operator"] : ["operator"];
  if (!mayBe.includes(leaf.role)) {
    throw new StatementError("statement.chain", `a ${leaf.role} may not say that`);
  }
  if (hasExpired(leaf, issuedAt)) throw new StatementError("statement.chain", "had expired");
  if (fact.what === "admission" && keysOf(chain).some((key) => isSameKey(key, fact.invite))) {
    throw new StatementError("statement.invite", "is the one that its signer came by");
  }
}

function readFact(number: number, fields: Fields, network: Uint8Array): Fact {
  switch (number) {
    case NUMBERS.revocation: {
      const key = fields.bytes("key", KEY_BYTES);
      const kind = KINDS[fields.uint("revocation", KINDS.length - 1)] ?? "out";
      return { what: "revocation", key, kind, why: fields.text("why", MAX_WHY_CHARS) };
    }
    case NUMBERS.admission: {
      const invite = fields.bytes("invite", KEY_BYTES);
      return { what: "admission", invite, certificate: readAdmitted(fields, network, invite) };
    }
    case NUMBERS["shared-key"]:
      return {
        what: "shared-key",
        epoch: fields.uint("epoch", MAX_EPOCH),
        key: fields.bytes("key", KEY_BYTES),
      };
    default:
      throw fields.fail("kind", `${number} is not known here`);
  }
}

function readAdmitted(fields: Fields, network: Uint8Array, invite: Uint8Array): Certificate {
  try {
    const certificate = readCertificate(fields.list("certificate", 16), network, invite);
    if (verify(invite, signedBytes(certificate), certificate.signature)) return certificate;
  } catch (cause) {
    if (cause instanceof CertificateError) throw new StatementError("statement.certificate", cause.message);
    throw cause;
  }
  throw new StatementError("statement.certificate.signature", "is not the invite's");
}
