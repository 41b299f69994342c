/**
 * The two functions the suite needs of a test runner: those of vitest, `node:test`, mocha, jest…
 *
 * The suite brings its own deadlines; give a runner that has one of its own a long one (a minute).
 */
export interface Runner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly test: ((name: string, body: () => Promise<void>) => unknown) & {
    /** Used, where there is one, to show what the subject lacks. */
    readonly skip?: ((name: string, body: () => Promise<void>) => unknown) | undefined;
  };
}
