export { CertificateError } from "./certificate.ts";
export { type DeviceKey, openDeviceKey } from "./device-key.ts";
export { fingerprint } from "./fingerprint.ts";
export { MAX_CHAIN_BYTES, type Member, type Passport, ROLES, type Role } from "./member.ts";
export { memberKey, type SigningKey, signingKey, verify } from "./signing-key.ts";
export { type RevocationKind, StatementError } from "./statement.ts";
