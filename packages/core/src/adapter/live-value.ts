/**
 * A value that changes and is read by any number of loops: each sees the newest, now and on change.
 *
 * A slow reader skips what was superseded, so memory is constant whatever its pace. A reader that waits
 * keeps the process alive; the value itself does not.
 */
export interface LiveValue<T> extends AsyncIterable<T> {
  readonly current: T;
  readonly ended: boolean;
  set(value: T): void;
  /** Iterators finish without an error once they have yielded the last value. */
  end(): void;
  /** Iterates until `stop` fires as well. */
  iterate(stop?: AbortSignal): AsyncIterableIterator<T>;
}

/** @see LiveValue */
export function createLiveValue<T>(initial: T): LiveValue<T> {
  let current = initial;
  let version = 0;
  let ended = false;
  const waiting = new Set<() => void>();
  const wakeAll = (): void => {
    for (const wake of waiting) wake();
  };

  function changed(seen: number, isStopped: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (version !== seen || ended || isStopped()) {
        resolve();
        return;
      }
      const release = holdProcess();
      const wake = (): void => {
        waiting.delete(wake);
        release();
        resolve();
      };
      waiting.add(wake);
    });
  }

  function iterate(stop?: AbortSignal): AsyncIterableIterator<T> {
    let seen = -1;
    let done = false;
    const isStopped = (): boolean => done || stop?.aborted === true;
    const onStop = (): void => wakeAll();
    stop?.addEventListener("abort", onStop, { once: true });
    const finish = (): IteratorReturnResult<undefined> => {
      done = true;
      stop?.removeEventListener("abort", onStop);
      return { done: true, value: undefined };
    };
    return {
      async next() {
        for (;;) {
          if (isStopped()) return finish();
          if (seen !== version) {
            seen = version;
            return { done: false, value: current };
          }
          if (ended) return finish();

          await changed(seen, isStopped);
        }
      },
      async return() {
        const result = finish();
        wakeAll();
        return result;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  return {
    get current() {
      return current;
    },
    get ended() {
      return ended;
    },
    set(value) {
      if (ended) return;
      current = value;
      version += 1;
      wakeAll();
    },
    end() {
      ended = true;
      wakeAll();
    },
    iterate,
    [Symbol.asyncIterator]: () => iterate(),
  };
}

/** Keeps the process alive until the returned function is called: somebody awaits us. */
export function holdProcess(): () => void {
  const timer = setInterval(() => undefined, 2_147_483_647);
  return () => clearInterval(timer);
}
