/** Takes the body of an answer with the status 200 as it comes. */
export interface BodyReader {
  /** A body begins; one that was begun before has broken off. */
  begin(): void;
  /** The chunk is the reader's from here on. */
  write(chunk: Buffer): void;
}

/** An answer, whole. */
export interface Reply {
  readonly status: number;
  /** Empty when a {@link BodyReader} took the body. */
  readonly text: string;
  header(name: string): string | undefined;
}
