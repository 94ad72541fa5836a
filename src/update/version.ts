/** A text that is no semantic version. */
export class VersionError extends Error {
  override readonly name = "VersionError";
}

const FORM =
  /^(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,9})(?:-([0-9A-Za-z.-]{1,64}))?(?:\+([0-9A-Za-z.-]{1,64}))?$/;

/**
 * Which of two versions is the newer one: by https://semver.org, item 11, and then by what comes behind the `+`, so that
 * two builds of one version have an order too.
 * @returns less than 0 when `a` is older, more when it is newer
 * @throws {VersionError}
 */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [parsed(a), parsed(b)];
  for (const [index, number] of one.core.entries()) {
    const difference = number - (other.core[index] ?? 0);
    if (difference !== 0) return difference;
  }
  // A version before its release has something behind the `-`.
  if ((one.pre === "") !== (other.pre === "")) return one.pre === "" ? 1 : -1;
  return byIdentifiers(one.pre, other.pre) || byIdentifiers(one.build, other.build);
}

export const isVersion = (text: string): boolean => FORM.test(text);

function parsed(text: string) {
  const [whole, major, minor, patch, pre = "", build = ""] = FORM.exec(text) ?? [];
  if (whole === undefined) throw new VersionError(`version: "${text.slice(0, 80)}" is no semantic version`);
  return { core: [Number(major), Number(minor), Number(patch)], pre, build };
}

function byIdentifiers(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => (text === "" ? [] : text.split(".")));
  for (const [index, one] of (left ?? []).entries()) {
    const other = right?.[index];
    if (other === undefined) return 1;
    if (one === other) continue;
    const [isNumber, isOtherNumber] = [/^\d+$/.test(one), /^\d+$/.test(other)];
    if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
    if (isNumber) return Number(one) - Number(other) || (one < other ? -1 : 1);
    return one < other ? -1 : 1;
  }
  return (left?.length ?? 0) - (right?.length ?? 0);
}
