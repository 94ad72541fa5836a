import { readFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";

/**
 * A passphrase from a file (its first line), or asked for on the terminal without showing it.
 * @param twice for a new one, which nobody could correct afterwards
 * @throws Error when there is no terminal, the two differ, or none was given
 */
export async function readPassphrase(file: string | undefined, twice: boolean): Promise<string> {
  if (file !== undefined) return readFileSync(file, "utf8").split(/\r?\n/)[0] ?? "";
  if (!process.stdin.isTTY) throw new Error("no terminal to ask for the passphrase; use --passphrase-file");
  const first = await ask("Passphrase: ");
  if (twice && (await ask("Once more: ")) !== first) throw new Error("the two passphrases differ");
  return first;
}

async function ask(question: string): Promise<string> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await new Promise((resolve, reject) => {
      // Ctrl-C and Ctrl-D, which would leave the question open for ever.
      lines.once("close", () => reject(new Error("no passphrase was given")));
      lines.question("").then(resolve, reject);
    });
  } finally {
    lines.close();
    process.stderr.write("\n");
  }
}
