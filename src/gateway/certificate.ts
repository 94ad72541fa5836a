import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Config } from "../config/index.ts";

/** A certificate with which phones may find the portal by RFC 8910. */
export interface PortalCertificate {
  host: string;
  certificateFile: string;
  keyFile: string;
}

/** Before this the clock is not believed: the box has no battery clock, and no certificate of ours is older. */
const CLOCK_TRUSTED_FROM_MS = Date.UTC(2026, 0, 1);

/**
 * Checks the operator's certificate: phones that are promised an API and meet a bad certificate are worse off than
 * phones that look for the portal by themselves.
 * @returns undefined where none is configured; a sentence where there is something wrong with it
 */
export function checkCertificate(
  tls: Config["gateway"]["tls"],
  nowMs: number,
): PortalCertificate | string | undefined {
  if (tls.host === "" && tls.certificate === "" && tls.key === "") return undefined;
  for (const key of ["host", "certificate", "key"] as const) {
    if (tls[key] === "") return `gateway.tls.${key} is needed beside the others`;
  }
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(readFileSync(tls.certificate));
  } catch (error) {
    return `gateway.tls.certificate: ${tls.certificate}: ${reason(error)}`;
  }
  try {
    if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(tls.key)))) {
      return `gateway.tls.key: ${tls.key} does not belong to the certificate`;
    }
  } catch (error) {
    return `gateway.tls.key: ${tls.key}: ${reason(error)}`;
  }
  if (certificate.checkHost(tls.host) === undefined) {
    return `gateway.tls.host: the certificate is not for ${tls.host}`;
  }
  if (nowMs > CLOCK_TRUSTED_FROM_MS && Date.parse(certificate.validTo) < nowMs) {
    return `gateway.tls.certificate: valid until ${certificate.validTo} only`;
  }
  return { host: tls.host, certificateFile: tls.certificate, keyFile: tls.key };
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
