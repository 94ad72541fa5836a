import type { AskItem, Item, RefuseItem, ShortId } from "./items.ts";

/**
 * What is left of an item beside one that is said already; undefined: nothing.
 * @param isSoon whether a word about this is early enough in the one that is said
 */
export function beside(
  item: Item,
  said: Item,
  isSoon: (id: ShortId) => boolean = () => true,
): Item | undefined {
  switch (item.kind) {
    case "have": {
      const ids = said.kind === "have" ? said.held.map(({ id }) => id) : [];
      const held = item.held.filter(({ id }) => !ids.includes(id) || !isSoon(id));
      return held.length > 0 ? { ...item, held } : undefined;
    }
    case "recent": {
      const tags = item.tags.filter((tag) => said.kind !== "recent" || !said.tags.includes(tag));
      return tags.length > 0 ? { ...item, tags } : undefined;
    }
    case "refuse":
      return said.kind === item.kind ? withoutIds(item, said.ids) : item;
    case "want-recent": {
      const isSaid = said.kind === "want-recent" && said.of === item.of;
      return isSaid && item.tags.every((tag) => said.tags.includes(tag)) ? undefined : item;
    }
    case "want":
    case "offer":
      return said.kind === item.kind && said.of === item.of && !withoutIds(item, said.ids) ? undefined : item;
    case "parts":
    case "list":
      return said.kind === item.kind && said.prefix === item.prefix ? undefined : item;
    default:
      return said === item ? undefined : item;
  }
}

function withoutIds<T extends AskItem | RefuseItem>(item: T, said: readonly ShortId[]): T | undefined {
  const ids = item.ids.filter((id) => !said.includes(id));
  return ids.length > 0 ? { ...item, ids } : undefined;
}
