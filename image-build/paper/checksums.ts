import { createHash } from "node:crypto";
import { basename } from "node:path";

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of Bun.file(file).stream()) hash.update(chunk);
  return hash.digest("hex");
}

/** As `sha256sum -c` reads it. */
export async function checksums(files: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const file of files) lines.push(`${await sha256Of(file)}  ${basename(file)}\n`);
  return lines.join("");
}
