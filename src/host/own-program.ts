import { resolve } from "node:path";

const CLI = resolve(import.meta.dir, "../cli/main.ts");

/** Bun's name for what is in an executable of its own making. */
const INSIDE = "/$bunfs/";

/**
 * In an image the command line and Bun are one executable, compiled ahead: this one. Not to be seen from a program that
 * bunCommand() has started.
 */
const isOneFile = Bun.main.startsWith(INSIDE);

/** The program's file, which whoever runs it has to be able to read. */
export const PROGRAM_FILE: string = isOneFile ? process.execPath : CLI;

/** `omerta-box`, for a process of its own: a command's name and its arguments go behind it. */
export const OMERTA_BOX: readonly string[] = isOneFile ? [process.execPath] : [process.execPath, CLI];

/**
 * The command that runs another of the program's files as a process of its own.
 * @param file its absolute path
 */
export const bunCommand = (file: string): string[] =>
  // By this Bun's executables of its own making are Bun, and run what they are given. Bun itself does so anyhow.
  ["env", "BUN_BE_BUN=1", process.execPath, file];
