import type { Path } from "./document.ts";

/** `routes[0].upstream.type`: a path as people read it. */
export function showPath(path: Path): string {
  return path
    .map((key, index) => {
      if (typeof key === "number") return `[${key}]`;
      const word = String(key);
      const shown = /^[\w./:@-]{1,80}$/.test(word) ? word : JSON.stringify(word.slice(0, 80));
      return index === 0 ? shown : `.${shown}`;
    })
    .join("");
}
