/** One line of /proc/self/mountinfo (proc(5)), as far as it is of use here. */
export interface MountEntry {
  path: string;
  /** "nsfs", "tmpfs", "cgroup2". */
  type: string;
}

/** @param text /proc/self/mountinfo; a line that is none is passed over */
export function parseMountTable(text: string): MountEntry[] {
  return text.split("\n").flatMap((line) => {
    const [left = "", right = ""] = line.split(" - ");
    const path = left.split(" ")[4];
    const type = right.split(" ")[0] ?? "";
    return path === undefined || type === "" ? [] : [{ path: unescaped(path), type }];
  });
}

/** The kernel writes blanks, tabs, line ends and backslashes within a path as three octal digits. */
const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
