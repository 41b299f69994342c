import { trimmed } from "./trimmed.ts";

const none: readonly string[] = [];
const keepAlive = Buffer.from("keep-alive");
const close = Buffer.from("close");

/**
 * What the Connection fields of one head say, taken together, in whatever order they say it.
 *
 * @see RFC 9110 §7.6.1
 */
export class ConnectionOptions {
  close = false;
  keepAlive = false;
  upgrade = false;
  /** Other names, in lower case: those fields belong to this hop as well. */
  nominated: readonly string[] = none;
  #names: string[] | undefined;

  clear(): void {
    this.close = false;
    this.keepAlive = false;
    this.upgrade = false;
    this.nominated = none;
    this.#names = undefined;
  }

  /** Takes in one field's value. */
  add(bytes: Buffer, from: number, to: number): void {
    // What nearly all say, and told without making a string of it.
    if (spell(bytes, from, to, keepAlive)) this.keepAlive = true;
    else if (spell(bytes, from, to, close)) this.close = true;
    else this.#options(bytes.toString("latin1", from, to).toLowerCase());
  }

  /** Whether the connection outlives the message; `close` goes before anything else. RFC 9112 §9.3. */
  stays(minor: number): boolean {
    return !this.close && (minor === 1 || this.keepAlive);
  }

  #options(value: string): void {
    if (!value.includes(",")) this.#option(value);
    else for (const one of value.split(",")) this.#option(trimmed(one, 0, one.length));
  }

  #option(option: string): void {
    if (option === "close") this.close = true;
    else if (option === "keep-alive") this.keepAlive = true;
    else if (option === "upgrade") this.upgrade = true;
    else if (option !== "") this.#nominate(option);
  }

  #nominate(name: string): void {
    this.#names ??= [];
    this.#names.push(name);
    this.nominated = this.#names;
  }
}

function spell(bytes: Buffer, from: number, to: number, word: Buffer): boolean {
  if (to - from !== word.length) return false;
  for (let index = 0; index < word.length; index += 1) {
    if (bytes[from + index] !== word[index]) return false;
  }
  return true;
}
