/**
 * A text as a console without fonts can show it: letters of Latin scripts as they are, what has no shape or could steer the
 * terminal left out, all else as "?".
 */
export function consoleText(text: string): string {
  return [...text.normalize("NFC")]
    .map((char) => {
      const code = char.codePointAt(0) ?? 0;
      if (/\s/.test(char)) return " ";
      if (/[\p{Cc}\p{Cf}\p{Mn}\p{Cs}]/u.test(char)) return "";
      if ("‘’".includes(char)) return "'";
      if ("“”".includes(char)) return '"';
      if ("–—".includes(char)) return "-";
      if (char === "…") return "...";
      return code < 0x180 ? char : "?";
    })
    .join("");
}

/** Whether a name is lost on a console: fewer than half of its letters are shown. */
export function isLostOnConsole(text: string): boolean {
  const shown = consoleText(text).replace(/[\s?]/g, "");
  return shown.length * 2 < [...text.replace(/\s/g, "")].length;
}

/** Breaks a text into lines of at most `width` characters, at spaces where there are some. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").filter((part) => part !== "")) {
    const joined = line === "" ? word : `${line} ${word}`;
    if (joined.length <= width) {
      line = joined;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    for (; line.length > width; line = line.slice(width)) lines.push(line.slice(0, width));
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
}
