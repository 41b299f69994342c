/**
 * Spring properties as an environment, where no list of processes shows them. In ASCII, since Java reads it by the
 * locale, which may be none.
 */
export function springEnvironment(
  settings: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const json = JSON.stringify(settings).replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return { SPRING_APPLICATION_JSON: json };
}
