import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import type { Signer } from "../rauc/signing.ts";

const TIMEOUT_MS = 60_000;

/**
 * Signs a file as a bundle for updates is signed, beside it as `.p7s` (openssl-cms(1)). Whoever has the keyring that is in
 * the boxes, or the community's certificate, checks it by
 * `openssl cms -verify -binary -inform DER -in FILE.p7s -content FILE -CAfile keyring.pem -purpose any -no_check_time -out /dev/null`.
 * @returns the path of the signature
 */
export async function signFile(file: string, signer: Signer): Promise<string> {
  const signature = `${file}.p7s`;
  const between = (signer.intermediates ?? []).flatMap((path) => ["-certfile", path]);
  await run(
    [
      ...["openssl", "cms", "-sign", "-binary", "-outform", "DER", "-md", "sha256"],
      ...["-signer", signer.certificate, "-inkey", signer.key, ...between, "-in", file, "-out", signature],
    ],
    { timeoutMs: TIMEOUT_MS },
  );
  return signature;
}

/** @throws {RunError} when the signature is not by one of the keyring, or of another file */
export async function checkSignature(file: string, keyring: string): Promise<void> {
  await run(
    [
      ...["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", `${file}.p7s`, "-content", file],
      ...["-CAfile", keyring, "-purpose", "any", "-no_check_time", "-out", "/dev/null"],
    ],
    { timeoutMs: TIMEOUT_MS },
  );
}

/** Where who has no key of their own finds one of this machine. */
export const developmentFolder = (cache: string): string => join(cache, "development-key");
