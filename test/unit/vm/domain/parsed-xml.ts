import { join } from "node:path";
import { run } from "../../../../src/host/run.ts";

/** A document as a parser that is not ours has read it. */
export interface ParsedElement {
  tag: string;
  attributes: Record<string, string>;
  text: string;
  children: ParsedElement[];
}

type Shape = [tag: string, attributes: Record<string, string>, text: string, children: Shape[]];

const named = ([tag, attributes, text, children]: Shape): ParsedElement => ({
  tag,
  attributes,
  text,
  children: children.map(named),
});

/** Reads documents with expat, by Debian's Python. @throws when it refuses one */
export async function parseXml(documents: readonly string[]): Promise<ParsedElement[]> {
  const input = documents.map((document) => `${JSON.stringify(document)}\n`).join("");
  const script = join(import.meta.dir, "parse-xml.py");
  const output = await run(["python3", script], {
    input,
    timeoutMs: 60_000,
    env: { PYTHONIOENCODING: "utf-8", PYTHONUTF8: "1" },
  });
  return output
    .trim()
    .split("\n")
    .map((line) => named(JSON.parse(line)));
}

/** All elements on a path of tags below `root`, such as `devices/interface/mac`. */
export function elementsAt(root: ParsedElement, path: string): ParsedElement[] {
  return path
    .split("/")
    .reduce<ParsedElement[]>(
      (found, tag) => found.flatMap((element) => element.children.filter((child) => child.tag === tag)),
      [root],
    );
}

/** Tags and names of attributes, without any value. */
export function skeleton({ tag, attributes, children }: ParsedElement): unknown {
  return [tag, Object.keys(attributes).sort(), children.map(skeleton)];
}
