/** Something wrong, or doubtful, in one configuration file. */
export interface Problem {
  /** The file's name as the user gave it. */
  readonly file: string;
  /** 1-based; absent when the whole file is meant. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** What is wrong and what to do about it, on one line and without secrets. */
  readonly message: string;
}

/** One line for a terminal or a log: `rollcall.yaml:3:5: routes[0].uri must start with "/"`. */
export function formatProblem(problem: Problem): string {
  const place =
    problem.line === undefined
      ? problem.file
      : `${problem.file}:${problem.line}:${problem.column ?? 1}`;
  return `${place}: ${problem.message}`;
}

/** Sorts by place within each file, keeping the files' order, and drops what is said twice. */
export function tidyProblems(problems: readonly Problem[]): readonly Problem[] {
  const files = [...new Set(problems.map((problem) => problem.file))];
  const seen = new Set<string>();
  return problems
    .toSorted(
      (a, b) =>
        files.indexOf(a.file) - files.indexOf(b.file) ||
        (a.line ?? 0) - (b.line ?? 0) ||
        (a.column ?? 0) - (b.column ?? 0),
    )
    .filter((problem) => {
      const line = formatProblem(problem);
      return seen.has(line) ? false : (seen.add(line), true);
    });
}
