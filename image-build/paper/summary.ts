import { statSync } from "node:fs";
import type { BuiltImage } from "../build-image.ts";
import type { TimedStep } from "../host/progress.ts";
import type { Exposure } from "./exposure.ts";
import type { Papers } from "./write-papers.ts";

export interface SummaryOptions {
  built: BuiltImage;
  papers: Papers;
  steps: readonly TimedStep[];
  exposures: readonly Exposure[];
  isSignedForDevelopment: boolean;
  bundle: string | undefined;
}

const MIB = 1_048_576;

/** What a build says at its end. */
export function summary(options: SummaryOptions): string {
  const { built, papers, steps, exposures, isSignedForDevelopment, bundle } = options;
  const size = (file: string) => `${Math.round(statSync(file).size / MIB)} MiB`;
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const signed = isSignedForDevelopment
    ? "by a key of this machine, FOR DEVELOPMENT: with --key and --certificate by your own"
    : "by the given key";
  return [
    `${built.image} (${size(built.image)}), version ${built.version}`,
    ...(papers.packed ? [`  packed      ${papers.packed} (${size(papers.packed)})`] : []),
    ...(bundle ? [`  update      ${bundle} (${size(bundle)})`] : []),
    `  root        ${size(built.root)}, SHA-256 tree ${built.rootHash}`,
    `  packages    ${papers.debianCount} of Debian, ${papers.npmCount} of npm: ${papers.sbom}`,
    `  checksums   ${papers.sums}, signed ${signed}`,
    ...(exposures.length > 0
      ? [`  exposure    ${exposures.map(({ unit, score }) => `${unit} ${score}`).join(", ")} (0 to 10)`]
      : []),
    ...(built.unknownModules.length > 0
      ? [`  not there   modules that this kernel does not have: ${built.unknownModules.join(", ")}`]
      : []),
    `  time        ${seconds} s: ${steps.map((step) => `${step.name} ${step.seconds}`).join(", ")}`,
    "",
  ].join("\n");
}
