/**
 * URL of a module beside this one, for a child process: `.ts` when the sources run, `.js` when the
 * build does.
 */
export function siblingModule(name: string): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./${name}.${extension}`, import.meta.url).href;
}
