import { z } from "zod";
import { tryRun } from "../../host/run.ts";
import { compareVersions, isVersion } from "../version.ts";

/** A bundle that this box does not install, with the reason in words for its operator. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  constructor(
    readonly why: "signature" | "board" | "version" | "downgrade" | "same" | "damaged",
    message: string,
  ) {
    super(message);
  }
}

/** What a bundle's signed manifest says. */
export interface BundleFacts {
  compatible: string;
  version: string;
  description: string;
}

/** What runs now. */
export interface RunningImage {
  compatible: string;
  version: string;
}

export interface RaucBundleOptions {
  /** Certificates to believe, and the configuration that goes with them, instead of the machine's own. */
  conf?: string;
  keyring?: string;
}

const manifest = z.object({
  compatible: z.string().max(200),
  version: z.string().max(200).nullish(),
  description: z.string().max(2_000).nullish(),
});

const TIMEOUT_MS = 120_000;

/**
 * Asks RAUC what a bundle is: its signature is checked, its content not yet (that is done block by block when it is read).
 * @throws {RefusedError} when it is signed by nobody whom this box believes, or is no bundle
 */
export async function bundleFacts(
  path: string,
  { conf, keyring }: RaucBundleOptions = {},
): Promise<BundleFacts> {
  const { exitCode, stdout, stderr } = await tryRun(
    [
      "rauc",
      "info",
      ...(conf === undefined ? [] : [`--conf=${conf}`]),
      ...(keyring === undefined ? [] : [`--keyring=${keyring}`]),
      "--output-format=json",
      path,
    ],
    { timeoutMs: TIMEOUT_MS, env: { LC_ALL: "C" } },
  );
  if (exitCode === 127) throw new Error("RAUC is not installed");
  if (exitCode !== 0) throw raucRefusal(stderr);
  const parsed = manifest.safeParse(jsonIn(stdout));
  if (!parsed.success) throw new RefusedError("damaged", "the bundle's manifest cannot be read");
  const { compatible, version, description } = parsed.data;
  return { compatible, version: version ?? "", description: description ?? "" };
}

/** What RAUC says, in plain words; its own words stay behind them. */
export function raucRefusal(stderr: string): RefusedError {
  const said = stderr
    .split("\n")
    .map((line) => line.replace(/^rauc-?\w*[ :-]*/i, "").trim())
    .filter((line) => line !== "")
    .join("; ")
    .slice(-400);
  const rules: [RegExp, RefusedError["why"], string][] = [
    [/certificate has expired/i, "signature", "it was signed with a certificate that had expired then"],
    [/not yet valid/i, "signature", "it was signed with a certificate that was not valid yet"],
    [
      /unable to get local issuer|self.signed certificate|unable to verify|signer certificate not found|unable to get issuer/i,
      "signature",
      "it is signed by nobody whom this box believes",
    ],
    [
      /digest failure|verification failure|content verify error|bad signature|signature failure/i,
      "signature",
      "its signature does not hold: it was changed after it was signed",
    ],
    [
      /signature size|signature end|not a (?:valid )?bundle|truncated|identifier|too small/i,
      "damaged",
      "it is no whole bundle",
    ],
    [/compatible/i, "board", "it is for another board"],
  ];
  const [, why, words] = rules.find(([pattern]) => pattern.test(said)) ?? [
    /$/,
    "damaged" as const,
    "RAUC refuses it",
  ];
  return new RefusedError(why, `${words} (RAUC: ${said || "no word"})`);
}

/**
 * Whether a bundle is for this box, and newer than what runs.
 * @throws {RefusedError} with the reason
 */
export function checkFits(facts: BundleFacts, running: RunningImage, mayBeOlder: boolean): void {
  if (facts.compatible !== running.compatible)
    throw new RefusedError("board", `it is for ${facts.compatible}, and this box is ${running.compatible}`);
  if (!isVersion(facts.version))
    throw new RefusedError("version", `its version, "${facts.version}", is none that can be compared`);
  // What runs without a version is older than whatever has one.
  if (mayBeOlder || !isVersion(running.version)) return;
  const order = compareVersions(facts.version, running.version);
  if (order === 0) throw new RefusedError("same", `version ${facts.version} runs already`);
  if (order < 0)
    throw new RefusedError(
      "downgrade",
      `version ${facts.version} is older than ${running.version}, which runs; ask for an older one expressly if it is wanted`,
    );
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text.slice(text.indexOf("{")));
  } catch {
    return undefined;
  }
}
