/**
 * A line as wpa_supplicant takes it: without what follows a # outside of quotations, and without blanks at its ends
 * (wpa_config_get_line in hostap's src/utils/config.c). "": nothing is left.
 */
export function uncommented(line: string): string {
  const start = line.replace(/^[ \t\r]+/, "");
  if (start.startsWith("#")) return "";
  const end = commentAt(start);
  return (end === -1 ? start : start.slice(0, end)).replace(/[ \t\r]+$/, "");
}

/** Where the first # is that no pair of quotation marks holds; an odd mark holds nothing. -1: nowhere. */
function commentAt(line: string): number {
  let hash = line.indexOf("#");
  let from = 0;
  while (hash !== -1) {
    const opening = line.indexOf('"', from);
    if (opening === -1 || opening > hash) return hash;
    const closing = line.indexOf('"', opening + 1);
    if (closing === -1) return hash;
    from = closing + 1;
    if (from > hash) hash = line.indexOf("#", from);
  }
  return -1;
}
