import type { RegistryConfig } from "../gateway-config.ts";

/** A rule for names of services, and what a name that breaks it must be. */
type NameRule = readonly [isHeld: (name: string) => boolean, bound: string];

const dots = (name: string): boolean => name === "." || name === "..";

/** What each kind of registry can hold; their packages refuse the same names, but only when they are asked for. */
const rules: Readonly<Record<RegistryConfig["type"], NameRule>> = {
  eureka: [
    (name) => !/[/\\]/.test(name) && !dots(name) && name.isWellFormed(),
    "must be without / and \\",
  ],
  etcd: [(name) => name.isWellFormed(), "must be well-formed Unicode"],
  consul: [
    (name) => !/^\/|\/\//.test(name) && !name.split("/").some(dots) && name.isWellFormed(),
    "must not begin with a slash or have an empty, . or .. part between slashes",
  ],
  zookeeper: [
    // As ZooKeeper's own PathUtils; surrogates are letters beyond U+FFFF.
    (name) => !/[/\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/.test(name) && !dots(name),
    "must be without /, controls, private characters and characters beyond U+FFEF",
  ],
  nacos: [
    (name) =>
      /^[^@\s\u4e00-\u9fa5][^\s\u4e00-\u9fa5]*$/.test(name) &&
      !name.includes("@@") &&
      name.isWellFormed(),
    "must be without spaces, Chinese characters and @@, and must not begin with @",
  ],
};

/** Why a kind of registry can never have a service of that name: `must be …`; undefined when it can. */
export function serviceNameProblem(type: RegistryConfig["type"], name: string): string | undefined {
  const [isHeld, bound] = rules[type];
  return isHeld(name) ? undefined : bound;
}
