/** What a request carries besides Host: with it seven fields and about 320 bytes, as from a browser. */
export const requestFields: Readonly<Record<string, string>> = {
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  Accept: "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8",
  "Accept-Language": "en-US,en;q=0.5",
  "Accept-Encoding": "gzip, deflate, br",
  Cookie: "session=6f9c1f0d2b7e4a58",
  "X-Request-Id": "0f8fad5b-d9cb-469f-a165-70867728950e",
};
