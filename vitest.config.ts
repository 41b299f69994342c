import { defineConfig } from "vitest/config";

// Tests run against the sources; the built packages are checked by `pack:check` and by the tests that
// start real processes.
const alias = [
  {
    find: /^@rollcall\/core\/adapter$/,
    replacement: `${import.meta.dirname}/packages/core/src/adapter/index.ts`,
  },
  {
    find: /^@rollcall\/etcd\/kv$/,
    replacement: `${import.meta.dirname}/packages/etcd/src/kv.ts`,
  },
  { find: /^@rollcall\/gateway$/, replacement: `${import.meta.dirname}/apps/gateway/src/index.ts` },
  {
    find: /^@rollcall\/([a-z-]+)$/,
    replacement: `${import.meta.dirname}/packages/$1/src/index.ts`,
  },
];

const suffixes = { real: "**/*.real.test.ts", long: "**/*.long.test.ts" };

export default defineConfig({
  resolve: { alias },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "quick",
          include: [
            "packages/*/test/**/*.test.ts",
            "apps/*/test/**/*.test.ts",
            "scripts/test/**/*.test.ts",
          ],
          exclude: ["**/node_modules/**", suffixes.real, suffixes.long],
          // Only what hangs reaches these: a loaded machine is ten times slower than an idle one.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: "real",
          include: [`packages/*/test/${suffixes.real}`, `apps/*/test/${suffixes.real}`],
          globalSetup: ["packages/testbed/src/vitest-setup.ts"],
          // As above; the longest ones start, kill and restart five servers.
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        extends: true,
        test: {
          name: "long",
          include: [`packages/*/test/${suffixes.long}`, `apps/*/test/${suffixes.long}`],
          testTimeout: 3_600_000,
        },
      },
    ],
  },
});
