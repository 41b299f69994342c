/**
 * Makes of `work` one that never overlaps itself: asked for while it runs, it runs once more afterwards, for all
 * who asked meanwhile. So whatever was there before a call has been seen when its promise settles.
 */
export function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let following: Promise<void> | undefined;
  const run = (): Promise<void> => {
    running = work().finally(() => (running = undefined));
    return running;
  };
  const runAgain = (): Promise<void> => {
    following = undefined;
    return run();
  };
  return () => {
    // One that waits has yet to start, even if what it waited for has just ended.
    if (following === undefined && running === undefined) return run();
    following ??= running!.then(runAgain, runAgain);
    return following;
  };
}
