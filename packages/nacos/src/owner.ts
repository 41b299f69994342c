/** Who wrote a record. Of two owners of one id the one of the higher generation is the younger. */
export interface Owner {
  readonly generation: number;
  /** 16 hexadecimal digits. */
  readonly token: string;
  /** Counts the owner's writes. */
  readonly write: number;
}

/** How an owner is written into a record's metadata. */
export function ownerText({ generation, token, write }: Owner): string {
  return `${generation}.${token}.${write}`;
}

/** The owner a text names; undefined when nobody of ours wrote it. */
export function parseOwner(text: unknown): Owner | undefined {
  const match =
    typeof text === "string" ? /^(\d{1,15})\.([\da-f]{16})\.(\d{1,15})$/.exec(text) : null;
  if (match === null) return undefined;
  return { generation: Number(match[1]), token: match[2] ?? "", write: Number(match[3]) };
}

/** Whether `a` is younger than `b`. Equal generations, which only a coincidence makes, are told apart too. */
export function isYounger(a: Owner, b: Owner): boolean {
  return a.generation === b.generation ? a.token > b.token : a.generation > b.generation;
}
