/** One thing that is wrong with options, or with a file. */
export interface ConfProblem {
  /** `bss[1].ssid`; of a line that is not known: its key. "": the whole. */
  field: string;
  why: string;
  /** Of the file, from 1, where it was read from one. */
  line?: number;
}

/** Every problem found, together. */
export abstract class ConfError extends Error {
  constructor(readonly problems: readonly ConfProblem[]) {
    super(problems.map(problemLine).join("\n"));
  }
}

/** `line 7: bss[1].ssid: …` */
function problemLine({ field, why, line }: ConfProblem): string {
  return `${line === undefined ? "" : `line ${line}: `}${field === "" ? "" : `${field}: `}${why}`;
}
