import { type Chain, type Claims, issueCertificate } from "../../../src/identity/certificate.ts";
import { signingKey } from "../../../src/identity/signing-key.ts";

/** Keys that are always the same, so that bytes which must not change can be written down. */
export const fixedKey = (number: number) => signingKey(new Uint8Array(32).fill(number));

export const network = fixedKey(1);
export const founder = fixedKey(2);
export const inviteKey = fixedKey(3);
export const member = fixedKey(4);
export const NOW_S = 1_790_000_000;

export const claims = (subject: Uint8Array, rest: Partial<Claims> = {}): Claims => ({
  network: network.publicKey,
  subject,
  role: "box",
  name: "",
  grants: [],
  uses: 0,
  issuedAt: NOW_S,
  expiresAt: 0,
  ...rest,
});

export const founderChain: Chain = [
  issueCertificate(
    network,
    claims(founder.publicKey, { name: "quay", grants: ["box", "person", "operator", "requester"] }),
  ),
];

export const invite = (rest: Partial<Claims> = {}): Chain => [
  issueCertificate(
    founder,
    claims(inviteKey.publicKey, {
      role: "invite",
      admits: "box",
      uses: 1,
      expiresAt: NOW_S + 3_600,
      ...rest,
    }),
  ),
  ...founderChain,
];

export const memberChain = (rest: Partial<Claims> = {}, by: Chain = invite()): Chain => [
  issueCertificate(inviteKey, claims(member.publicKey, { name: "Mühle", expiresAt: NOW_S + 3_600, ...rest })),
  ...by,
];
