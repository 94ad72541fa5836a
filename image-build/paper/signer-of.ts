import { cacheOf } from "../commit.ts";
import { developmentSigner, keyringOf, type Signer } from "../rauc/signing.ts";
import { developmentFolder } from "./sign.ts";

export interface ImageSigner {
  signer: Signer;
  /** What the box believes: updates that these certificates have signed. */
  keyring: string;
  /** By a key that this machine has made for itself. */
  isForDevelopment: boolean;
}

export interface SignerOptions {
  key: string | undefined;
  certificate: string | undefined;
  /** Files of certificates that boxes are to believe. */
  keyring: readonly string[];
}

export class SignerError extends Error {
  override readonly name = "SignerError";
}

/** The community's own, or one of this machine for whoever tries things out. @throws {SignerError} {KeyringError} */
export async function signerOf(
  project: string,
  { key, certificate, keyring }: SignerOptions,
): Promise<ImageSigner> {
  if ((key === undefined) !== (certificate === undefined))
    throw new SignerError("--key and --certificate go together");
  if (key === undefined || certificate === undefined) {
    const { signer, authority } = await developmentSigner(developmentFolder(cacheOf(project)));
    const files = keyring.length > 0 ? keyring : [authority];
    return { signer, keyring: keyringOf(files), isForDevelopment: true };
  }
  const files = keyring.length > 0 ? keyring : [certificate];
  return { signer: { key, certificate }, keyring: keyringOf(files), isForDevelopment: false };
}
