import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";

/** Who signs a bundle: paths of files in PEM. */
export interface Signer {
  certificate: string;
  key: string;
  /** Between the certificate and the one in the boxes' keyring. */
  intermediates?: readonly string[];
}

/** A keyring that cannot be put into an image. */
export class KeyringError extends Error {
  override readonly name = "KeyringError";
}

/** What the certificates of who has none of their own are called: it is told wherever they are used. */
export const DEVELOPMENT = "Omerta Box DEVELOPMENT, not to be trusted";
const DAYS = "7300";

/**
 * The certificates that a box believes, in one file: a community's own, or several while one takes another's place. A box takes
 * what is signed by any of them, so a new one goes out in a bundle that the old one has signed.
 * @param files PEM, one or more certificates each
 * @throws {KeyringError} when there is none in one of them, or a private key
 */
export function keyringOf(files: readonly string[]): string {
  if (files.length === 0) throw new KeyringError("keyring: no certificate is given");
  return files
    .flatMap((file) => {
      const text = readFileSync(file, "utf8");
      if (/PRIVATE KEY/.test(text))
        throw new KeyringError(`keyring: ${file} holds a private key, which stays at home`);
      const found = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g);
      if (!found) throw new KeyringError(`keyring: ${file} holds no certificate`);
      return found.map((one) => `${one}\n`);
    })
    .join("");
}

/**
 * A certificate authority and a signer for whoever tries things out, made once and kept in a folder. Anybody who has that
 * folder can make bundles that boxes with its certificate install.
 */
export async function developmentSigner(folder: string): Promise<{ signer: Signer; authority: string }> {
  const authority = join(folder, "development-ca.pem");
  const signer = {
    certificate: join(folder, "development-signer.pem"),
    key: join(folder, "development-signer.key"),
  };
  if (existsSync(signer.certificate)) return { signer, authority };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await makeAuthority(DEVELOPMENT, { certificate: authority, key: join(folder, "development-ca.key") });
  await makeSigner(
    `${DEVELOPMENT} (signer)`,
    { certificate: authority, key: join(folder, "development-ca.key") },
    signer,
  );
  return { signer, authority };
}

/** @param validity as openssl-x509(1) takes them: "YYYYMMDDHHMMSSZ" */
export async function makeAuthority(name: string, { certificate, key }: Signer): Promise<void> {
  await makeKey(key);
  const extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
  await run([
    ...[
      "openssl",
      "req",
      "-x509",
      "-new",
      "-key",
      key,
      "-out",
      certificate,
      "-subj",
      `/CN=${name}`,
      "-days",
      DAYS,
    ],
    ...extensions.flatMap((one) => ["-addext", one]),
  ]);
}

/** A certificate that signs bundles and nothing else, under an authority. @param days may be negative, for what has expired */
export async function makeSigner(
  name: string,
  authority: Signer,
  { certificate, key }: Signer,
  days: string = DAYS,
): Promise<void> {
  await makeKey(key);
  const request = `${certificate}.csr`;
  await run(["openssl", "req", "-new", "-key", key, "-out", request, "-subj", `/CN=${name}`]);
  const extensions = `${certificate}.ext`;
  writeFileSync(extensions, "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n");
  await run([
    ...["openssl", "x509", "-req", "-in", request, "-CA", authority.certificate, "-CAkey", authority.key],
    ...["-CAcreateserial", "-days", days, "-extfile", extensions, "-out", certificate],
  ]);
}

async function makeKey(path: string): Promise<void> {
  await run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path]);
  chmodSync(path, 0o600);
}
