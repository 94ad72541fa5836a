/**
 * What became of a file's name on its way to the card: Windows hides endings, so that Notepad's file is
 * `omerta.toml.txt`, browsers number a second download, and FAT of old knows capitals and three letters alone.
 * @param wanted such as `omerta.toml`
 * @param names the names in its folder
 * @returns the likeliest of those that mean it, or undefined
 */
export function nearName(wanted: string, names: readonly string[]): string | undefined {
  const [stem = "", ending = ""] = split(wanted.toLowerCase());
  const meant = [
    (name: string) => name === wanted.toLowerCase(),
    (name: string) => name === `${wanted}.txt`.toLowerCase(),
    (name: string) => ending !== "" && name === `${stem}.${ending.slice(0, 3)}`,
    (name: string) => name === `${stem}.txt`,
    (name: string) => name === stem,
    (name: string) => isNumbered(name, stem, ending),
  ];
  const sorted = names.filter((name) => !name.startsWith(".")).sort();
  for (const means of meant) {
    // Of several downloads the last one is meant: it has the greatest number.
    const found = sorted.filter((name) => means(name.toLowerCase()));
    const last = found.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).at(-1);
    if (last !== undefined) return last;
  }
  return undefined;
}

/** "omerta (1).toml" of most browsers, "omerta(1).toml" of Firefox, "omerta-1.toml" of Safari, each perhaps with ".txt" as well. */
function isNumbered(name: string, stem: string, ending: string): boolean {
  if (!name.startsWith(stem)) return false;
  const rest = name.slice(stem.length).replace(/\.txt$/, "");
  return (
    /^(?: ?\(\d{1,3}\)|-\d{1,3})(?:\.[a-z]{1,8})?$/.test(rest) &&
    [`.${ending}`, ""].includes(rest.replace(/^[^.]*/, ""))
  );
}

function split(name: string): [string, string] {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1)];
}
