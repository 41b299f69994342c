/** Who wrote a record. Of two owners of one id the one of the higher generation is the younger. */
export interface Owner {
  readonly generation: number;
  readonly uuid: string;
}

/**
 * How an owner is written into a record: `<generation>.<uuid>.<revision>`.
 *
 * @param revision  Counts the owner's writes, so that each can be told from the one before.
 */
export function ownerToken({ generation, uuid }: Owner, revision: number): string {
  return `${generation}.${uuid}.${revision}`;
}

/** The owner that a token names; undefined when it is none. */
export function parseOwner(token: string | undefined): Owner | undefined {
  const match = /^(\d{1,15})\.([\da-f-]{36})\.\d{1,15}$/.exec(token ?? "");
  return match === null ? undefined : { generation: Number(match[1]), uuid: match[2] ?? "" };
}

/** Whether `a` is younger than `b`. Equal generations, which only a coincidence makes, are told apart too. */
export function isYounger(a: Owner, b: Owner): boolean {
  return a.generation === b.generation ? a.uuid > b.uuid : a.generation > b.generation;
}
