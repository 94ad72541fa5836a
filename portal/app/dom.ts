type Child = Node | string | undefined;

interface Attributes {
  [name: string]: string | boolean | ((event: Event) => void) | undefined;
}

/**
 * Makes an element. Attributes whose value is a function are event listeners, by the event's name; false and undefined are left out.
 * Texts become text nodes: nothing that somebody wrote is ever read as HTML.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: (Child | Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (typeof value === "string") element.setAttribute(key, value);
  }
  for (const child of children.flat()) if (child !== undefined) element.append(child);
  return element;
}

/** A button for one of the page's steps. */
export function button(text: string, act: () => void, kind: "b" | "b q" | "xl" = "b"): HTMLButtonElement {
  return h("button", { type: "button", class: kind, click: act }, text);
}

/** A field with its label. */
export function field<T extends HTMLInputElement | HTMLTextAreaElement>(
  label: string,
  input: T,
): HTMLElement {
  return h("label", {}, label, input);
}

/** A form whose fields are sent by Enter too. @param act what its button does */
export function form(act: () => void, ...children: (Child | Child[])[]): HTMLFormElement {
  const submit = (event: Event) => {
    event.preventDefault();
    act();
  };
  return h("form", { submit }, ...children);
}

/** A picture of ours: made here, of numbers alone. */
export function svg(source: string): Node {
  const { documentElement } = new DOMParser().parseFromString(source, "image/svg+xml");
  documentElement.setAttribute("aria-hidden", "true");
  return document.importNode(documentElement, true);
}

/** Gives a file to the person. */
export function download(bytes: Uint8Array, name: string): void {
  const url = URL.createObjectURL(new Blob([bytes.slice()], { type: "application/octet-stream" }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
