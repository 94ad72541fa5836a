import { type Priority, rankOf } from "../priority.ts";

/** What waits to be handed to the firmware: the most urgent first, and in the order of coming among the equal. */
export class SendQueue<T extends { priority: Priority }> {
  private items: T[] = [];

  get length(): number {
    return this.items.length;
  }

  push(item: T): void {
    const rank = rankOf(item.priority);
    const behind = this.items.findIndex(({ priority }) => rankOf(priority) > rank);
    this.items.splice(behind < 0 ? this.items.length : behind, 0, item);
  }

  shift(): T | undefined {
    return this.items.shift();
  }

  /** Takes all out. */
  clear(): T[] {
    return this.items.splice(0);
  }
}
